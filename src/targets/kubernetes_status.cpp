#include <fmt/format.h>

#include "targets/cause.hpp"

namespace mlib::targets {
namespace {

struct Counts {
  std::int64_t wanted = 1;
  std::int64_t available = 0;
  std::int64_t updated = 0;
  bool current = false;  ///< the controller has seen the newest version
};

Counts counts_of(const Node& deployment) {
  Counts counts;
  counts.wanted = deployment.integer_at({"spec", "replicas"}, 1);
  counts.available = deployment.integer_at({"status", "availableReplicas"});
  counts.updated = deployment.integer_at({"status", "updatedReplicas"});
  counts.current = deployment.integer_at({"status", "observedGeneration"}) >=
                   deployment.integer_at({"metadata", "generation"});
  return counts;
}

/// Of a condition of a Deployment or a pod.
std::string condition_time(const Node& deployment, std::string_view type) {
  const Node* list = deployment.at({"status", "conditions"});
  if (list == nullptr || !list->is_list()) return "";
  for (const Node& each : list->items())
    if (each.text_at({"type"}) == type) return each.text_at({"lastTransitionTime"});
  return "";
}

/// True when its newest version was ready once.
bool was_up(const Node& deployment) {
  const Node* list = deployment.at({"status", "conditions"});
  if (list == nullptr || !list->is_list()) return false;
  for (const Node& each : list->items())
    if (each.text_at({"type"}) == "Progressing" && each.text_at({"reason"}) == "NewReplicaSetAvailable")
      return true;
  return false;
}

/// Of one that is not up: what it does, in words, and since when.
struct Step {
  Phase phase = Phase::pending;
  std::string words;
  std::string since;
};

/// When the pod began to pull an image that is not there yet ("" when nobody says); nothing when it does not.
std::optional<std::string> pulling_since(const Seen& seen, const Node& pod) {
  std::optional<std::string> since;
  for (const Node& event : seen.events) {
    if (event.text_at({"involvedObject", "name"}) != pod.text_at({"metadata", "name"})) continue;
    const std::string reason = event.text_at({"reason"});
    if (reason == "Pulling") since = event.text_at({"lastTimestamp"}, event.text_at({"eventTime"}));
    if (reason == "Pulled" || reason == "Failed") since.reset();
  }
  return since;
}

/// What the newest pod of one that is not up does now.
Step step_of(const Seen& seen, std::string_view progress) {
  if (seen.pods.empty()) return {Phase::pending, "waiting for its pod", ""};
  const Node& pod = seen.pods.front();
  const std::string scheduled = condition_time(pod, "PodScheduled");
  if (pod.text_at({"spec", "nodeName"}).empty())
    return {Phase::pending, "waiting for a node", pod.text_at({"metadata", "creationTimestamp"})};
  if (const std::string init = running_init(seen); !init.empty())
    return {
        Phase::starting,
        progress.empty() ? fmt::format("preparing: `{}` runs", init) : fmt::format("preparing: {}", progress),
        scheduled};
  if (const std::optional<std::string> since = pulling_since(seen, pod))
    return {Phase::pulling, "pulling its image", *since};
  if (pod.text_at({"status", "phase"}) != "Running")
    return {Phase::starting, "its container is being made", scheduled};
  const std::string started =
      pod.text_at({"status", "containerStatuses", "0", "state", "running", "startedAt"}, scheduled);
  return {Phase::starting,
          progress.empty() ? "started, not ready yet" : fmt::format("started, not ready yet: {}", progress),
          started};
}

}  // namespace

std::string running_init(const Seen& seen) {
  if (seen.pods.empty()) return "";
  const Node* list = seen.pods.front().at({"status", "initContainerStatuses"});
  if (list == nullptr || !list->is_list()) return "";
  for (const Node& status : list->items())
    if (status.at({"state", "running"}) != nullptr) return status.text_at({"name"});
  return "";
}

Status status_of(const Seen& seen, const std::optional<Cause>& cause, std::string_view progress) {
  Status status;
  if (seen.deployment.is_null()) {
    status.phase = seen.pods.empty() ? Phase::absent : Phase::deleting;
    status.summary =
        seen.pods.empty() ? "does not exist" : fmt::format("deleting: {} pods left", seen.pods.size());
    return status;
  }
  status.since = seen.deployment.text_at({"metadata", "creationTimestamp"});
  if (!seen.deployment.text_at({"metadata", "deletionTimestamp"}).empty()) {
    status.phase = Phase::deleting;
    status.summary = "deleting";
    status.since = seen.deployment.text_at({"metadata", "deletionTimestamp"});
    return status;
  }
  const Counts counts = counts_of(seen.deployment);
  const std::string ready = fmt::format("{} of {} ready", counts.available, counts.wanted);
  const std::string available_since = condition_time(seen.deployment, "Available");
  if (counts.current && counts.available >= counts.wanted && counts.updated >= counts.wanted) {
    status.phase = Phase::ready;
    status.summary = ready;
    if (!available_since.empty()) status.since = available_since;
    return status;
  }
  const auto [phase, step, step_since] = step_of(seen, progress);
  status.phase = phase;
  if (!step_since.empty()) status.since = step_since;
  status.summary = counts.wanted > 1 || counts.available > 0 ? fmt::format("{}; {}", ready, step) : step;
  if (counts.available > 0 || (was_up(seen.deployment) && counts.current)) {
    status.phase = Phase::degraded;
    if (!available_since.empty()) status.since = available_since;
  } else if (cause && cause->final) {
    status.phase = Phase::failed;
    status.summary = "failed";
  }
  if (cause) {
    status.summary += ": " + cause->sentence;
    status.cause = cause->sentence;
    status.reason = cause->name;
    status.evidence = cause->evidence;
    status.hint = cause->hint;
  }
  return status;
}

}  // namespace mlib::targets
