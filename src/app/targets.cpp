#include "app/targets.hpp"

#include <unistd.h>

#include "base/text.hpp"
#include "kube/config.hpp"
#include "targets/kubernetes.hpp"
#include "targets/podman.hpp"

namespace mlib::app {

std::vector<std::pair<std::string, verbs::MakeTarget>> make_targets(net::Client& client, Clock& clock,
                                                                    const Environment& environment,
                                                                    const std::string& state) {
  const auto podman = [&client, &clock, environment, state](const verbs::TargetOptions&) {
    targets::PodmanOptions options;
    options.socket = environment.container_host;
    options.sockets.clear();
    if (!environment.runtime.empty()) options.sockets.push_back(environment.runtime + "/podman/podman.sock");
    if (::geteuid() == 0) options.sockets.emplace_back("/run/podman/podman.sock");
    options.state = state;
    return targets::podman_target(client, clock, std::move(options));
  };
  const auto kubernetes = [&client, &clock, environment](const verbs::TargetOptions& asked) {
    kube::Where where;
    where.kubeconfig = asked.kubeconfig;
    where.context = asked.context;
    where.paths = split(environment.kubeconfig, ':');
    std::erase(where.paths, "");
    where.service_host = environment.service_host;
    where.service_port = environment.service_port;
    return targets::kubernetes_target(client, clock, kube::find(where));
  };
  return {{"podman", podman}, {"kubernetes", kubernetes}};
}

}  // namespace mlib::app
