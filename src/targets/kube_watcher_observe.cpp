#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/cause.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos || address.front() == '[' ? address : "[" + address + "]";
}

/// How many it is to have: what it says, or what the counts add up to.
std::int64_t wanted_of(const Node& row) {
  return std::max(row.integer_at({"replicas"}),
                  row.integer_at({"available_replicas"}) + row.integer_at({"unavailable_replicas"}));
}

/// A Deployment as Kubernetes would show it, as far as a row of counts says.
Node deployment_of(const Node& row, const Found& found) {
  Node deployment = Node::map();
  Node& metadata = deployment.child("metadata");
  metadata.set("creationTimestamp", found.created);
  if (!found.going_since.empty()) metadata.set("deletionTimestamp", found.going_since);
  // Without pods nobody says how many there are to be: at least one, or it would be ready at once.
  deployment.child("spec").set("replicas", std::max<std::int64_t>(wanted_of(row), 1));
  deployment.child("status").set("availableReplicas", row.integer_at({"available_replicas"}));
  deployment.child("status").set("updatedReplicas", row.integer_at({"replicas"}));
  return deployment;
}

std::string host_of(Watcher& watcher, const std::vector<Node>& pods) {
  for (const Node& pod : pods)
    if (const std::string host = pod.text_at({"status", "hostIP"}); !host.empty() && !watcher.knows_node())
      return bracketed(host);
  return watcher.node_address();
}

std::string endpoint_of(Watcher& watcher, const Ref& ref, const std::vector<Node>& pods) {
  Node body = Node::map();
  body.set("label", deployment_label);
  body.set("value", mark_of(ref));
  body.set("namespace", ref.namespace_name);
  const Node answer = watcher.ask("/v1/get_ports_for_services", body, nullptr);
  const Node* services = answer.find(mark_of(ref));
  if (services == nullptr || !services->is_map()) return "";
  for (const schema::Entry& service : services->entries())
    if (const std::int64_t port = service.value.integer_at({"ports", "0", "node_port"}); port > 0)
      return fmt::format("http://{}:{}", host_of(watcher, pods), port);
  return "";
}

Status observe_today(Watcher& watcher, const Ref& ref, const cards::Causes& causes) {
  const Found found = look(watcher, ref, nullptr);
  Seen seen;
  seen.pods = pods_of(watcher, ref);
  if (!found.has("Deployment", ref.name)) return status_of(seen, std::nullopt);
  seen.deployment = deployment_of(row_of(watcher, ref, nullptr), found);
  std::erase_if(seen.pods, [](const Node& pod) {
    return !pod.text_at({"metadata", "deletionTimestamp"}).empty();
  });
  Status status = status_of(seen, std::nullopt);
  if (status.phase == Phase::deleting) return status;
  if (status.phase != Phase::ready) {
    const ReadLog read = [&](const std::string& pod, const std::string&, bool previous) {
      if (previous) return std::string();
      for (const auto& [name, log] : logs_of(watcher, ref, 60, nullptr))
        if (name == pod) return log;
      return std::string();
    };
    status = status_of(seen, find_cause(causes, seen, read));
  }
  status.endpoint = endpoint_of(watcher, ref, seen.pods);
  return status;
}

Status observe_early(Watcher& watcher, const Ref& ref) {
  const Node row = row_of(watcher, ref, nullptr);
  Status status;
  if (row.find("replicas") == nullptr) {
    status.summary = "does not exist";
    return status;
  }
  const std::int64_t available = row.integer_at({"available_replicas"});
  const std::int64_t wanted = wanted_of(row);
  status.summary = wanted == 0 ? "waiting for its pods" : fmt::format("{} of {} ready", available, wanted);
  status.phase = wanted == 0           ? Phase::pending
                 : available >= wanted ? Phase::ready
                 : available > 0       ? Phase::degraded
                                       : Phase::starting;
  if (status.phase != Phase::ready)
    status.hint = fmt::format(
        "this Kube Watcher tells neither causes nor logs: kubectl -n {} describe pods -l "
        "app.kubernetes.io/instance={}",
        ref.namespace_name, ref.name);
  if (const std::int64_t port = row.integer_at({"ports", "0", "0"}); port > 0)
    status.endpoint = fmt::format("http://{}:{}", watcher.node_address(), port);
  return status;
}

}  // namespace

Status observe(Watcher& watcher, const Ref& ref, const cards::Causes& causes) {
  return watcher.generation(nullptr) == Generation::today ? observe_today(watcher, ref, causes)
                                                          : observe_early(watcher, ref);
}

}  // namespace mlib::targets::kube_watcher
