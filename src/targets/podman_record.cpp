#include "targets/podman_record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "schema/describe.hpp"

namespace mlib::targets {
namespace {

using schema::Entry;

Node masked(const Node& object) {
  Node copy = object;
  if (object.text_at({"kind"}) != "Secret") return copy;
  for (const std::string_view field : {"data", "stringData"})
    if (Node* data = copy.find(field); data != nullptr && data->is_map())
      for (Entry& entry : data->entries()) entry.value = "***";
  return copy;
}

const Recorded* find(const std::vector<Recorded>& record, const std::string& object) {
  const auto found =
      std::find_if(record.begin(), record.end(), [&](const Recorded& each) { return each.object == object; });
  return found == record.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Recorded> record_of(const Desired& desired, const std::string& salt) {
  std::vector<Recorded> record;
  for (const Node& object : desired.rendered->objects) {
    const std::string kind = object.text_at({"kind"});
    Recorded each;
    each.object =
        fmt::format("{} {}/{}", kind, object.text_at({"metadata", "namespace"}, desired.ref.namespace_name),
                    object.text_at({"metadata", "name"}));
    std::string text = salt + '\n' + schema::to_json(object);
    if (kind == "Deployment" || kind == "Pod") {
      const render::Endpoint& endpoint = desired.rendered->endpoint;
      text += fmt::format("\n{} {}", endpoint.port, endpoint.health_path.value_or("-"));
    }
    each.hash = sha256_hex(text);
    each.masked = masked(object);
    record.push_back(std::move(each));
  }
  return record;
}

std::string to_label(const std::vector<Recorded>& record) { return schema::to_json(schema::encode(record)); }

std::vector<Recorded> from_label(const std::string& text) {
  Node node;
  schema::JsonError error;
  if (!schema::read_json(text, node, error)) return {};
  schema::Reader reader;
  std::vector<Recorded> record = schema::decode<std::vector<Recorded>>(reader, node);
  return reader.findings.empty() ? record : std::vector<Recorded>{};
}

std::vector<Change> compare(const std::vector<Recorded>& before, const std::vector<Recorded>& after) {
  std::vector<Change> changes;
  for (const Recorded& each : after) {
    Change change;
    change.object = each.object;
    change.after = schema::to_yaml(each.masked);
    const Recorded* old = find(before, each.object);
    if (old == nullptr) {
      change.action = Change::Action::create;
    } else {
      change.before = schema::to_yaml(old->masked);
      change.action = old->hash == each.hash ? Change::Action::unchanged : Change::Action::update;
    }
    changes.push_back(std::move(change));
  }
  for (const Recorded& each : before) {
    if (find(after, each.object) != nullptr || each.object.starts_with("PersistentVolumeClaim ")) continue;
    Change change;
    change.action = Change::Action::remove;
    change.object = each.object;
    change.before = schema::to_yaml(each.masked);
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace mlib::targets
