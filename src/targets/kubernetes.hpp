#pragma once
#include <memory>

#include "base/clock.hpp"
#include "cards/cause.hpp"
#include "kube/config.hpp"
#include "kube/informers.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// Deployments on a Kubernetes cluster: server-side apply as `model-library` after a dry run of all objects;
/// only objects with our labels and a recorded uid are changed or removed; namespaces are made, and deleted
/// only by remove_namespace. `http` and `clock` outlive the target; `causes` say what the cluster's words
/// mean.
struct KubernetesOptions {
  kube::Config config;
  cards::Causes causes = {};
  kube::Informers* shared =
      nullptr;  ///< watches that many deployments and calls read from; outlives the target
};
std::unique_ptr<Target> kubernetes_target(net::Client& http, Clock& clock, KubernetesOptions options);

/// What a process that looks at many deployments, or often, watches for all of them. The first `direct` times
/// that a kind is looked at it is listed.
std::unique_ptr<kube::Informers> kubernetes_watches(net::Client& http, Clock& clock, int direct);

}  // namespace mlib::targets
