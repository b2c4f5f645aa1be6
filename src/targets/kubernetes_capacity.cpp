#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

using Amounts = std::map<std::string, double>;  ///< by resource

Amounts amounts_of(const Node* quantities) {
  Amounts found;
  if (quantities == nullptr || !quantities->is_map()) return found;
  for (const schema::Entry& entry : quantities->entries()) {
    const std::string text = entry.value.is_string() ? entry.value.string() : schema::to_json(entry.value);
    if (const std::optional<double> number = quantity(text)) found[entry.key] = *number;
  }
  return found;
}

void add(Amounts& sum, const Amounts& more) {
  for (const auto& [name, number] : more) sum[name] += number;
}

void raise(Amounts& most, const Amounts& more) {
  for (const auto& [name, number] : more) most[name] = std::max(most[name], number);
}

Amounts requests_of(const Node& container) { return amounts_of(container.at({"resources", "requests"})); }

/// What the scheduler counts for a pod: its containers and sidecars together, or one init container with the
/// sidecars before it where that is more; what is said of the pod as a whole instead; its overhead.
Amounts requests_of_pod(const Node& pod) {
  Amounts sidecars, running, most;
  if (const Node* list = pod.at({"spec", "initContainers"}); list != nullptr && list->is_list())
    for (const Node& each : list->items()) {
      Amounts step = sidecars;
      add(step, requests_of(each));
      if (each.text_at({"restartPolicy"}) == "Always") sidecars = step;
      raise(most, step);
    }
  running = sidecars;
  if (const Node* list = pod.at({"spec", "containers"}); list != nullptr && list->is_list())
    for (const Node& each : list->items()) add(running, requests_of(each));
  raise(most, running);
  for (const auto& [name, number] : amounts_of(pod.at({"spec", "resources", "requests"})))
    most[name] = number;
  add(most, amounts_of(pod.at({"spec", "overhead"})));
  return most;
}

/// Requests of the pods that hold a place, by node.
std::map<std::string, Amounts> requests_by_node(kube::Client& client) {
  std::map<std::string, Amounts> by_node;
  const kube::Selection holding{"", "status.phase!=Succeeded,status.phase!=Failed"};
  client.each({"v1", "Pod", "", ""}, holding, [&](const std::optional<Node>& pod) {
    if (!pod) return by_node.clear();
    const std::string node = pod->text_at({"spec", "nodeName"});
    if (!node.empty()) add(by_node[node], requests_of_pod(*pod));
  });
  return by_node;
}

/// What is used now, by node; empty where metrics.k8s.io is not served.
std::map<std::string, Amounts> usage_by_node(kube::Client& client) {
  std::map<std::string, Amounts> by_node;
  try {
    client.each({"metrics.k8s.io/v1beta1", "NodeMetrics", "", ""}, {},
                [&](const std::optional<Node>& metrics) {
                  if (metrics)
                    by_node[metrics->text_at({"metadata", "name"})] = amounts_of(metrics->find("usage"));
                });
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    by_node.clear();
  }
  return by_node;
}

/// Why no pod without special tolerations can come to the node, or "".
std::string closed_by(const Node& node) {
  const Node* cordoned = node.at({"spec", "unschedulable"});
  if (cordoned != nullptr && cordoned->is_boolean() && cordoned->boolean()) return "cordoned";
  if (const Node* list = node.at({"status", "conditions"}); list != nullptr && list->is_list())
    for (const Node& each : list->items())
      if (each.text_at({"type"}) == "Ready" && each.text_at({"status"}) != "True") return "not ready";
  return "";
}

/// Labels that GPU operators and clouds put on nodes: NVIDIA's and Intel's feature discovery, AMD's node
/// labeller, GKE.
std::string product_of(const Node& node, std::string_view resource) {
  static constexpr std::array<std::array<std::string_view, 2>, 6> labels{
      {{"nvidia.com/", "nvidia.com/gpu.product"},
       {"nvidia.com/", "cloud.google.com/gke-accelerator"},
       {"amd.com/", "amd.com/gpu.product-name"},
       {"amd.com/", "beta.amd.com/gpu.product-name"},
       {"gpu.intel.com/", "gpu.intel.com/product"},
       {"google.com/tpu", "cloud.google.com/gke-tpu-accelerator"}}};
  for (const auto& [vendor, label] : labels) {
    if (!resource.starts_with(vendor)) continue;
    if (std::string product = node.text_at({"metadata", "labels", label}); !product.empty()) return product;
  }
  return "";
}

/// Whether a resource is GPUs or the like: what a vendor's device plugin offers by the piece.
bool is_accelerator(std::string_view resource) {
  static constexpr std::array<std::string_view, 8> beginnings{
      "nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu",           "gpu.intel.com/",
      "habana.ai/",     "google.com/tpu",  "aws.amazon.com/neuron", "huawei.com/Ascend"};
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view each) { return resource.starts_with(each); });
}

double in(const Amounts& amounts, const std::string& name) {
  const auto at = amounts.find(name);
  return at == amounts.end() ? 0 : at->second;
}

Capacity capacity_of(const Node& node, const Amounts& requested, const Amounts& used) {
  const auto used_of = [&](const std::string& name) {
    return used.count(name) > 0 ? std::optional<double>(used.at(name)) : std::nullopt;
  };
  const Amounts has = amounts_of(node.at({"status", "allocatable"}));
  Capacity made;
  made.name = node.text_at({"metadata", "name"});
  made.closed = closed_by(node);
  made.cpus = {in(has, "cpu"), in(requested, "cpu"), used_of("cpu")};
  made.memory = {in(has, "memory"), in(requested, "memory"), used_of("memory")};
  for (const auto& [name, number] : has)
    if (is_accelerator(name) && number > 0)
      made.gpus.push_back({product_of(node, name), name, {number, in(requested, name)}});
  return made;
}

}  // namespace

std::vector<Capacity> capacity(kube::Client& client) {
  std::vector<Node> nodes;
  client.each({"v1", "Node", "", ""}, {}, [&](std::optional<Node> node) {
    if (!node) return nodes.clear();
    nodes.push_back(std::move(*node));
  });
  const std::map<std::string, Amounts> requested = requests_by_node(client);
  const std::map<std::string, Amounts> used = usage_by_node(client);
  std::vector<Capacity> all;
  for (const Node& node : nodes) {
    const std::string name = node.text_at({"metadata", "name"});
    const auto own = requested.find(name);
    const auto now = used.find(name);
    const Amounts none;
    all.push_back(capacity_of(node, own == requested.end() ? none : own->second,
                              now == used.end() ? none : now->second));
  }
  std::sort(all.begin(), all.end(), [](const Capacity& a, const Capacity& b) { return a.name < b.name; });
  return all;
}

}  // namespace mlib::targets::kubernetes
