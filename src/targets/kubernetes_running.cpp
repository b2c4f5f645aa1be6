#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

double limit_of(const Node& container, std::string_view resource) {
  const Node* limit = container.at({"resources", "limits", resource});
  if (limit == nullptr) return 0;
  return quantity(limit->is_string() ? limit->string() : schema::to_json(*limit)).value_or(0);
}

/// The status of a container by its name; a null pointer while there is none.
const Node* status_of(const Node& pod, const std::string& name) {
  const Node* list = pod.at({"status", "containerStatuses"});
  if (list == nullptr || !list->is_list()) return nullptr;
  for (const Node& each : list->items())
    if (each.text_at({"name"}) == name) return &each;
  return nullptr;
}

Running running_in(const Node& pod, const Node& container) {
  Running made;
  made.container = container.text_at({"name"});
  made.image = container.text_at({"image"});
  made.machine = pod.text_at({"spec", "nodeName"});
  made.cpus = limit_of(container, "cpu");
  made.memory = limit_of(container, "memory");
  for (const std::string_view part : {"command", "args"})
    if (const Node* words = container.find(part); words != nullptr && words->is_list())
      for (const Node& word : words->items())
        if (word.is_string()) made.command.push_back(word.string());
  if (const Node* status = status_of(pod, made.container); status != nullptr) {
    const std::string id = status->text_at({"imageID"});
    made.digest = id.substr(std::min(id.size(), id.find("sha256:")));
    made.started = status->text_at({"state", "running", "startedAt"});
    made.restarts = static_cast<int>(status->integer_at({"restartCount"}));
  }
  return made;
}

using Usage = std::map<std::string, double>;  ///< cores by `POD/CONTAINER`

/// What the namespace's containers use now; empty where metrics.k8s.io is not served, or not to the caller.
Usage usage_in(kube::Client& client, const std::string& namespace_name) {
  Usage found;
  try {
    client.each({"metrics.k8s.io/v1beta1", "PodMetrics", namespace_name, ""}, {},
                [&](const std::optional<Node>& pod) {
                  if (!pod) return found.clear();
                  const Node* containers = pod->find("containers");
                  if (containers == nullptr || !containers->is_list()) return;
                  for (const Node& each : containers->items())
                    if (const auto cores = quantity(each.text_at({"usage", "cpu"})))
                      found[pod->text_at({"metadata", "name"}) + "/" + each.text_at({"name"})] = *cores;
                });
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    found.clear();
  }
  return found;
}

}  // namespace

std::vector<Running> running(kube::Client& client, const Ref& ref) {
  std::vector<Running> all;
  const Usage usage = usage_in(client, ref.namespace_name);
  for (const Node& pod : pods_of(client, ref, nullptr)) {
    if (!pod.text_at({"metadata", "deletionTimestamp"}).empty()) continue;
    const Node* containers = pod.at({"spec", "containers"});
    if (containers == nullptr || !containers->is_list()) continue;
    for (const Node& each : containers->items()) {
      all.push_back(running_in(pod, each));
      const auto used = usage.find(pod.text_at({"metadata", "name"}) + "/" + all.back().container);
      if (used != usage.end()) all.back().used = used->second;
    }
  }
  return all;
}

}  // namespace mlib::targets::kubernetes
