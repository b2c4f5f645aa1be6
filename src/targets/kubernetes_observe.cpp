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

std::vector<Node> pods_of(kube::Client& client, const Ref& ref, const Cancel* cancel) {
  std::vector<Node> pods =
      client.list({"v1", "Pod", ref.namespace_name, ""}, {.labels = selector_of(ref)}, cancel);
  std::stable_sort(pods.begin(), pods.end(), [](const Node& a, const Node& b) {
    if (going(a) != going(b)) return going(b);
    return created_of(a) > created_of(b);
  });
  return pods;
}

Node workload_of(kube::Client& client, const Ref& ref, const Cancel* cancel) {
  for (const std::string_view kind : {"Deployment", "StatefulSet"}) {
    const std::vector<Node> found = client.list({"apps/v1", std::string(kind), ref.namespace_name, ""},
                                                {.labels = selector_of(ref)}, cancel);
    if (!found.empty())
      return *std::max_element(found.begin(), found.end(),
                               [](const Node& a, const Node& b) { return created_of(a) < created_of(b); });
  }
  return {};
}

Status observe(kube::Client& client, const Ref& ref, const cards::Causes& causes) {
  Seen seen;
  seen.deployment = workload_of(client, ref, nullptr);
  seen.pods = pods_of(client, ref, nullptr);
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
    if (!init.empty())
      progress = last_line(read(seen.pods.front().text_at({"metadata", "name"}), init, false));
    status = status_of(seen, find_cause(causes, seen, read), progress);
  }
  status.endpoint = endpoint_of(client, seen);
  return status;
}

}  // namespace mlib::targets::kubernetes
