#include "api/kube_watcher_rows.hpp"

#include <algorithm>
#include <charconv>

#include "schema/document.hpp"

namespace mlib::api::kube_watcher {
namespace {

using schema::Node;

std::vector<Node> objects_of(const store::Deployment& record) {
  std::vector<Finding> findings;
  return schema::read_yaml({"manifest", record.manifest}, findings);
}

bool is_workload(const Node& object) {
  const std::string kind = object.text_at({"kind"});
  return kind == "Deployment" || kind == "StatefulSet";
}

std::string name_of(const Node& object) { return object.text_at({"metadata", "name"}); }

Node count(std::int64_t number) { return number == 0 ? Node() : Node(number); }

/// The target tells a phase, not counts: all are available, or none.
void add_counts(const Node& workload, const store::Deployment& record, const targets::Status& status,
                Node& row) {
  const bool one = record.target == "podman";  // this machine runs one, whatever was asked for
  const std::int64_t wanted = one ? 1 : workload.integer_at({"spec", "replicas"}, 1);
  const std::int64_t there = status.phase == targets::Phase::absent ? 0 : wanted;
  const std::int64_t ready = status.phase == targets::Phase::ready ? wanted : 0;
  row.set("replicas", count(there));
  row.set("available_replicas", count(ready));
  row.set("unavailable_replicas", count(wanted - ready));
  row.set("ready_replicas", count(ready));
  row.set("paused", nullptr);
}

struct Address {
  std::string host;
  std::int64_t port = 0;
};

/// Of `http://host:port`; nothing where a path belongs to it (an Ingress, the API server's proxy), since
/// clients make a URL of host and port alone.
Address address_of(const std::string& url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) return {};
  const std::size_t slash = std::min(url.find('/', begin + 3), url.size());
  if (slash + 1 < url.size()) return {};
  const std::string authority = url.substr(begin + 3, slash - begin - 3);
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string::npos || authority.ends_with(']'))
    return {authority, url.starts_with("https:") ? 443 : 80};
  Address address{authority.substr(0, colon)};
  std::from_chars(authority.data() + colon + 1, authority.data() + authority.size(), address.port);
  return address;
}

Node target_port(const Node& port) {
  const Node* target = port.find("targetPort");
  if (target == nullptr) target = port.find("port");
  return target == nullptr ? Node() : *target;
}

/// The first port is the endpoint's; others are not reachable from outside.
void add_service(const Node& service, const targets::Status& status, Node& row) {
  const Address address = address_of(status.endpoint);
  row.set("cluster_ip", address.host.empty() ? Node() : Node(address.host));
  Node ports = Node::list();
  const Node* first = service.at({"spec", "ports", "0"});
  if (first != nullptr && address.port > 0) {
    Node pair = Node::list();
    pair.push(address.port);
    pair.push(target_port(*first));
    ports.push(std::move(pair));
  }
  row.set("ports", std::move(ports));
}

}  // namespace

void add_rows(const store::Deployment& record, const targets::Status& status, Node& rows) {
  bool has_workload = false;
  for (const Node& object : objects_of(record)) {
    if (is_workload(object)) {
      has_workload = true;
      add_counts(object, record, status, rows.child(name_of(object)));
    }
  }
  // One whose apply failed has no manifest yet: it can still be seen, and deleted.
  if (!has_workload) add_counts({}, record, status, rows.child(record.name));
  for (const Node& object : objects_of(record))
    if (object.text_at({"kind"}) == "Service") add_service(object, status, rows.child(name_of(object)));
}

bool has_row(const store::Deployment& record, std::string_view row) {
  if (record.name == row) return true;
  for (const Node& object : objects_of(record))
    if ((is_workload(object) || object.text_at({"kind"}) == "Service") && name_of(object) == row) return true;
  return false;
}

}  // namespace mlib::api::kube_watcher
