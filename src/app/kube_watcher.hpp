#pragma once
#include "app/environment.hpp"
#include "targets/kube_watcher.hpp"
#include "verbs/verb.hpp"

namespace mlib::app {

/// The Kube Watcher that a call names, else the environment's. A key of the environment belongs to the
/// environment's URL when there is one: it is not sent to another origin. Problem{usage} for a key file that
/// cannot be read.
targets::KubeWatcherOptions kube_watcher_of(const verbs::TargetOptions& asked,
                                            const Environment& environment);

}  // namespace mlib::app
