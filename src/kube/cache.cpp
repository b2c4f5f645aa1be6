#include "kube/cache.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "kube/watch.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

std::string key_of(const Node& object) {
  return fmt::format("{}/{}", object.text_at({"metadata", "namespace"}),
                     object.text_at({"metadata", "name"}));
}

std::string namespace_of(const std::string& key) { return key.substr(0, key.find('/')); }

void slim_containers(Node* pod_spec) {
  if (pod_spec == nullptr) return;
  for (const std::string_view list : {"initContainers", "containers"}) {
    Node* containers = pod_spec->find(list);
    if (containers == nullptr || !containers->is_list()) continue;
    for (Node& container : containers->items())
      for (const std::string_view field : {"env", "envFrom", "args", "command", "volumeMounts"})
        container.erase(field);
  }
}

Node* child_of(Node* node, std::string_view key) { return node == nullptr ? nullptr : node->find(key); }

/// The terms of a selector that are equalities; false when there is another.
bool terms_of(const std::string& selector, std::vector<std::string>& terms) {
  if (selector.empty()) return true;
  for (const std::string& each : split(selector, ',')) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0 || each[equals - 1] == '!') return false;
    terms.push_back(fmt::format(",{},", each));
  }
  return true;
}

}  // namespace

bool can_find(const Selection& selection) {
  std::vector<std::string> terms;
  if (!terms_of(selection.labels, terms)) return false;
  terms.clear();
  if (!terms_of(selection.fields, terms)) return false;
  return std::all_of(terms.begin(), terms.end(),
                     [](const std::string& term) { return term.starts_with(",involvedObject.name="); });
}

void slim_metadata(Node& object) {
  if (Node* metadata = object.find("metadata"); metadata != nullptr && metadata->is_map()) {
    metadata->erase("managedFields");
    if (Node* notes = metadata->find("annotations"); notes != nullptr && notes->is_map())
      notes->erase("kubectl.kubernetes.io/last-applied-configuration");
  }
}

void slim(Node& object) {
  slim_metadata(object);
  if (Node* status = object.find("status"); status != nullptr && status->is_map())
    status->erase("images");  // of a node: all that it ever pulled
  Node* spec = object.find("spec");
  slim_containers(spec);
  slim_containers(child_of(child_of(spec, "template"), "spec"));
}

Cache::Entry Cache::entry_of(Node object) const {
  slim(object);
  object.set("apiVersion", kind_.api_version);
  object.set("kind", kind_.kind);
  Entry entry;
  entry.version = object.text_at({"metadata", "resourceVersion"});
  entry.number = number_of(entry.version);
  entry.uid = object.text_at({"metadata", "uid"});
  entry.going = !object.text_at({"metadata", "deletionTimestamp"}).empty();
  if (const Node* labels = object.at({"metadata", "labels"}); labels != nullptr && labels->is_map())
    for (const schema::Entry& label : labels->entries())
      if (label.value.is_string()) entry.terms += fmt::format(",{}={}", label.key, label.value.string());
  if (const std::string name = object.text_at({"involvedObject", "name"}); !name.empty())
    entry.terms += ",involvedObject.name=" + name;
  entry.terms += ',';
  entry.json = schema::to_json(object);
  return entry;
}

std::size_t Cache::bytes_of(const std::string& key, const Entry& entry) {
  // A node of the map and four small texts besides what they hold.
  return sizeof(Entries::value_type) + 48 + key.size() + entry.terms.size() + entry.json.size();
}

void Cache::begin() {
  listing_ = true;
  listed_.clear();
  listed_bytes_ = 0;
  lost_.clear();
}

void Cache::add(Node object) {
  std::string key = key_of(object);
  Entry entry = entry_of(std::move(object));
  listed_bytes_ += bytes_of(key, entry);
  listed_.insert_or_assign(std::move(key), std::move(entry));
  if (listed_bytes_ > most_) forget_some();
}

void Cache::complete() {
  listing_ = false;
  entries_ = std::move(listed_);
  listed_.clear();
  bytes_ = listed_bytes_;
}

void Cache::put(Node object) {
  std::string key = key_of(object);
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    const std::string version = object.text_at({"metadata", "resourceVersion"});
    const std::uint64_t number = number_of(version);
    const bool stale = number != 0 && found->second.number != 0 && number < found->second.number;
    if (version == found->second.version || stale) return;
    bytes_ -= bytes_of(key, found->second);
  }
  Entry entry = entry_of(std::move(object));
  bytes_ += bytes_of(key, entry);
  entries_.insert_or_assign(std::move(key), std::move(entry));
  if (bytes_ > most_) forget_some();
}

void Cache::gone(const Node& object) {
  const auto found = entries_.find(key_of(object));
  if (found == entries_.end()) return;
  const std::uint64_t number = number_of(object.text_at({"metadata", "resourceVersion"}));
  if (number != 0 && number < found->second.number) return;  // of an earlier one of that name
  bytes_ -= bytes_of(found->first, found->second);
  entries_.erase(found);
}

/// A quarter goes: the oldest of namespaces that nobody asked for, then the oldest.
void Cache::forget_some() {
  Entries& entries = listing_ ? listed_ : entries_;
  std::size_t& bytes = listing_ ? listed_bytes_ : bytes_;
  std::vector<std::pair<std::pair<bool, std::uint64_t>, std::string>> order;
  for (const auto& [key, entry] : entries)
    order.push_back({{wanted_.count(namespace_of(key)) > 0, entry.number}, key});
  std::sort(order.begin(), order.end());
  for (const auto& [rank, key] : order) {
    if (bytes <= most_ - most_ / 4) break;
    const auto found = entries.find(key);
    bytes -= bytes_of(key, found->second);
    lost_.insert(namespace_of(key));
    entries.erase(found);
  }
}

std::vector<Node> Cache::find(const std::string& namespace_name, const Selection& selection) const {
  std::vector<std::string> terms;
  std::vector<Node> found;
  if (!can_find(selection)) throw Problem(Kind::internal, "a cache cannot find that");
  terms_of(selection.labels, terms);
  terms_of(selection.fields, terms);
  const std::string from = namespace_name.empty() ? "" : namespace_name + "/";
  for (auto each = entries_.lower_bound(from); each != entries_.end() && each->first.starts_with(from);
       ++each) {
    const std::string& own = each->second.terms;
    const bool chosen = std::all_of(terms.begin(), terms.end(), [&](const std::string& term) {
      return own.find(term) != std::string::npos;
    });
    if (chosen) found.push_back(schema::read_json(each->second.json, api_limits()));
  }
  return found;
}

bool Cache::has(const Id& id, const std::string& uid, const std::string& version) const {
  const auto found = entries_.find(fmt::format("{}/{}", id.namespace_name, id.name));
  if (version.empty()) return found == entries_.end() || found->second.uid != uid || found->second.going;
  if (found == entries_.end()) return false;
  const std::uint64_t number = number_of(version);
  return found->second.version == version || (number != 0 && found->second.number >= number);
}

bool Cache::want(const std::string& namespace_name) {
  if (namespace_name.empty()) return lost_.empty();
  wanted_.insert(namespace_name);
  return lost_.count(namespace_name) == 0;
}

}  // namespace mlib::kube
