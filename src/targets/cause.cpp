#include "targets/cause.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace mlib::targets {
namespace {

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

/// The last event of `object` with one of `reasons`, or null.
const Node* last_event(const Seen& seen, std::string_view object,
                       std::initializer_list<std::string_view> reasons) {
  for (auto event = seen.events.rbegin(); event != seen.events.rend(); ++event) {
    if (event->text_at({"involvedObject", "name"}) != object) continue;
    for (const std::string_view reason : reasons)
      if (event->text_at({"reason"}) == reason) return &*event;
  }
  return nullptr;
}

std::string evidence(std::string_view text) { return shortened(visible(trim(text)), 600); }

// --- claims
// -----------------------------------------------------------------------------------------------------

std::optional<Cause> claim_missing(const Seen& seen, const ReadLog&) {
  for (const Node& pod : seen.pods) {
    const Node* scheduled = condition(pod, "PodScheduled");
    const std::string message = scheduled == nullptr ? "" : scheduled->text_at({"message"});
    if (has(message, "persistentvolumeclaim \"") && has(message, "not found"))
      return Cause{"the claim for its storage does not exist", evidence(message),
                   "deploy again: the claim is made with the deployment", true};
  }
  return std::nullopt;
}

std::optional<Cause> claim_unbound(const Seen& seen, const ReadLog&) {
  for (const Node& claim : seen.claims) {
    const std::string phase = claim.text_at({"status", "phase"});
    const std::string name = name_of(claim);
    if (phase == "Lost")
      return Cause{fmt::format("the volume of claim `{}` is gone", name), "phase: Lost",
                   "delete the deployment --with-storage and deploy it again", true};
    if (phase != "Pending") continue;
    const Node* event = last_event(seen, name, {"ProvisioningFailed", "FailedBinding"});
    if (event == nullptr) continue;
    const std::string message = event->text_at({"message"});
    const std::string storage_class = claim.text_at({"spec", "storageClassName"});
    if (has(message, "no persistent volumes available") && storage_class.empty())
      return Cause{fmt::format("claim `{}` gets no volume: the cluster has no default StorageClass", name),
                   evidence(message), "name a StorageClass of the cluster, or have one made the default"};
    if (has(message, "storageclass") && has(message, "not found"))
      return Cause{
          fmt::format("claim `{}` gets no volume: there is no StorageClass `{}`", name, storage_class),
          evidence(message), "name a StorageClass that the cluster has: kubectl get storageclass"};
    return Cause{fmt::format("claim `{}` gets no volume", name), evidence(message),
                 "look at the StorageClass and its provisioner: kubectl get storageclass"};
  }
  return std::nullopt;
}

// --- scheduling
// -------------------------------------------------------------------------------------------------

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

/// One reason of the scheduler ("2 Insufficient cpu") as a clause and a hint; empty when it is of no use.
std::pair<std::string, std::string> clause_of(std::string_view reason, const Node& pod) {
  const std::size_t space = reason.find(' ');
  const std::string_view number = reason.substr(0, space);
  const std::string count = fmt::format("{} {}", number, number == "1" ? "node" : "nodes");
  const std::string_view rest = space == std::string_view::npos ? "" : reason.substr(space + 1);
  if (rest.starts_with("Insufficient ")) {
    const std::string resource(rest.substr(13));
    const std::string asked = asked_of(pod, resource);
    const bool device = has(resource, "/");
    return {
        fmt::format("{} without enough {}{}", count, resource,
                    asked.empty() ? "" : fmt::format(" ({} asked)", asked)),
        device
            ? "choose hardware that the cluster has; a node shows a device only when its device plugin runs"
            : "choose smaller hardware, delete what is not needed, or add a node"};
  }
  if (has(rest, "untolerated taint")) {
    const std::size_t open = rest.find('{');
    const std::string taint = open == std::string_view::npos ? "" : " " + std::string(rest.substr(open));
    return {fmt::format("{} with a taint that it does not tolerate{}", count, taint),
            "choose hardware that tolerates it: kubectl describe nodes shows the taints"};
  }
  if (has(rest, "didn't match Pod's node affinity/selector"))
    return {fmt::format("{} without the labels that it selects{}", count,
                        selector_text(pod).empty() ? "" : " (" + selector_text(pod) + ")"),
            "choose hardware whose node selector matches: kubectl get nodes --show-labels"};
  if (has(rest, "were unschedulable")) return {count + " closed for new pods (cordoned)", "uncordon a node"};
  if (has(rest, "volume node affinity conflict"))
    return {count + " that cannot reach its volume",
            "free the node where the volume is, or delete it --with-storage"};
  if (has(rest, "Too many pods")) return {count + " full of pods", "add a node"};
  if (has(rest, "free ports")) return {count + " where its host port is taken", "choose another port"};
  return {std::string(reason), ""};
}

std::optional<Cause> unschedulable(const Seen& seen, const ReadLog&) {
  for (const Node& pod : seen.pods) {
    const Node* scheduled = condition(pod, "PodScheduled");
    if (scheduled == nullptr || scheduled->text_at({"status"}) != "False") continue;
    const std::string message = scheduled->text_at({"message"});
    if (message.empty()) continue;
    std::string_view reasons = message;
    const std::size_t colon = reasons.find("are available: ");
    if (has(message, "unbound immediate PersistentVolumeClaims"))
      return Cause{"no node can run it before its claim has a volume", evidence(message),
                   "look at the claim and its StorageClass: kubectl describe pvc"};
    if (colon == std::string_view::npos)
      return Cause{"the scheduler finds no node for it", evidence(message), "kubectl get nodes"};
    reasons = reasons.substr(colon + 15);
    reasons = reasons.substr(0, reasons.find(". "));
    if (!reasons.empty() && reasons.back() == '.') reasons.remove_suffix(1);
    std::vector<std::string> clauses;
    std::string hint;
    for (const std::string& reason : split(reasons, ',')) {
      auto [clause, step] = clause_of(trim(reason), pod);
      clauses.push_back(clause);
      // A taint of the control plane says least, a missing resource most.
      if (hint.empty() || has(reason, "Insufficient")) hint = step.empty() ? hint : step;
    }
    return Cause{fmt::format("no node can run it: {}", join(clauses, ", ")),
                 evidence(std::string_view(message).substr(0, message.find(". ") + 1)), hint};
  }
  return std::nullopt;
}

// --- images
// -----------------------------------------------------------------------------------------------------

struct Words {
  std::string_view words;  ///< found in the text, in lower case
  std::string_view sentence;
  std::string_view hint;
};

constexpr std::array pulls{
    Words{"no match for platform", "has no build for this machine's processor",
          "choose an image of the right architecture"},
    Words{"no matching manifest", "has no build for this machine's processor",
          "choose an image of the right architecture"},
    Words{"unauthorized", "may not be pulled without logging in",
          "give the namespace an imagePullSecret for that registry"},
    Words{"authorization failed", "may not be pulled, or does not exist",
          "check its name; give the namespace an imagePullSecret for that registry"},
    Words{"denied", "may not be pulled, or does not exist",
          "check its name; give the namespace an imagePullSecret for that registry"},
    Words{"toomanyrequests", "is not served now: the registry limits pulls",
          "log in to the registry, or wait"},
    Words{"not found", "does not exist", "check the image's name and tag"},
    Words{"manifest unknown", "does not exist", "check the image's name and tag"},
    Words{"no such host", "cannot be pulled: its registry's name does not resolve",
          "check the registry's name, or load the image onto the node"},
    Words{"connection refused", "cannot be pulled: its registry does not answer",
          "check that the registry runs, or load the image onto the node"},
    Words{"timeout", "cannot be pulled: its registry does not answer in time",
          "check the node's way to the registry, or load the image onto the node"},
    Words{"x509", "cannot be pulled: its registry's certificate is not trusted",
          "have the node trust the registry"},
    Words{"no space left", "does not fit on the node's disk", "free the node's disk"},
};

std::string image_of(const Node& pod, const std::string& container) {
  for (const std::string_view list : {"initContainers", "containers"})
    for (const Node& each : items_at(pod, {"spec", list}))
      if (each.text_at({"name"}) == container) return each.text_at({"image"});
  return "";
}

Cause pull_cause(const Seen& seen, const Node& pod, const Node& status) {
  const std::string image = image_of(pod, status.text_at({"name"}));
  std::string message = status.text_at({"state", "waiting", "message"});
  const Node* event = last_event(seen, name_of(pod), {"Failed"});
  if (event != nullptr && has(event->text_at({"message"}), "Failed to pull"))
    message = event->text_at({"message"});
  const std::string low = lower(message);
  for (const Words& row : pulls)
    if (has(low, row.words))
      return Cause{fmt::format("the image {} {}", image, row.sentence), evidence(message),
                   std::string(row.hint), true};
  return Cause{fmt::format("the image {} cannot be pulled", image), evidence(message),
               "check its name and the node's way to the registry", true};
}

// --- containers
// -------------------------------------------------------------------------------------------------

std::string exit_text(std::int64_t code) {
  switch (code) {
    case 126:
      return " (its command cannot be executed)";
    case 127:
      return " (its command is not in the image)";
    case 134:
      return " (it aborted)";
    case 137:
      return " (it was killed)";
    case 139:
      return " (it crashed: segmentation fault)";
    case 143:
      return " (it was asked to end)";
    default:
      return "";
  }
}

std::string limit_of(const Node& pod, const std::string& container) {
  for (const std::string_view list : {"initContainers", "containers"})
    for (const Node& each : items_at(pod, {"spec", list}))
      if (each.text_at({"name"}) == container) return each.text_at({"resources", "limits", "memory"});
  return "";
}

/// A container of a pod that died: what it ended with.
struct Death {
  const Node& pod;
  std::string container;
  bool init = false;
  std::int64_t restarts = 0;
  const Node& ended;      ///< the `terminated` state
  bool previous = false;  ///< its log is the previous run's
  bool looping = false;
};

Cause start_cause(const std::string& who, const std::string& message) {
  const bool absent = has(message, "executable file not found") || has(message, "no such file or directory");
  return {absent ? who + " cannot be started: its command is not in the image" : who + " cannot be started",
          evidence(message),
          absent ? "check the command and the image" : "see the evidence: the node's runtime refused it",
          true};
}

Cause death_cause(const Seen& seen, const Death& death, const ReadLog& read_log) {
  const std::string who = fmt::format("{}container `{}`", death.init ? "init " : "", death.container);
  const std::string often = death.restarts > 0 ? fmt::format(", restarted {} times", death.restarts) : "";
  if (death.ended.text_at({"reason"}) == "OOMKilled") {
    const std::string limit = limit_of(death.pod, death.container);
    return {fmt::format("{} used more memory than its limit{} and was killed{}", who,
                        limit.empty() ? "" : " of " + limit, often),
            "OOMKilled", "choose hardware with more memory, or a smaller model or context", true};
  }
  const Node* killing = last_event(seen, name_of(death.pod), {"Killing"});
  const std::string why = killing == nullptr ? "" : killing->text_at({"message"});
  if (has(why, "failed liveness probe") || has(why, "failed startup probe")) {
    const Node* probe = last_event(seen, name_of(death.pod), {"Unhealthy"});
    return {fmt::format("{} is restarted because its health check fails{}", who, often),
            evidence(probe == nullptr ? why : probe->text_at({"message"})),
            "give it more time to start, or look at its log: mlib logs --previous", true};
  }
  const std::int64_t code = death.ended.integer_at({"exitCode"});
  const std::string reason = death.ended.text_at({"reason"});
  if (reason == "StartError" || reason == "ContainerCannotRun")
    return start_cause(who, death.ended.text_at({"message"}));
  const std::string log = read_log(name_of(death.pod), death.container, death.previous);
  std::string shown = telling_line(log);
  if (shown.empty()) shown = evidence(death.ended.text_at({"message"}));
  const auto known = known_line(log);
  Cause cause{fmt::format("{} ended with exit code {}{}{}", who, code, exit_text(code), often), shown,
              "read its log: mlib logs, and --previous for the run before",
              death.looping || death.restarts > 1};
  if (known) {
    cause.sentence = fmt::format("{}: {}", known->sentence, cause.sentence);
    cause.hint = known->hint;
    cause.evidence = known->evidence;
  }
  return cause;
}

std::optional<Cause> waiting_cause(const Seen& seen, const Node& pod, const Node& status) {
  const std::string reason = status.text_at({"state", "waiting", "reason"});
  const std::string message = status.text_at({"state", "waiting", "message"});
  const std::string container = status.text_at({"name"});
  if (reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "RegistryUnavailable")
    return pull_cause(seen, pod, status);
  if (reason == "InvalidImageName")
    return Cause{fmt::format("`{}` is no image name", image_of(pod, container)), evidence(message),
                 "an image is REGISTRY/NAME:TAG, in lower case", true};
  if (reason == "ErrImageNeverPull")
    return Cause{
        fmt::format("the image {} is not on the node and may not be pulled", image_of(pod, container)),
        evidence(message), "load it onto the node, or set imagePullPolicy to IfNotPresent", true};
  if (reason == "CreateContainerConfigError") {
    const bool key = has(message, "couldn't find key");
    const bool secret = has(lower(message), "secret");
    const std::string what = secret ? "Secret" : has(lower(message), "configmap") ? "ConfigMap" : "setting";
    return Cause{fmt::format("container `{}` cannot start: {} {} is missing", container,
                             key ? "a key of a" : "a", what),
                 evidence(message), fmt::format("make the {} in its namespace", what), true};
  }
  if (reason == "CreateContainerError" || reason == "RunContainerError" || reason == "StartError")
    return start_cause(fmt::format("container `{}`", container), message);
  return std::nullopt;
}

std::optional<Cause> container_cause(const Seen& seen, const Node& pod, const Node& status,
                                     const ReadLog& read_log) {
  if (auto cause = waiting_cause(seen, pod, status)) return cause;
  const Node::List& inits = items_at(pod, {"spec", "initContainers"});
  const bool init = std::any_of(inits.begin(), inits.end(), [&](const Node& each) {
    return each.text_at({"name"}) == status.text_at({"name"});
  });
  const std::int64_t restarts = status.integer_at({"restartCount"});
  const Node* ended = status.at({"state", "terminated"});
  const Node* before = status.at({"lastState", "terminated"});
  const bool looping = status.text_at({"state", "waiting", "reason"}) == "CrashLoopBackOff";
  const Node* ready = status.find("ready");
  if (ended != nullptr && (ended->integer_at({"exitCode"}) != 0 || !init))
    return death_cause(seen, {pod, status.text_at({"name"}), init, restarts, *ended, false, looping},
                       read_log);
  const bool unready = ready != nullptr && ready->is_boolean() && !ready->boolean();
  if (before != nullptr && unready && (looping || status.at({"state", "running"}) != nullptr))
    return death_cause(seen, {pod, status.text_at({"name"}), init, restarts, *before, !looping, looping},
                       read_log);
  return std::nullopt;
}

std::optional<Cause> containers(const Seen& seen, const ReadLog& read_log) {
  for (const Node& pod : seen.pods)
    for (const std::string_view list : {"initContainerStatuses", "containerStatuses"})
      for (const Node& status : items_at(pod, {"status", list}))
        if (auto cause = container_cause(seen, pod, status, read_log)) return cause;
  return std::nullopt;
}

// --- pods
// -------------------------------------------------------------------------------------------------------

std::optional<Cause> pod_failed(const Seen& seen, const ReadLog&) {
  for (const Node& pod : seen.pods) {
    if (pod.text_at({"status", "phase"}) != "Failed") continue;
    const std::string message = pod.text_at({"status", "message"});
    if (pod.text_at({"status", "reason"}) == "Evicted")
      return Cause{"the node evicted it: it ran short of memory or disk", evidence(message),
                   "choose hardware that asks for what it uses, or a node with more"};
    return Cause{fmt::format("its pod failed: {}", pod.text_at({"status", "reason"}, "no reason given")),
                 evidence(message), "kubectl describe pod"};
  }
  return std::nullopt;
}

std::optional<Cause> mount_failed(const Seen& seen, const ReadLog&) {
  for (const Node& pod : seen.pods) {
    if (pod.text_at({"status", "phase"}) != "Pending") continue;
    const Node* event = last_event(seen, name_of(pod), {"FailedMount", "FailedAttachVolume"});
    if (event == nullptr) continue;
    const std::string message = event->text_at({"message"});
    if (has(message, "Multi-Attach"))
      return Cause{"its volume is still used on another node", evidence(message),
                   "wait for the old pod to go, or use a claim that several nodes may mount"};
    const bool missing = has(message, "not found");
    return Cause{
        missing ? "something that it mounts does not exist" : "a volume cannot be mounted", evidence(message),
        missing ? "make the Secret, ConfigMap or claim that the evidence names" : "see the evidence"};
  }
  return std::nullopt;
}

std::optional<Cause> sandbox_failed(const Seen& seen, const ReadLog&) {
  for (const Node& pod : seen.pods) {
    if (pod.text_at({"status", "phase"}) != "Pending") continue;
    const Node* event = last_event(seen, name_of(pod), {"FailedCreatePodSandBox"});
    if (event != nullptr && last_event(seen, name_of(pod), {"Created", "Started"}) == nullptr)
      return Cause{"the node cannot set its pod up", evidence(event->text_at({"message"})),
                   "the node's network or runtime has a defect: ask its administrator"};
  }
  return std::nullopt;
}

std::optional<Cause> probe_failing(const Seen& seen, const ReadLog&) {
  for (const Node& pod : seen.pods) {
    const Node* ready = condition(pod, "Ready");
    if (ready == nullptr || ready->text_at({"status"}) == "True") continue;
    if (ready->text_at({"reason"}) == "NodeNotReady" || has(ready->text_at({"message"}), "node is not ready"))
      return Cause{"its node is not ready", pod.text_at({"spec", "nodeName"}), "kubectl describe node"};
    const Node* event = last_event(seen, name_of(pod), {"Unhealthy"});
    if (event == nullptr) continue;
    return Cause{"it runs but its health check does not pass", evidence(event->text_at({"message"})),
                 "loading weights takes a while; its log tells: mlib logs"};
  }
  return std::nullopt;
}

std::optional<Cause> replicas_refused(const Seen& seen, const ReadLog&) {
  const Node* failure = condition(seen.deployment, "ReplicaFailure");
  if (failure == nullptr || failure->text_at({"status"}) != "True") return std::nullopt;
  const std::string message = failure->text_at({"message"});
  if (has(message, "exceeded quota"))
    return Cause{"the namespace's quota does not allow its pods", evidence(message),
                 "ask for less, delete what is not needed, or have the quota raised", true};
  if (has(message, "violates PodSecurity"))
    return Cause{"the namespace's Pod Security level does not allow its pods", evidence(message),
                 "use another namespace", true};
  if (has(message, "maximum") || has(message, "minimum"))
    return Cause{"a LimitRange of the namespace does not allow its pods", evidence(message),
                 "choose hardware within the limits: kubectl describe limitrange", true};
  if (has(message, "serviceaccount") && has(message, "not found"))
    return Cause{"its service account does not exist", evidence(message), "make it in the namespace", true};
  return Cause{"the cluster refuses its pods", evidence(message), "see the evidence", true};
}

bool deadline_passed(const Seen& seen) {
  const Node* progressing = condition(seen.deployment, "Progressing");
  return progressing != nullptr && progressing->text_at({"reason"}) == "ProgressDeadlineExceeded";
}

using Look = std::optional<Cause> (*)(const Seen&, const ReadLog&);
constexpr std::array<Look, 9> looks{replicas_refused, containers,     claim_missing,
                                    claim_unbound,    unschedulable,  pod_failed,
                                    mount_failed,     sandbox_failed, probe_failing};

}  // namespace

std::optional<Cause> find_cause(const Seen& seen, const ReadLog& read_log) {
  std::optional<Cause> found;
  for (const Look look : looks)
    if ((found = look(seen, read_log))) break;
  if (!deadline_passed(seen)) return found;
  if (!found)
    return Cause{"it did not become ready within its time",
                 evidence(condition(seen.deployment, "Progressing")->text_at({"message"})),
                 "its log tells more: mlib logs", true};
  if (!found->final) found->sentence = "it did not become ready within its time: " + found->sentence;
  found->final = true;
  return found;
}

}  // namespace mlib::targets
