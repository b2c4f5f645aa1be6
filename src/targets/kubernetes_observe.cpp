#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/cause.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

std::string created_of(const Node& object) { return object.text_at({"metadata", "creationTimestamp"}); }

bool going(const Node& object) { return !object.text_at({"metadata", "deletionTimestamp"}).empty(); }

std::vector<Node> events_of(kube::Client& client, const Ref& ref, const Seen& seen) {
  std::vector<std::string> names;
  for (const Node& pod : seen.pods)
    if (names.size() < 3) names.push_back(pod.text_at({"metadata", "name"}));
  for (const Node& claim : seen.claims)
    if (claim.text_at({"status", "phase"}) != "Bound") names.push_back(claim.text_at({"metadata", "name"}));
  std::vector<Node> events;
  for (const std::string& name : names)
    for (Node& event : list_if_allowed(client, {"v1", "Event", ref.namespace_name, ""},
                                       {.fields = "involvedObject.name=" + name}))
      events.push_back(std::move(event));
  std::stable_sort(events.begin(), events.end(),
                   [](const Node& a, const Node& b) { return time_of(a) < time_of(b); });
  return events;
}

/// Leaves the pods of the newest revision.
void keep_newest_revision(std::vector<Node>& pods) {
  if (pods.empty()) return;
  const auto revision = [](const Node& pod) {
    return pod.text_at({"metadata", "labels", "pod-template-hash"});
  };
  const std::string newest = revision(pods.front());
  std::erase_if(pods, [&](const Node& pod) { return revision(pod) != newest; });
}

std::string log_end(kube::Client& client, const kube::LogQuery& query) {
  std::string text;
  try {
    client.log(query, [&](std::string_view bytes) {
      text += bytes;
      return text.size() < (1U << 20U);
    });
  } catch (const Problem&) {
    return "";  // a log that cannot be read is no evidence
  }
  std::string plain;
  for (const std::string& line : split(text, '\n'))
    plain += line.substr(std::min(line.size(), line.find(' ') + 1)) + '\n';
  return plain;
}

}  // namespace

std::string time_of(const Node& event) {
  const std::string last = event.text_at({"lastTimestamp"});
  return last.empty() ? event.text_at({"eventTime"}, created_of(event)) : last;
}

namespace {

/// How objects are listed: from the server, or from what the process watches.
using Lists = std::function<std::vector<Node>(const Id& kind, const kube::Selection& selection)>;

std::vector<Node> pods_by(const Lists& list, const Ref& ref) {
  std::vector<Node> pods = list({"v1", "Pod", ref.namespace_name, ""}, {.labels = selector_of(ref)});
  std::stable_sort(pods.begin(), pods.end(), [](const Node& a, const Node& b) {
    if (going(a) != going(b)) return going(b);
    return created_of(a) > created_of(b);
  });
  return pods;
}

Node workload_by(const Lists& list, const Ref& ref) {
  for (const std::string_view kind : {"Deployment", "StatefulSet"}) {
    std::vector<Node> found;
    try {
      found = list({"apps/v1", std::string(kind), ref.namespace_name, ""}, {.labels = selector_of(ref)});
    } catch (const Problem& problem) {
      // Few templates make a StatefulSet: who may not see any has none.
      if (kind == "Deployment" || problem.kind() != Kind::forbidden) throw;
    }
    if (!found.empty())
      return *std::max_element(found.begin(), found.end(),
                               [](const Node& a, const Node& b) { return created_of(a) < created_of(b); });
  }
  return {};
}

Lists from_server(kube::Client& client, const Cancel* cancel) {
  return [&client, cancel](const Id& kind, const kube::Selection& selection) {
    return client.list(kind, selection, cancel);
  };
}

}  // namespace

std::vector<Node> pods_of(kube::Client& client, const Ref& ref, const Cancel* cancel) {
  return pods_by(from_server(client, cancel), ref);
}

Node workload_of(kube::Client& client, const Ref& ref, const Cancel* cancel) {
  return workload_by(from_server(client, cancel), ref);
}

std::vector<kube::Scope> watched_kinds() {
  const std::string ours = fmt::format("{}={}", managed_by, us);
  std::vector<kube::Scope> kinds;
  for (const auto& [api_version, kind] : {std::pair{"apps/v1", "Deployment"},
                                          {"apps/v1", "StatefulSet"},
                                          {"v1", "Pod"},
                                          {"v1", "Service"},
                                          {"v1", "PersistentVolumeClaim"},
                                          {"networking.k8s.io/v1", "Ingress"}})
    kinds.push_back({{api_version, kind, "", ""}, ours});
  // Events have no labels of ours: those of everybody come, the newest stay.
  kinds.push_back({{"v1", "Event", "", ""}, "", 2U << 20U});
  kinds.push_back({{"v1", "Node", "", ""}});
  return kinds;
}

Status observe(kube::Client& client, const Ref& ref, const cards::Causes& causes) {
  const Lists look = [&client](const Id& kind, const kube::Selection& selection) {
    return client.look(kind, selection);
  };
  Seen seen;
  seen.deployment = workload_by(look, ref);
  seen.pods = pods_by(look, ref);
  if (seen.deployment.is_null()) return status_of(seen, std::nullopt);
  std::erase_if(seen.pods, going);
  keep_newest_revision(seen.pods);
  Status status = status_of(seen, std::nullopt);
  if (status.phase == Phase::deleting) return status;
  const std::string labels = selector_of(ref);
  seen.services = list_if_allowed(client, {"v1", "Service", ref.namespace_name, ""}, {.labels = labels});
  if (status.phase != Phase::ready) {
    seen.claims =
        list_if_allowed(client, {"v1", "PersistentVolumeClaim", ref.namespace_name, ""}, {.labels = labels});
    seen.events = events_of(client, ref, seen);
    const ReadLog read = [&](const std::string& pod, const std::string& container, bool previous) {
      return log_end(client, {ref.namespace_name, pod, container, false, previous, 60});
    };
    const std::string init = running_init(seen);
    std::string progress;
    const Node pod = seen.pods.empty() ? Node() : seen.pods.front();
    if (!init.empty())
      progress = last_line(read(pod.text_at({"metadata", "name"}), init, false));
    else if (pod.text_at({"status", "phase"}) == "Running")
      progress = progress_line(
          read(pod.text_at({"metadata", "name"}), pod.text_at({"spec", "containers", "0", "name"}), false));
    status = status_of(seen, find_cause(causes, seen, read), progress);
  }
  Reached reached = endpoint_of(client, seen);
  status.endpoint = std::move(reached.url);
  status.forward = std::move(reached.forward);
  return status;
}

}  // namespace mlib::targets::kubernetes
