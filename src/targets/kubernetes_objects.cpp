#include <fmt/format.h>

#include <algorithm>

#include "schema/document.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

constexpr std::string_view mask = "***";

/// Masks the values of two Secrets so that a difference still shows. Either may be null.
void mask_secrets(Node* before, Node* after) {
  for (const std::string_view part : {"data", "stringData"}) {
    Node* old_values = before == nullptr ? nullptr : before->find(part);
    Node* new_values = after == nullptr ? nullptr : after->find(part);
    if (old_values != nullptr && old_values->is_map())
      for (schema::Entry& entry : old_values->entries()) {
        Node* other = new_values == nullptr ? nullptr : new_values->find(entry.key);
        const bool differs = other != nullptr && !(*other == entry.value);
        entry.value = differs ? Node("*** (before)") : Node(mask);
        if (other != nullptr) *other = differs ? Node("*** (after)") : Node(mask);
      }
    if (new_values != nullptr && new_values->is_map())
      for (schema::Entry& entry : new_values->entries()) {
        const bool masked = entry.value.is_string() && entry.value.string().starts_with(mask) &&
                            old_values != nullptr && old_values->find(entry.key) != nullptr;
        if (!masked) entry.value = Node(mask);
      }
  }
}

}  // namespace

bool is_ours(const Node& object, const Ref& ref) {
  return object.text_at({"metadata", "labels", managed_by}) == us &&
         object.text_at({"metadata", "labels", instance}) == ref.name;
}

bool carries_id(const Node& object, const Ref& ref) {
  return !ref.id.empty() && object.text_at({"metadata", "annotations", record_id}) == ref.id;
}

bool is_among(const std::vector<Owned>& known, const Node& object) {
  return std::any_of(known.begin(), known.end(),
                     [&](const Owned& owned) { return owned.uid == uid_of(object); });
}

Owned owned_of(const Id& id, const Node& object) {
  return {id.kind, id.api_version, id.namespace_name, id.name, uid_of(object)};
}

std::string selector_of(const Ref& ref) {
  return fmt::format("{}={},{}={}", managed_by, us, instance, ref.name);
}

std::string uid_of(const Node& object) { return object.text_at({"metadata", "uid"}); }

bool is_claim(const Id& id) { return id.kind == "PersistentVolumeClaim"; }

Id id_of(const Owned& owned) { return {owned.api_version, owned.kind, owned.namespace_name, owned.name}; }

std::vector<Node> list_if_allowed(kube::Client& client, const Id& kind, const kube::Selection& selection) {
  try {
    return client.look(kind, selection);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::forbidden) throw;
    return {};
  }
}

Node cleaned(Node object) {
  object.erase("status");
  Node* metadata = object.find("metadata");
  if (metadata == nullptr) return object;
  for (const std::string_view key :
       {"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"})
    metadata->erase(key);
  if (Node* annotations = metadata->find("annotations")) {
    annotations->erase("kubectl.kubernetes.io/last-applied-configuration");
    annotations->erase("deployment.kubernetes.io/revision");
    annotations->erase(record_id);
    if (annotations->is_map() && annotations->entries().empty()) metadata->erase("annotations");
  }
  return object;
}

Change change_of(const Id& id, const std::optional<Node>& live, const std::optional<Node>& after) {
  Change change;
  change.object = kube::to_text(id);
  std::optional<Node> before = live ? std::optional<Node>(cleaned(*live)) : std::nullopt;
  std::optional<Node> then = after ? std::optional<Node>(cleaned(*after)) : std::nullopt;
  const bool same = before && then && *before == *then;
  if (id.kind == "Secret") mask_secrets(before ? &*before : nullptr, then ? &*then : nullptr);
  change.action = !before ? Change::Action::create
                  : !then ? Change::Action::remove
                  : same  ? Change::Action::unchanged
                          : Change::Action::update;
  if (before) change.before = schema::to_yaml(*before);
  if (then) change.after = schema::to_yaml(*then);
  return change;
}

}  // namespace mlib::targets::kubernetes
