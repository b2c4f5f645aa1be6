#pragma once
#include <memory>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "cards/cause.hpp"
#include "net/client.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// How a Kube Watcher is reached.
struct KubeWatcherOptions {
  std::string url;                ///< http://host:port or https://…
  Secret<std::string> key = {};   ///< sent to the URL's own origin only; "" for none
  std::string node_address = {};  ///< where node ports answer; "": a node that it names, else its own host
  cards::Causes causes = {};      ///< what the cluster's words mean
};

/// Deployments by a Kube Watcher, of January 2024 (no keys) or today's: which one is found out by asking.
/// It creates and deletes and never changes: what exists already is Problem{conflict}, unless Desired says
/// `replace`. Its answers are checked by looking at what is there afterwards; what it cannot remove is told.
/// docs/kube-watcher.md says what each can do. `http` and `clock` outlive the target.
std::unique_ptr<Target> kube_watcher_target(net::Client& http, Clock& clock, KubeWatcherOptions options);

}  // namespace mlib::targets
