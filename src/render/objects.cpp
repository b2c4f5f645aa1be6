#include "render/objects.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "render/substitute.hpp"

namespace mlib::render {
namespace {

constexpr std::string_view instance_label = "app.kubernetes.io/instance";

/// kubectl's and Helm's order: what others refer to comes first.
int rank(const Node& object) {
  static constexpr std::array<std::string_view, 13> order{"Namespace",
                                                          "NetworkPolicy",
                                                          "PodDisruptionBudget",
                                                          "ServiceAccount",
                                                          "Secret",
                                                          "ConfigMap",
                                                          "PersistentVolumeClaim",
                                                          "Service",
                                                          "Deployment",
                                                          "StatefulSet",
                                                          "Job",
                                                          "HorizontalPodAutoscaler",
                                                          "Ingress"};
  const std::string_view kind = word_at(object, {"kind"});
  const auto* const found = std::find(order.begin(), order.end(), kind);
  return static_cast<int>(found - order.begin());
}

/// A label's value as Kubernetes takes it: at most 63 of letters, digits, `-_.`; "" when nothing is left.
std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 63)) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
    out += fine ? c : '-';
  }
  const auto is_edge = [](char c) { return c == '.' || c == '-' || c == '_'; };
  while (!out.empty() && is_edge(out.back())) out.pop_back();
  while (!out.empty() && is_edge(out.front())) out.erase(0, 1);
  return out;
}

Node our_labels(const Identity& identity, const Labels& labels) {
  Node map = Node::map();
  const auto set = [&](std::string_view key, const std::string& value) {
    if (const std::string text = label_value(value); !text.empty()) map.set(key, text);
  };
  set("app.kubernetes.io/name", labels.framework);
  set(instance_label, identity.name);
  set("app.kubernetes.io/version", labels.version);
  set("app.kubernetes.io/managed-by", "model-library");
  set("app.kubernetes.io/part-of", "model-library");
  set("model-library/template", labels.template_name);
  return map;
}

/// The map at `key`; what is there and no map is left to the check of types.
Node* map_at(Node& parent, std::string_view key) {
  if (!parent.is_map()) return nullptr;
  Node& child = parent.child(key);
  return child.is_map() ? &child : nullptr;
}

void add_labels(Node& object, const Node& labels) {
  Node* metadata = map_at(object, "metadata");
  Node* map = metadata == nullptr ? nullptr : map_at(*metadata, "labels");
  if (map == nullptr) return;
  map->entries().reserve(map->entries().size() + labels.entries().size());
  for (const schema::Entry& label : labels.entries()) map->set(label.key, label.value);
}

void select_instance(Node& spec, std::string_view kind, const std::string& name) {
  Node* selector = map_at(spec, "selector");
  if (selector != nullptr && kind != "Service") selector = map_at(*selector, "matchLabels");
  if (selector != nullptr) selector->set(instance_label, name);
}

void add_selectors(Node& object, const Identity& identity, const Node& labels) {
  const std::string_view kind = word_at(object, {"kind"});
  Node* spec = object.find("spec");
  if (spec == nullptr || !spec->is_map()) return;
  const bool selects =
      kind == "Deployment" || kind == "StatefulSet" || kind == "Service" || kind == "PodDisruptionBudget";
  if (selects) select_instance(*spec, kind, identity.name);
  if (kind == "NetworkPolicy")
    if (Node* pods = map_at(*spec, "podSelector"))
      if (Node* match = map_at(*pods, "matchLabels")) match->set(instance_label, identity.name);
  if (kind == "Deployment" || kind == "StatefulSet" || kind == "Job")
    if (Node* pods = map_at(*spec, "template")) add_labels(*pods, labels);
}

void encode_secret(Node& object) {
  const Node* plain = object.find("stringData");
  if (plain == nullptr || !plain->is_map()) return;
  const Node texts = *plain;
  Node* data = map_at(object, "data");
  if (data == nullptr) return;
  for (const schema::Entry& entry : texts.entries()) {
    if (!entry.value.is_scalar()) return;
    Node& made = data->set(entry.key, base64(as_text(entry.value)));
    made.line = entry.value.line;
    made.column = entry.value.column;
  }
  object.erase("stringData");
}

Node namespace_object(const Identity& identity) {
  Node object = Node::map();
  object.set("apiVersion", "v1");
  object.set("kind", "Namespace");
  object.child("metadata").set("name", identity.namespace_name);
  object.child("metadata").child("labels").set("app.kubernetes.io/managed-by", "model-library");
  return object;
}

