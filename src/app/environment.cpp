#include "app/environment.hpp"

#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.hpp"
#include "verbs/names.hpp"

namespace mlib::app {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  const std::string label = verbs::label_of(entry == nullptr ? "" : entry->pw_name);
  return label.empty() ? "user" : label;
}

std::size_t terminal_columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0) return 0;
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Environment environment() {
  Environment found;
  const std::string home = variable("HOME");
  const std::string state = variable("XDG_STATE_HOME");
  found.state = (state.empty() ? home + "/.local/state" : state) + "/model-library";
  const std::string kubeconfig = variable("KUBECONFIG");
  found.kubeconfigs = split(kubeconfig.empty() ? home + "/.kube/config" : kubeconfig, ':');
  found.kubernetes_host = variable("KUBERNETES_SERVICE_HOST");
  found.kubernetes_port = variable("KUBERNETES_SERVICE_PORT");
  found.podman = variable("CONTAINER_HOST");
  found.kube_watcher_url = variable("KUBE_WATCHER_URL");
  found.kube_watcher_key = Secret<std::string>(variable("KUBE_WATCHER_KEY"));
  found.kube_watcher_key_file = variable("KUBE_WATCHER_KEY_FILE");
  found.kube_watcher_node = variable("KUBE_WATCHER_NODE");
  found.runtime = variable("XDG_RUNTIME_DIR");
  found.user = user_name();
  found.policy = variable("MLIB_POLICY");
  constexpr const char* usual = "/etc/model-library/policy.yaml";
  if (found.policy.empty() && ::access(usual, F_OK) == 0) found.policy = usual;
  found.color = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  found.columns = terminal_columns();
  return found;
}

}  // namespace mlib::app
