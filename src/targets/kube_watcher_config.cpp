#include "targets/kube_watcher_config.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::targets::kube_watcher {
namespace {

void label(Node& object, std::string_view key, const std::string& value) {
  object.child("metadata").child("labels").set(key, value);
}

std::string camel_name(std::string_view name) {
  std::string made;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool joint = name[i] == '_' && i + 1 < name.size() && name[i + 1] >= 'a' && name[i + 1] <= 'z';
    made += joint ? static_cast<char>(name[++i] - 'a' + 'A') : name[i];
  }
  for (const std::string_view end : {"Ip", "Id"})
    if (made.ends_with(end)) made.back() = static_cast<char>(made.back() - 'a' + 'A');
  return made;
}

/// Maps whose keys are the user's.
bool is_free(std::string_view name) {
  return name == "labels" || name == "annotations" || name == "node_selector" || name == "match_labels";
}

}  // namespace

Part part_of(std::string_view kind) {
  return kind == "PersistentVolumeClaim" ? Part::storage : kind == "Secret" ? Part::secret : Part::run;
}

std::string mark_of(const Ref& ref) {
  return sha256_hex(fmt::format("{}/{}", ref.namespace_name, ref.name)).substr(0, 24);
}

std::string mark_of(const Ref& ref, Part part) {
  static constexpr std::array<std::string_view, 3> words{"run", "secret", "storage"};
  return fmt::format("{}.{}", mark_of(ref), words[static_cast<std::size_t>(part)]);
}

bool is_claim(const Node& object) { return object.text_at({"kind"}) == "PersistentVolumeClaim"; }

bool is_workload(const Node& object) {
  const std::string kind = object.text_at({"kind"});
  return kind == "Deployment" || kind == "StatefulSet" || kind == "Job";
}

bool is_empty_secret(const Node& object) {
  if (object.text_at({"kind"}) != "Secret") return false;
  for (const std::string_view part : {"data", "stringData"})
    if (const Node* data = object.find(part);
        data != nullptr && !data->is_null() && !(data->is_map() && data->entries().empty()))
      return false;
  return true;
}

Node marked(Node object, const Ref& ref) {
  const std::string kind = object.text_at({"kind"});
  if (kind == "Namespace") return object;
  const std::string part = mark_of(ref, part_of(kind));
  label(object, deployment_label, mark_of(ref));
  label(object, part_label, part);
  if (Node* pods = is_workload(object) ? object.child("spec").find("template") : nullptr) {
    label(*pods, deployment_label, mark_of(ref));
    label(*pods, part_label, part);
  }
  return object;
}

Node belonging(Node object, const Owned& service) {
  Node owner = Node::map();
  owner.set("apiVersion", "v1");
  owner.set("kind", "Service");
  owner.set("name", service.name);
  owner.set("uid", service.uid);
  Node owners = Node::list();
  owners.push(std::move(owner));
  object.child("metadata").set("ownerReferences", std::move(owners));
  return object;
}

bool is_owner(const Owned& owned) { return owned.kind == "Service" && !owned.uid.empty(); }

std::string content_of(const Node& object) {
  const std::string salt = random_hex(16);
  return fmt::format("{}:{}", salt, sha256_hex(salt + schema::to_yaml(object)));
}

bool has_content(const Node& object, std::string_view content) {
  const std::size_t colon = content.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string salt(content.substr(0, colon));
  return sha256_hex(salt + schema::to_yaml(object)) == content.substr(colon + 1);
}

std::string config_of(const Node& object) {
  std::string text = schema::to_yaml(object);
  if (text.find("---") == std::string::npos) return text;
  // JSON is YAML, and there `---` can only be in a text, where an escape stands for it.
  text = schema::to_json(object);
  for (std::size_t at = text.find("---"); at != std::string::npos; at = text.find("---", at))
    text.replace(at, 3, R"(\u002d\u002d\u002d)");
  return text + '\n';
}

std::string called(const Node& object) {
  const std::string space = object.text_at({"metadata", "namespace"});
  return fmt::format("{} {}{}{}", object.text_at({"kind"}), space, space.empty() ? "" : "/",
                     object.text_at({"metadata", "name"}));
}

std::string called(const Owned& owned) {
  return fmt::format("{} {}/{}", owned.kind, owned.namespace_name, owned.name);
}

Node camel(const Node& value) {
  if (value.is_list()) {
    Node list = Node::list();
    for (const Node& item : value.items()) list.push(camel(item));
    return list;
  }
  constexpr std::string_view utc = "+00:00";  // Python's way to write a time's Z
  if (value.is_string() && value.string().ends_with(utc) && value.string().find('T') == 10)
    return Node(value.string().substr(0, value.string().size() - utc.size()) + "Z");
  if (!value.is_map()) return value;
  Node map = Node::map();
  for (const schema::Entry& entry : value.entries()) {
    if (entry.value.is_null()) continue;
    map.set(camel_name(entry.key), is_free(entry.key) ? entry.value : camel(entry.value));
  }
  return map;
}

}  // namespace mlib::targets::kube_watcher
