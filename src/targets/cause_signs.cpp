#include "targets/cause_signs.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace mlib::targets {
namespace {

using cards::Facts;
using cards::Sign;

bool has(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

/// Items of a list at `steps`, or none.
const Node::List& items_at(const Node& node, std::initializer_list<std::string_view> steps) {
  static const Node::List none;
  const Node* found = node.at(steps);
  return found != nullptr && found->is_list() ? found->items() : none;
}

const Node* condition(const Node& object, std::string_view type) {
  for (const Node& each : items_at(object, {"status", "conditions"}))
    if (each.text_at({"type"}) == type) return &each;
  return nullptr;
}

std::string name_of(const Node& object) { return object.text_at({"metadata", "name"}); }

/// Events of an object, the newest first.
std::vector<const Node*> events_of(const Seen& seen, std::string_view object) {
  std::vector<const Node*> found;
  for (auto event = seen.events.rbegin(); event != seen.events.rend(); ++event)
    if (event->text_at({"involvedObject", "name"}) == object) found.push_back(&*event);
  return found;
}

/// The message of the last event of the object with that reason and those words, or "".
std::string last_message(const Seen& seen, std::string_view object, std::string_view reason,
                         std::string_view words) {
  for (const Node* event : events_of(seen, object))
    if (event->text_at({"reason"}) == reason && has(event->text_at({"message"}), words))
      return event->text_at({"message"});
  return "";
}

const Node* spec_of(const Node& pod, std::string_view container) {
  for (const std::string_view list : {"initContainers", "containers"})
    for (const Node& each : items_at(pod, {"spec", list}))
      if (each.text_at({"name"}) == container) return &each;
  return nullptr;
}

bool is_init(const Node& pod, std::string_view container) {
  const Node::List& inits = items_at(pod, {"spec", "initContainers"});
  return std::any_of(inits.begin(), inits.end(),
                     [&](const Node& each) { return each.text_at({"name"}) == container; });
}

// --- containers

/// What is known of a container besides its state.
Facts facts_of(const Node& pod, const Node& status) {
  const std::string name = status.text_at({"name"});
  Facts facts;
  facts["who"] = fmt::format("{}container `{}`", is_init(pod, name) ? "init " : "", name);
  if (const Node* spec = spec_of(pod, name)) {
    facts["image"] = spec->text_at({"image"});
    facts["limit"] = spec->text_at({"resources", "limits", "memory"},
                                   pod.text_at({"spec", "resources", "limits", "memory"}));
  }
  facts["node"] = pod.text_at({"spec", "nodeName"});
  const std::int64_t restarts = status.integer_at({"restartCount"});
  if (restarts == 1) facts["restarts"] = "once";
  if (restarts > 1) facts["restarts"] = fmt::format("{} times", restarts);
  return facts;
}

Symptom waiting_symptom(const Seen& seen, const Node& pod, const Node& status) {
  Sign sign{"container", status.text_at({"state", "waiting", "reason"}), -1,
            status.text_at({"state", "waiting", "message"}), facts_of(pod, status)};
  if (has(sign.reason, "Image") || sign.reason == "RegistryUnavailable") {
    const std::string failed = last_message(seen, name_of(pod), "Failed", "Failed to pull");
    if (!failed.empty() && has(sign.text, "Back-off") && !has(sign.text, ": ")) sign.text = failed;
  }
  return {std::move(sign)};
}

/// From the `terminated` state of a container.
Symptom ended_symptom(const Seen& seen, const Node& pod, const Node& status, const Node& ended) {
  const std::string reason = ended.text_at({"reason"});
  Sign sign{"ended", reason, static_cast<int>(ended.integer_at({"exitCode"})), ended.text_at({"message"}),
            facts_of(pod, status)};
  Symptom symptom;
  // Without a limit it is the node's memory that was not enough.
  if (reason == "OOMKilled" && sign.facts["limit"].empty()) {
    sign.reason = "OOMKilledWithoutLimit";
    if (sign.text.empty()) sign.text = "OOMKilled, and it has no memory limit";
  }
  if (reason == "StartError" || reason == "ContainerCannotRun") {
    sign.place = "container";
  } else if (reason != "OOMKilled") {
    for (const std::string_view probe : {"liveness", "startup"}) {
      const std::string killed =
          last_message(seen, name_of(pod), "Killing", fmt::format("failed {} probe", probe));
      if (killed.empty()) continue;
      const std::string answer = last_message(seen, name_of(pod), "Unhealthy",
                                              probe == "liveness" ? "Liveness probe" : "Startup probe");
      sign.reason = "ProbeFailed";
      sign.text = answer.empty() ? killed : answer;
    }
  }
  symptom.sign = std::move(sign);
  symptom.pod = name_of(pod);
  symptom.container = status.text_at({"name"});
  return symptom;
}

/// A container that waits, has ended, or has been started again and is not ready.
Symptoms container_symptoms(const Seen& seen, const Node& pod, const Node& status) {
  Symptoms found;
  const std::string waits = status.text_at({"state", "waiting", "reason"});
  const bool looping = waits == "CrashLoopBackOff";
  if (!waits.empty() && !looping) found.push_back(waiting_symptom(seen, pod, status));
  const Node* ended = status.at({"state", "terminated"});
  const Node* before = status.at({"lastState", "terminated"});
  const Node* ready = status.find("ready");
  const bool unready = ready != nullptr && ready->is_boolean() && !ready->boolean();
  const bool init = is_init(pod, status.text_at({"name"}));
  if (ended != nullptr && (ended->integer_at({"exitCode"}) != 0 || !init)) {
    found.push_back(ended_symptom(seen, pod, status, *ended));
  } else if (before != nullptr && unready && (looping || status.at({"state", "running"}) != nullptr)) {
    found.push_back(ended_symptom(seen, pod, status, *before));
    found.back().previous = !looping;
  }
  if (!found.empty()) found.back().repeated = looping || status.integer_at({"restartCount"}) > 1;
  return found;
}

// --- claims

Symptoms claim_symptoms(const Seen& seen, const Node& claim) {
  const std::string phase = claim.text_at({"status", "phase"});
  const Facts facts{{"claim", name_of(claim)}, {"class", claim.text_at({"spec", "storageClassName"})}};
  Symptoms found;
  if (phase == "Lost") found.push_back({{"claim", "Lost", -1, "phase: Lost", facts}});
  if (phase == "Pending")
    for (const Node* event : events_of(seen, name_of(claim)))
      found.push_back({{"claim", event->text_at({"reason"}), -1, event->text_at({"message"}), facts}});
  return found;
}

// --- scheduling

/// What the pod's containers ask of `resource`, as written ("8", "64Gi"); the largest when several do.
std::string asked_of(const Node& pod, const std::string& resource) {
  std::string asked;
  for (const Node& container : items_at(pod, {"spec", "containers"}))
    for (const std::string_view part : {"requests", "limits"}) {
      const Node* value = container.at({"resources", part, resource});
      if (value == nullptr) continue;
      const std::string text = value->is_string()    ? value->string()
                               : value->is_integer() ? std::to_string(value->integer())
                                                     : "";
      if (asked.empty() || quantity(text).value_or(0) > quantity(asked).value_or(0)) asked = text;
    }
  return asked;
}

std::string selector_text(const Node& pod) {
  std::vector<std::string> parts;
  if (const Node* selector = pod.at({"spec", "nodeSelector"}); selector != nullptr && selector->is_map())
    for (const schema::Entry& entry : selector->entries())
      parts.push_back(entry.key + "=" + (entry.value.is_string() ? entry.value.string() : ""));
  return join(parts, ", ");
}

/// One reason of the scheduler: "2 Insufficient cpu", or a text without a number.
Sign reason_sign(const Node& pod, std::string_view reason) {
  Sign sign{"scheduler"};
  sign.facts["selector"] = selector_text(pod);
  const std::string_view number = reason.substr(0, reason.find(' '));
  if (!number.empty() &&
      std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    sign.facts["nodes"] = fmt::format("{} {}", number, number == "1" ? "node" : "nodes");
    reason = trim(reason.substr(number.size()));
  }
  constexpr std::string_view insufficient = "Insufficient ";
  if (reason.starts_with(insufficient))
    sign.facts["asked"] = asked_of(pod, std::string(reason.substr(insufficient.size())));
  sign.text = std::string(reason);
  return sign;
}

/// The reasons of "0/3 nodes are available: A, B. preemption: …"; none when the pod is not held up so.
Symptoms scheduling_symptoms(const Node& pod) {
  const Node* scheduled = condition(pod, "PodScheduled");
  if (scheduled == nullptr || scheduled->text_at({"status"}) != "False") return {};
  const std::string message = scheduled->text_at({"message"});
  constexpr std::string_view start = "are available: ";
  const std::size_t colon = message.find(start);
  if (colon == std::string::npos) return {};
  const std::string_view whole = std::string_view(message).substr(0, message.find(". "));
  std::string_view reasons = whole.substr(std::min(whole.size(), colon + start.size()));
  if (!reasons.empty() && reasons.back() == '.') reasons.remove_suffix(1);
  Symptoms found;
  for (const std::string& reason : split(reasons, ',')) {
    Symptom symptom{reason_sign(pod, trim(reason))};
    symptom.evidence = whole.ends_with('.') ? std::string(whole) : std::string(whole) + ".";
    found.push_back(std::move(symptom));
  }
  return found;
}

// --- pods

/// A pod that was evicted and whose containers then ended well has succeeded: only an event tells.
Symptoms failed_symptoms(const Seen& seen, const Node& pod) {
  const std::string phase = pod.text_at({"status", "phase"});
  const std::string evicted = phase == "Succeeded" ? last_message(seen, name_of(pod), "Evicted", "") : "";
  if (phase != "Failed" && evicted.empty()) return {};
  return {{{"pod", evicted.empty() ? pod.text_at({"status", "reason"}) : "Evicted", -1,
            evicted.empty() ? pod.text_at({"status", "message"}) : evicted,
            Facts{{"node", pod.text_at({"spec", "nodeName"})}}}}};
}

Symptoms condition_symptoms(const Node& pod) {
  Symptoms found;
  for (const Node& each : items_at(pod, {"status", "conditions"})) {
    const bool wrong = (each.text_at({"type"}) == "DisruptionTarget") == (each.text_at({"status"}) == "True");
    if (wrong)
      found.push_back({{"condition", each.text_at({"reason"}), -1, each.text_at({"message"}),
                        Facts{{"node", pod.text_at({"spec", "nodeName"})}}}});
  }
  return found;
}

/// Events since a container of it was last made or started: what was before that is over.
Symptoms event_symptoms(const Seen& seen, const Node& pod) {
  const Node* ready = condition(pod, "Ready");
  if (ready != nullptr && ready->text_at({"status"}) == "True") return {};
  Symptoms found;
  for (const Node* event : events_of(seen, name_of(pod))) {
    const std::string reason = event->text_at({"reason"});
    if (reason == "Created" || reason == "Started") break;
    found.push_back({{"event", reason, -1, event->text_at({"message"}),
                      Facts{{"node", pod.text_at({"spec", "nodeName"})}}}});
  }
  return found;
}

}  // namespace

std::vector<Symptoms> symptoms_of(const Seen& seen) {
  std::vector<Symptoms> all;
  const Node* refused = condition(seen.deployment, "ReplicaFailure");
  if (refused != nullptr && refused->text_at({"status"}) == "True")
    all.push_back({{{"replicas", "ReplicaFailure", -1, refused->text_at({"message"})}}});
  for (const Node& pod : seen.pods) {
    // An eviction says more than how its containers ended.
    const Symptoms failed = failed_symptoms(seen, pod);
    if (!failed.empty() && !failed.front().sign.reason.empty()) all.push_back(failed);
    for (const std::string_view list : {"initContainerStatuses", "containerStatuses"})
      for (const Node& status : items_at(pod, {"status", list}))
        all.push_back(container_symptoms(seen, pod, status));
  }
  for (const Node& claim : seen.claims) all.push_back(claim_symptoms(seen, claim));
  for (const Node& pod : seen.pods) all.push_back(scheduling_symptoms(pod));
  for (const Node& pod : seen.pods) all.push_back(failed_symptoms(seen, pod));
  for (const Node& pod : seen.pods) all.push_back(condition_symptoms(pod));
  for (const Node& pod : seen.pods) all.push_back(event_symptoms(seen, pod));
  std::erase_if(all, [](const Symptoms& group) { return group.empty(); });
  return all;
}

Symptoms lateness_of(const Seen& seen) {
  const Node* progressing = condition(seen.deployment, "Progressing");
  if (progressing == nullptr || progressing->text_at({"status"}) == "True") return {};
  return {{{"progress", progressing->text_at({"reason"}), -1, progressing->text_at({"message"})}}};
}

}  // namespace mlib::targets
