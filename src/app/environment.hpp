#pragma once
#include <string>

namespace mlib::app {

/// What this process was told by its environment; the only place that reads it.
struct Environment {
  std::string state;           ///< folder of the state: $XDG_STATE_HOME or ~/.local/state, then model-library
  std::string kubeconfig;      ///< $KUBECONFIG, else ~/.kube/config when it is there, else ""
  std::string runtime;         ///< $XDG_RUNTIME_DIR, or ""
  std::string container_host;  ///< $CONTAINER_HOST: podman's socket (unix://…), or ""
  std::string service_host, service_port;  ///< $KUBERNETES_SERVICE_HOST and _PORT: set in a pod
  std::string user;                        ///< as a DNS label
  bool color = true;                       ///< false by $NO_COLOR or TERM=dumb
  std::size_t columns = 0;                 ///< of the terminal that standard output is; 0: none
};

Environment environment();

}  // namespace mlib::app
