#include <fmt/format.h>

#include <algorithm>

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

std::string address_of(const Node& node, std::string_view type) {
  if (const Node* addresses = node.at({"status", "addresses"}); addresses != nullptr && addresses->is_list())
    for (const Node& each : addresses->items())
      if (each.text_at({"type"}) == type) return bracketed(each.text_at({"address"}));
  return "";
}

/// Where a NodePort is reached: the ExternalIP of a node that runs a pod of it, its InternalIP, those of any
/// node, the API server's host.
std::string node_address(kube::Client& client, const Seen& seen) {
  std::vector<std::string> own;
  for (const Node& pod : seen.pods) own.push_back(pod.text_at({"spec", "nodeName"}));
  const std::vector<Node> nodes = list_if_allowed(client, {"v1", "Node", "", ""}, {});
  std::string any;
  for (const std::string_view type : {"ExternalIP", "InternalIP"})
    for (const Node& node : nodes) {
      const std::string address = address_of(node, type);
      if (address.empty()) continue;
      if (std::find(own.begin(), own.end(), node.text_at({"metadata", "name"})) != own.end()) return address;
      if (any.empty()) any = address;
    }
  for (const Node& pod : seen.pods)
    if (const std::string address = pod.text_at({"status", "hostIP"}); !address.empty())
      return bracketed(address);
  return any.empty() ? host_of(client.config().server) : any;
}

const Node* first_port(const Node& service) {
  const Node* ports = service.at({"spec", "ports"});
  if (ports == nullptr || !ports->is_list() || ports->items().empty()) return nullptr;
  for (const Node& port : ports->items())
    if (port.text_at({"name"}) == "http") return &port;
  return &ports->items().front();
}

/// What a load balancer of a Service or an Ingress is reached by, or "".
std::string balancer_of(const Node& object) {
  const Node* given = object.at({"status", "loadBalancer", "ingress", "0"});
  return given == nullptr ? "" : bracketed(given->text_at({"hostname"}, given->text_at({"ip"})));
}

bool has_tls(const Node& ingress, const std::string& host) {
  const Node* list = ingress.at({"spec", "tls"});
  if (list == nullptr || !list->is_list()) return false;
  for (const Node& each : list->items()) {
    const Node* hosts = each.find("hosts");
    if (hosts == nullptr || !hosts->is_list()) return true;
    for (const Node& name : hosts->items())
      if (name.is_string() && name.string() == host) return true;
  }
  return false;
}

/// The first path of the Ingress that leads to the Service; "" when there is none, or no address yet.
std::string url_by(const Node& ingress, const std::string& service) {
  const Node* rules = ingress.at({"spec", "rules"});
  if (rules == nullptr || !rules->is_list()) return "";
  for (const Node& rule : rules->items()) {
    const Node* paths = rule.at({"http", "paths"});
    if (paths == nullptr || !paths->is_list()) continue;
    for (const Node& path : paths->items()) {
      if (path.text_at({"backend", "service", "name"}) != service) continue;
      const std::string name = rule.text_at({"host"});
      const std::string host = name.empty() || name.starts_with('*') ? balancer_of(ingress) : name;
      if (host.empty()) return "";
      std::string prefix = path.text_at({"path"});
      while (prefix.ends_with('/')) prefix.pop_back();
      return fmt::format("{}://{}{}", has_tls(ingress, name) ? "https" : "http", host, prefix);
    }
  }
  return "";
}

/// The Service by the API server's proxy, and how to reach it without the cluster's credentials.
Reached through_server(kube::Client& client, const Node& service, const Node& port) {
  const Id id = kube::id_of(service);
  const std::int64_t number = port.integer_at({"port"});
  return {
      fmt::format("{}:{}/proxy", client.url(id), number),
      fmt::format("kubectl port-forward -n {} service/{} {}:{}", id.namespace_name, id.name, number, number)};
}

}  // namespace

Reached endpoint_of(kube::Client& client, const Seen& seen) {
  for (const Node& service : seen.services) {
    const Node* port = first_port(service);
    if (port == nullptr || service.text_at({"spec", "clusterIP"}) == "None") continue;
    const std::int64_t node_port = port->integer_at({"nodePort"});
    if (service.text_at({"spec", "type"}) != "NodePort") {
      const Id kind{"networking.k8s.io/v1", "Ingress", service.text_at({"metadata", "namespace"}), ""};
      const std::string selector =
          selector_of({kind.namespace_name, service.text_at({"metadata", "labels", instance})});
      for (const Node& ingress : list_if_allowed(client, kind, {.labels = selector}))
        if (std::string url = url_by(ingress, service.text_at({"metadata", "name"})); !url.empty())
          return {std::move(url), ""};
      if (const std::string host = balancer_of(service); !host.empty())
        return {fmt::format("http://{}:{}", host, port->integer_at({"port"})), ""};
    }
    if (node_port > 0) return {fmt::format("http://{}:{}", node_address(client, seen), node_port), ""};
    if (service.text_at({"spec", "type"}) != "LoadBalancer") return through_server(client, service, *port);
  }
  return {};
}

net::Answer send(kube::Client& client, net::Client& http, const net::Call& call, const net::BodySink& sink,
                 const Cancel* cancel) {
  const bool proxied = call.url.starts_with(client.url({"v1", "Namespace", "", ""}) + "/") &&
                       call.url.find("/proxy/") != std::string::npos;
  if (!proxied) return sink ? http.stream(call, sink, cancel) : http.call(call, cancel);
  if (!call.bearer.empty())
    throw Problem(Kind::unsupported, "a key cannot be sent through the API server, which keeps it for itself",
                  "reach the endpoint without it: kubectl port-forward, as `mlib endpoint` says");
  return client.once(call, sink ? &sink : nullptr, cancel);
}

}  // namespace mlib::targets::kubernetes
