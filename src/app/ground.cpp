#include "app/ground.hpp"

#include <fmt/format.h>

#include <fstream>
#include <mutex>
#include <sstream>

#include "app/kube_watcher.hpp"
#include "app/results.hpp"
#include "base/text.hpp"
#include "kube/config.hpp"
#include "net/client.hpp"
#include "render/policy_file.hpp"
#include "targets/kube_watcher.hpp"
#include "targets/kubernetes.hpp"
#include "targets/podman.hpp"

namespace mlib::app {

namespace {

/// So often a command lists a kind of object before it watches it: most end earlier.
constexpr int reads_of_a_command = 8;

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
  Parts(const cli::Options& options, const Environment& environment, bool lasting)
      : state(state_of(options, environment)),
        shelf(load_catalogue(options.catalog, state)),
        catalog(options.catalog),
        results(results_in(catalog.empty() ? state : catalog)),
        store(store::lazy_store([folder = state] { return store::sqlite_store(folder); })),
        policy(load_policy(environment.policy)),
        watches(targets::kubernetes_watches(*http, clock, lasting ? 0 : reads_of_a_command)) {}

  std::string state;
  verbs::Shelf shelf;
  std::string catalog;
  std::unique_ptr<verbs::Results> results;
  std::once_flag causes_read;
  cards::Causes causes_there;
  std::unique_ptr<store::Store> store;
  SystemClock clock;
  std::unique_ptr<net::Client> http = net::make_client();
  render::PolicyFile policy;
  std::unique_ptr<kube::Informers> watches;
  std::optional<verbs::World> world;

  /// Kept as they were when the first target was made.
  const cards::Causes& causes() {
    std::call_once(causes_read, [this] { causes_there = shelf.library()->causes; });
    return causes_there;
  }
};

namespace {

targets::PodmanOptions podman_options(const std::string& state, const Environment& environment,
                                      const cards::Causes& causes) {
  constexpr std::string_view scheme = "unix://";
  if (!environment.podman.empty() && !environment.podman.starts_with(scheme))
    throw Problem(Kind::unsupported,
                  fmt::format("$CONTAINER_HOST is `{}`: only a socket of this machine will do",
                              shortened(environment.podman, 80)),
                  "as in CONTAINER_HOST=unix:///run/podman/podman.sock; unset it for podman's usual one");
  targets::PodmanOptions options;
  options.causes = causes;
  if (!environment.podman.empty()) options.socket = environment.podman.substr(scheme.size());
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

std::vector<cards::File> catalogue_files(const std::string& folder, const std::string& state) {
  if (!folder.empty()) return cards::over_contract(cards::read_folder(folder));
  std::vector<cards::File> files = cards::embedded();
  for (cards::File& file : read_results(state)) files.push_back(std::move(file));
  return files;
}

std::shared_ptr<const cards::Library> load_catalogue(const std::string& folder, const std::string& state) {
  return cards::load(catalogue_files(folder, state), folder.empty() ? "catalog" : folder);
}

std::string state_of(const cli::Options& options, const Environment& environment) {
  return options.state.empty() ? environment.state : options.state;
}

Ground::Ground(const cli::Options& options, const Environment& environment, bool lasting)
    : parts_(std::make_unique<Parts>(options, environment, lasting)) {
  Parts& parts = *parts_;
  const verbs::MakeTarget podman = [&parts, environment](const verbs::TargetOptions&) {
    return targets::podman_target(*parts.http, parts.clock,
                                  podman_options(parts.state, environment, parts.causes()));
  };
  const verbs::MakeTarget kubernetes = [&parts, environment](const verbs::TargetOptions& target) {
    targets::KubernetesOptions made{kube::find(where_of(target, environment)), parts.causes(),
                                    parts.watches.get()};
    return targets::kubernetes_target(*parts.http, parts.clock, std::move(made));
  };
  const verbs::MakeTarget kube_watcher = [&parts, environment](const verbs::TargetOptions& target) {
    targets::KubeWatcherOptions options = kube_watcher_of(target, environment);
    options.causes = parts.causes();
    return targets::kube_watcher_target(*parts.http, parts.clock, std::move(options));
  };
  parts.world.emplace(
      verbs::World{parts.shelf,
                   *parts.store,
                   parts.clock,
                   {{"podman", podman}, {"kubernetes", kubernetes}, {"kube-watcher", kube_watcher}},
                   parts.policy,
                   parts.http.get(),
                   parts.results.get(),
                   [&parts] { return catalogue_files(parts.catalog, parts.state); }});
}

Ground::~Ground() = default;
const verbs::World& Ground::world() const { return *parts_->world; }
verbs::Shelf& Ground::shelf() { return parts_->shelf; }

}  // namespace mlib::app
