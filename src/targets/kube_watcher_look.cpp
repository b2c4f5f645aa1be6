#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

struct Known {
  std::string_view kind, api_version;
};
constexpr std::array<Known, 9> kinds{{{"Deployment", "apps/v1"},
                                      {"StatefulSet", "apps/v1"},
                                      {"Job", "batch/v1"},
                                      {"Service", "v1"},
                                      {"Secret", "v1"},
                                      {"ConfigMap", "v1"},
                                      {"PersistentVolumeClaim", "v1"},
                                      {"ReplicaSet", "apps/v1"},
                                      {"Pod", "v1"}}};

/// Whatever way it writes a kind: `Deployment`, `deployment`, `deployments`.
const Known* known_kind(std::string_view word) {
  for (const Known& each : kinds) {
    const std::string kind = lower(each.kind);
    if (lower(word) == kind || lower(word) == kind + "s") return &each;
  }
  return nullptr;
}

void add(Found& found, const Known& kind, const std::string& space, const schema::Entry& entry) {
  Owned owned{std::string(kind.kind), std::string(kind.api_version), space, entry.key,
              entry.value.text_at({"uid"})};
  const Node* owners = entry.value.find("owner_references");
  const bool goes_along = owners != nullptr && owners->is_list() && !owners->items().empty();
  // Kinds that delete_labeled_resources leaves.
  if ((kind.kind == "ConfigMap" || kind.kind == "Job") && !goes_along) found.stuck.insert(called(owned));
  if (kind.kind == "Deployment") {
    found.created = entry.value.text_at({"creation_timestamp"});
    found.going_since = entry.value.text_at({"deletion_timestamp"});
  }
  if (kind.kind == "Pod" || kind.kind == "ReplicaSet") {
    ++found.pods;
  } else if (kind.kind == "PersistentVolumeClaim") {
    found.storage.push_back(std::move(owned));
  } else {
    found.objects.push_back(std::move(owned));
  }
}

/// What of its own namespace has the label. Where a Kube Watcher looks into all namespaces is its own choice.
void add_labelled(Watcher& watcher, const Ref& ref, Found& found, const Cancel* cancel) {
  Node body = Node::map();
  body.child("labels").set(deployment_label, mark_of(ref));
  const Node all = watcher.ask("/v1/get_resources_with_label", body, cancel);
  const Node* space = all.find(ref.namespace_name);
  if (space == nullptr || !space->is_map()) return;
  for (const schema::Entry& kind : space->entries()) {
    const Known* known = known_kind(kind.key);
    if (known == nullptr || !kind.value.is_map()) continue;
    for (const schema::Entry& entry : kind.value.entries()) add(found, *known, ref.namespace_name, entry);
  }
}

}  // namespace

bool Found::has(std::string_view kind, std::string_view name) const {
  const auto is = [&](const Owned& owned) { return owned.kind == kind && owned.name == name; };
  return std::any_of(objects.begin(), objects.end(), is) || std::any_of(storage.begin(), storage.end(), is);
}

Node row_of(Watcher& watcher, const Ref& ref, const Cancel* cancel) {
  Node rows;
  if (watcher.generation(cancel) == Generation::early) {
    Node body = Node::map();
    body.set("namespace", ref.namespace_name);
    rows = watcher.ask("/v1/list_deepsparse_deployments", body, cancel);
  } else {
    const Node all = watcher.get("/v1/get_deployments", cancel);
    if (const Node* space = all.find(ref.namespace_name)) rows = *space;
  }
  const Node* row = rows.find(ref.name);
  if (row == nullptr || !row->is_map()) return {};
  Node found = *row;
  // The Service of a deployment may have another name, and then a row of its own.
  if (found.find("ports") == nullptr)
    if (const Node* service = rows.find(ref.name + "-service"); service != nullptr && service->is_map())
      if (const Node* ports = service->find("ports")) found.set("ports", *ports);
  return found;
}

Found look(Watcher& watcher, const Ref& ref, const Cancel* cancel) {
  Found found;
  const Node row = row_of(watcher, ref, cancel);
  if (watcher.generation(cancel) == Generation::early) {
    found.blind = true;
    if (row.find("replicas") != nullptr)
      found.objects.push_back({"Deployment", "apps/v1", ref.namespace_name, ref.name, ""});
    if (row.find("cluster_ip") != nullptr)
      found.objects.push_back({"Service", "v1", ref.namespace_name, ref.name, ""});
    return found;
  }
  add_labelled(watcher, ref, found, cancel);
  found.foreign = !row.is_null() && !found.has("Deployment", ref.name);
  return found;
}

}  // namespace mlib::targets::kube_watcher