void collect_claims(const Node& node, std::set<std::string>& found) {
  if (node.is_list())
    for (const Node& item : node.items()) collect_claims(item, found);
  if (!node.is_map()) return;
  if (const Node* claim = node.find("claimName"); claim != nullptr && claim->is_string())
    found.insert(claim->string());
  for (const schema::Entry& entry : node.entries()) collect_claims(entry.value, found);
}

/// A Service's name is a host's name: shorter than other names, and begins with a letter.
void check_service_names(const std::vector<Node>& objects, Report& report) {
  for (const Node& object : objects) {
    const std::string_view name = word_at(object, {"metadata", "name"});
    if (word_at(object, {"kind"}) != "Service" || (is_dns_label(name) && (name[0] < '0' || name[0] > '9')))
      continue;
    report.object = called(object);
    report.add(Fault::not_allowed, object, {{"metadata"}, {"name"}}, "is not a valid name of a Service",
               "at most 63 characters a-z, 0-9 and -, beginning with a letter");
  }
}

bool is_same(const Node& a, const Node& b) {
  const auto has = [](const Node& object) {
    return std::pair(word_at(object, {"kind"}), word_at(object, {"metadata", "name"}));
  };
  return has(a) == has(b);
}

void refuse_doubles(const std::vector<Node>& objects, Report& report) {
  for (std::size_t i = 0; i < objects.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (is_same(objects[i], objects[j])) {
        report.object = called(objects[i]);
        report.add(Fault::duplicate, objects[i], {{"metadata"}, {"name"}}, "two objects of this name");
      }
}

}  // namespace

std::vector<Node> with_identity(std::vector<Node> objects, const Identity& identity, const Labels& labels) {
  const Node ours = our_labels(identity, labels);
  // The namespace is everybody's: it has no label of this deployment, so that nothing deletes it with it.
  std::erase_if(objects, [&](const Node& object) {
    return word_at(object, {"kind"}) == "Namespace" &&
           word_at(object, {"metadata", "name"}) == identity.namespace_name;
  });
  for (Node& object : objects) {
    if (!object.is_map()) continue;
    if (word_at(object, {"kind"}) == "Secret") encode_secret(object);
    if (Node* metadata = map_at(object, "metadata")) metadata->set("namespace", identity.namespace_name);
    add_labels(object, ours);
    add_selectors(object, identity, ours);
  }
  objects.insert(objects.begin(), namespace_object(identity));
  std::stable_sort(objects.begin(), objects.end(),
                   [](const Node& a, const Node& b) { return rank(a) < rank(b); });
  return objects;
}

void drop_unused_claims(std::vector<Node>& objects) {
  std::set<std::string> used;
  for (const Node& object : objects)
    if (const Node* spec = pod_spec(object)) collect_claims(*spec, used);
  std::erase_if(objects, [&](const Node& object) {
    return word_at(object, {"kind"}) == "PersistentVolumeClaim" &&
           used.count(std::string(word_at(object, {"metadata", "name"}))) == 0;
  });
}

const Node* pod_spec(const Node& object) {
  const Node* found = object.at({"spec", "template", "spec"});
  return found != nullptr && found->is_map() ? found : nullptr;
}

Node* pod_spec(Node& object) { return const_cast<Node*>(pod_spec(std::as_const(object))); }

int container_port(const std::vector<Node>& objects) {
  const auto service = std::find_if(objects.begin(), objects.end(),
                                    [](const Node& each) { return word_at(each, {"kind"}) == "Service"; });
  if (service == objects.end()) return 0;
  const Node* target = service->at({"spec", "ports", "0", "targetPort"});
  if (target == nullptr) return static_cast<int>(service->integer_at({"spec", "ports", "0", "port"}));
  if (target->is_integer()) return static_cast<int>(target->integer());
  if (!target->is_string()) return 0;
  for (const Node& object : objects) {
    const Node* spec = pod_spec(object);
    const Node* containers = spec == nullptr ? nullptr : spec->find("containers");
    if (containers == nullptr || !containers->is_list()) continue;
    for (const Node& container : containers->items()) {
      const Node* ports = container.find("ports");
      if (ports == nullptr || !ports->is_list()) continue;
      for (const Node& port : ports->items())
        if (word_at(port, {"name"}) == target->string())
          return static_cast<int>(port.integer_at({"containerPort"}));
    }
  }
  return 0;
}

void harden(std::vector<Node>& objects) {
  for (Node& object : objects)
    if (Node* spec = pod_spec(object);
        spec != nullptr && spec->find("automountServiceAccountToken") == nullptr)
      spec->set("automountServiceAccountToken", false);
}

void check_names(const std::vector<Node>& objects, Report& report) {
  refuse_doubles(objects, report);
  check_service_names(objects, report);
}

}  // namespace mlib::render
