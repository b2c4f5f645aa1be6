#include "kube/informers.hpp"

#include <atomic>
#include <thread>

#include "kube/client.hpp"

namespace mlib::kube {
namespace {

constexpr std::chrono::minutes unused{5};

/// `a=b` chooses all that `a=b,c=d` does.
bool covers(const std::string& wide, const std::string& narrow) {
  if (wide.empty()) return true;
  return narrow.starts_with(wide) && (narrow.size() == wide.size() || narrow[wide.size()] == ',');
}

}  // namespace

/// An informer and its thread.
struct Informers::Running {
  Running(Client& client, Clock& clock, Scope scope, std::uint32_t seed)
      : informer(client, clock, std::move(scope), seed), thread([this] { work(); }) {}
  ~Running() {
    cancel.ask();
    thread.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void work() {
    try {
      while (!informer.idle_for(unused)) informer.turn(cancel);
    } catch (const Problem&) {
      // asked to end
    }
    over = true;
  }

  Informer informer;
  Cancel cancel;
  std::atomic<bool> over{false};
  std::thread thread;  // last: it uses the others
};

struct Informers::Cluster {
  Cluster(net::Client& http, Clock& clock, const Config& config) : client(http, clock, config) {}
  Client client;
  std::map<std::string, int> reads;                         ///< by kind
  std::map<std::string, std::shared_ptr<Running>> running;  ///< by "kind namespace"
};

Informers::Informers(net::Client& http, Clock& clock, std::vector<Scope> kinds, int direct)
    : http_(http), clock_(clock), kinds_(std::move(kinds)), direct_(direct) {}

Informers::~Informers() {
  for (auto& [identity, cluster] : clusters_)
    for (auto& [key, each] : cluster->running) each->cancel.ask();
}

const Scope* Informers::scope_of(const Id& kind, const Selection& selection) const {
  if (!can_find(selection)) return nullptr;
  for (const Scope& each : kinds_)
    if (each.kind.kind == kind.kind && each.kind.api_version == kind.api_version &&
        covers(each.labels, selection.labels))
      return &each;
  return nullptr;
}

std::shared_ptr<Informers::Running> Informers::start(Cluster& cluster, Scope scope,
                                                     const std::string& namespace_name) {
  std::shared_ptr<Running>& place = cluster.running[scope.kind.kind + " " + namespace_name];
  if (place && !place->over) return place;
  scope.kind.namespace_name = namespace_name;
  const auto seed = static_cast<std::uint32_t>(clock_.now().time_since_epoch().count() + 1);
  return place = std::make_shared<Running>(cluster.client, clock_, std::move(scope), seed);
}

/// Nothing while it is to be listed.
std::shared_ptr<Informers::Running> Informers::running(const Config& config, const Scope& scope,
                                                       const std::string& namespace_name) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Cluster>& cluster = clusters_[identity_of(config)];
  if (!cluster) cluster = std::make_unique<Cluster>(http_, clock_, config);
  if (cluster->reads[scope.kind.kind]++ < direct_) return nullptr;
  return start(*cluster, scope, namespace_name);
}

std::optional<std::vector<Node>> Informers::find(const Config& config, const Id& kind,
                                                 const Selection& selection, const Cancel* cancel) {
  const Scope* scope = scope_of(kind, selection);
  if (scope == nullptr) return std::nullopt;
  std::shared_ptr<Running> wide = running(config, *scope, "");
  if (!wide) return std::nullopt;
  auto found = wide->informer.find(kind.namespace_name, selection, cancel);
  if (found || kind.namespace_name.empty() || !wide->informer.refused()) return found;
  return running(config, *scope, kind.namespace_name)->informer.find(kind.namespace_name, selection, cancel);
}

void Informers::wrote(const Config& config, const Id& id, const std::string& uid,
                      const std::string& version) {
  const std::lock_guard lock(mutex_);
  const auto cluster = clusters_.find(identity_of(config));
  if (cluster == clusters_.end()) return;
  for (const std::string& space : {std::string(), id.namespace_name})
    if (const auto at = cluster->second->running.find(id.kind + " " + space);
        at != cluster->second->running.end() && (space.empty() || space == id.namespace_name))
      at->second->informer.expect(id, uid, version);
}

}  // namespace mlib::kube
