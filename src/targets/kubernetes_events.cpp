#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

constexpr std::string_view kinds[][2] = {{"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"},
                                         {"apps/v1", "ReplicaSet"}, {"v1", "Pod"},
                                         {"v1", "Service"},         {"v1", "PersistentVolumeClaim"}};

/// The objects of the deployment that events may be about.
struct Objects {
  std::set<std::string> named;       ///< "Pod llama-5d9-x"
  std::vector<std::string> parents;  ///< ReplicaSets and StatefulSets: their pods' names begin so
  std::vector<Node> pods;

  bool has(const std::string& kind, const std::string& name) const {
    if (named.count(kind + " " + name) > 0) return true;
    return kind == "Pod" && std::any_of(parents.begin(), parents.end(), [&](const std::string& parent) {
             return name.starts_with(parent + "-") && name.find('-', parent.size() + 1) == std::string::npos;
           });
  }
};

Objects objects_of(kube::Client& client, const Ref& ref) {
  Objects objects;
  for (const auto& [api_version, kind] : kinds) {
    const Id id{std::string(api_version), std::string(kind), ref.namespace_name, ""};
    for (Node& object : client.list(id, {.labels = selector_of(ref)})) {
      const std::string name = object.text_at({"metadata", "name"});
      objects.named.insert(fmt::format("{} {}", kind, name));
      if (kind == "ReplicaSet" || kind == "StatefulSet") objects.parents.push_back(name);
      if (kind == "Pod") objects.pods.push_back(std::move(object));
    }
  }
  return objects;
}

void add_state(std::vector<Event>& events, const std::string& object, const Node& state, bool before) {
  Event event;
  event.type = "State";
  event.object = object;
  if (const Node* running = state.find("running")) {
    event.time = running->text_at({"startedAt"});
    event.reason = "Running";
  } else if (const Node* ended = state.find("terminated")) {
    event.time = ended->text_at({"finishedAt"});
    event.reason = ended->text_at({"reason"}, "Ended");
    event.message = fmt::format("exit code {}", ended->integer_at({"exitCode"}));
    if (const std::string why = ended->text_at({"message"}); !why.empty()) event.message += ": " + why;
    if (before) event.message += " (the run before)";
  } else if (const Node* waiting = state.find("waiting")) {
    event.reason = waiting->text_at({"reason"}, "Waiting");
    event.message = waiting->text_at({"message"});
  }
  if (!event.reason.empty()) events.push_back(std::move(event));
}

void add_states(std::vector<Event>& events, const Node& pod) {
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    const Node* found = pod.at({"status", list});
    if (found == nullptr || !found->is_list()) continue;
    for (const Node& status : found->items()) {
      const std::string object =
          fmt::format("Container {} of {}", status.text_at({"name"}), pod.text_at({"metadata", "name"}));
      if (const Node* last = status.find("lastState")) add_state(events, object, *last, true);
      if (const Node* state = status.find("state")) add_state(events, object, *state, false);
    }
  }
}

}  // namespace

std::vector<Event> events(kube::Client& client, const Ref& ref) {
  const Objects objects = objects_of(client, ref);
  if (objects.named.empty())
    throw Problem(Kind::not_found, fmt::format("{}/{} does not exist here", ref.namespace_name, ref.name));
  std::vector<Event> all;
  client.each({"v1", "Event", ref.namespace_name, ""}, {}, [&](const std::optional<Node>& event) {
    if (!event) return all.clear();
    const std::string kind = event->text_at({"involvedObject", "kind"});
    const std::string name = event->text_at({"involvedObject", "name"});
    if (!objects.has(kind, name)) return;
    Event told{time_of(*event), event->text_at({"type"}), kind + " " + name, event->text_at({"reason"}),
               event->text_at({"message"})};
    told.count = static_cast<int>(
        std::max<std::int64_t>({1, event->integer_at({"count"}), event->integer_at({"series", "count"})}));
    all.push_back(std::move(told));
  });
  for (const Node& pod : objects.pods) add_states(all, pod);
  // What has no time is how it is now: last.
  std::stable_sort(all.begin(), all.end(), [](const Event& a, const Event& b) {
    if (a.time.empty() != b.time.empty()) return b.time.empty();
    return a.time.substr(0, 19) < b.time.substr(0, 19);
  });
  return all;
}

}  // namespace mlib::targets::kubernetes
