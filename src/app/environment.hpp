#pragma once
#include <string>
#include <vector>

#include "base/secret.hpp"

namespace mlib::app {

/// What this process was told by its environment; the only place that reads it.
struct Environment {
  std::string state;  ///< folder of the state: $XDG_STATE_HOME or ~/.local/state, then model-library
  std::vector<std::string> kubeconfigs;          ///< $KUBECONFIG's files, else ~/.kube/config
  std::string kubernetes_host, kubernetes_port;  ///< of the cluster that this process runs in, or ""
  std::string podman;                            ///< $CONTAINER_HOST as it is
  std::string kube_watcher_url, kube_watcher_key_file,
      kube_watcher_node;  ///< $KUBE_WATCHER_URL and so on, or ""
  Secret<std::string> kube_watcher_key;
  std::string runtime;  ///< $XDG_RUNTIME_DIR, or ""
  std::string user;     ///< as a DNS label
  std::string
      policy;  ///< $MLIB_POLICY, which must exist, or /etc/model-library/policy.yaml where it does, or ""
  bool color = true;        ///< false by $NO_COLOR or TERM=dumb
  std::size_t columns = 0;  ///< of the terminal that standard output is; 0: none
};

Environment environment();

}  // namespace mlib::app
