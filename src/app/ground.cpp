#include "app/ground.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "app/kube_watcher.hpp"
#include "base/text.hpp"
#include "kube/config.hpp"
#include "net/client.hpp"
#include "render/policy_file.hpp"
#include "targets/kube_watcher.hpp"
#include "targets/kubernetes.hpp"
#include "targets/podman.hpp"

namespace mlib::app {

namespace {

/// The administrator's policy file at `path`; nothing is lifted where there is none.
render::PolicyFile load_policy(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || !text)
    throw Problem(Kind::unavailable, fmt::format("the policy file {} cannot be read", path),
                  "$MLIB_POLICY names it; docs/policy.md says what it may hold");
  return render::read_policy({path, text.str()});
}

}  // namespace

struct Ground::Parts {
  Parts(const cli::Options& options, const Environment& environment)
      : shelf(load_catalogue(options.catalog)),
        state(options.state.empty() ? environment.state : options.state),
        store(store::lazy_store([folder = state] { return store::sqlite_store(folder); })),
        policy(load_policy(environment.policy)) {}

  verbs::Shelf shelf;
  std::string state;
  std::unique_ptr<store::Store> store;
  SystemClock clock;
  std::unique_ptr<net::Client> http = net::make_client();
  render::PolicyFile policy;
  std::optional<verbs::World> world;
};

namespace {

targets::PodmanOptions podman_options(const std::string& state, const Environment& environment) {
  targets::PodmanOptions options;
  options.socket = environment.podman;
  if (!environment.runtime.empty())
    options.sockets.insert(options.sockets.begin(), environment.runtime + "/podman/podman.sock");
  options.state = state + "/podman";
  return options;
}

kube::Where where_of(const verbs::TargetOptions& options, const Environment& environment) {
  kube::Where where;
  where.kubeconfig = options.kubeconfig;
  where.context = options.context;
  where.paths = environment.kubeconfigs;
  where.service_host = environment.kubernetes_host;
  where.service_port = environment.kubernetes_port;
  return where;
}

}  // namespace

std::shared_ptr<const cards::Library> load_catalogue(const std::string& folder) {
  if (folder.empty()) return cards::load(cards::embedded(), "catalog");
  return cards::load(cards::read_folder(folder), folder);
}

Ground::Ground(const cli::Options& options, const Environment& environment)
    : parts_(std::make_unique<Parts>(options, environment)) {
  Parts& parts = *parts_;
  const verbs::MakeTarget podman = [&parts, environment](const verbs::TargetOptions&) {
    return targets::podman_target(*parts.http, parts.clock, podman_options(parts.state, environment));
  };
  const verbs::MakeTarget kubernetes = [&parts, environment](const verbs::TargetOptions& target) {
    return targets::kubernetes_target(*parts.http, parts.clock, kube::find(where_of(target, environment)));
  };
  const verbs::MakeTarget kube_watcher = [&parts, environment](const verbs::TargetOptions& target) {
    return targets::kube_watcher_target(*parts.http, parts.clock, kube_watcher_of(target, environment));
  };
  parts.world.emplace(
      verbs::World{parts.shelf,
                   *parts.store,
                   parts.clock,
                   {{"podman", podman}, {"kubernetes", kubernetes}, {"kube-watcher", kube_watcher}},
                   parts.policy,
                    parts.http.get()});
}

Ground::~Ground() = default;
const verbs::World& Ground::world() const { return *parts_->world; }
verbs::Shelf& Ground::shelf() { return parts_->shelf; }

}  // namespace mlib::app
