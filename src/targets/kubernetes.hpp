#pragma once
#include <memory>

#include "base/clock.hpp"
#include "cards/cause.hpp"
#include "kube/config.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// Deployments on a Kubernetes cluster: server-side apply as `model-library` after a dry run of all objects;
/// only objects with our labels and a recorded uid are changed or removed; namespaces are made, and deleted
/// only by remove_namespace. `http` and `clock` outlive the target; `causes` say what the cluster's words
/// mean.
std::unique_ptr<Target> kubernetes_target(net::Client& http, Clock& clock, kube::Config config,
                                          cards::Causes causes = {});

}  // namespace mlib::targets
