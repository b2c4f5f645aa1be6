#include <fmt/format.h>

#include "targets/cause.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

std::string host_of(std::string_view url) {
  std::string_view rest = url.substr(url.find("://") + 3);
  rest = rest.substr(0, rest.find('/'));
  if (rest.starts_with('[')) return std::string(rest.substr(0, rest.find(']') + 1));
  return std::string(rest.substr(0, rest.find(':')));
}

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos || address.front() == '[' ? address : "[" + address + "]";
}

/// The address of a node that runs a pod of it, else of any node, else the API server's host.
std::string node_address(kube::Client& client, const Seen& seen) {
  for (const Node& pod : seen.pods)
    if (const std::string address = pod.text_at({"status", "hostIP"}); !address.empty())
      return bracketed(address);
  for (const Node& node : list_if_allowed(client, {"v1", "Node", "", ""}, {})) {
    const Node* addresses = node.at({"status", "addresses"});
    if (addresses == nullptr || !addresses->is_list()) continue;
    for (const Node& each : addresses->items())
      if (each.text_at({"type"}) == "InternalIP") return bracketed(each.text_at({"address"}));
  }
  return host_of(client.config().server);
}

const Node* first_port(const Node& service) {
  const Node* ports = service.at({"spec", "ports"});
  if (ports == nullptr || !ports->is_list() || ports->items().empty()) return nullptr;
  for (const Node& port : ports->items())
    if (port.text_at({"name"}) == "http") return &port;
  return &ports->items().front();
}

}  // namespace

std::string endpoint_of(kube::Client& client, const Seen& seen) {
  for (const Node& service : seen.services) {
    const Node* port = first_port(service);
    if (port == nullptr) continue;
    if (const Node* ingress = service.at({"status", "loadBalancer", "ingress", "0"})) {
      const std::string host = ingress->text_at({"ip"}, ingress->text_at({"hostname"}));
      if (!host.empty()) return fmt::format("http://{}:{}", bracketed(host), port->integer_at({"port"}));
    }
    if (const std::int64_t node_port = port->integer_at({"nodePort"}); node_port > 0)
      return fmt::format("http://{}:{}", node_address(client, seen), node_port);
  }
  return "";
}

}  // namespace mlib::targets::kubernetes
