#include "cards/rule.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

/// Facts that follow from others, as contract.cpp computes them.
struct Derived {
  std::string_view path;
  FieldType::Is is = FieldType::Is::text;
  std::string_view unit = "";
};
constexpr std::array<Derived, 12> derived{{
    {"framework.name"},
    {"model.name"},
    {"hardware.name"},
    {"template.name"},
    {"model.weights", FieldType::Is::number, "bytes"},
    {"model.scheme"},
    {"hardware.gpus", FieldType::Is::number},
    {"hardware.gpu_bytes", FieldType::Is::number, "bytes"},
    {"hardware.memory_bytes", FieldType::Is::number, "bytes"},
    {"hardware.vendor"},
    {"hardware.storage_bytes", FieldType::Is::number, "bytes"},
    {"hardware.capability", FieldType::Is::number},
}};

void add_paths(const Node& schema, const std::string& prefix, std::vector<std::string>& paths) {
  const Node* properties = schema.find("properties");
  if (properties == nullptr) return;
  for (const schema::Entry& entry : properties->entries()) {
    const std::string path = prefix + entry.key;
    paths.push_back(path);
    add_paths(entry.value, path + ".", paths);
  }
}

std::vector<std::string> all_paths() {
  std::vector<std::string> paths;
  for (const Derived& each : derived) paths.emplace_back(each.path);
  add_paths(schema::json_schema<FrameworkSpec>(), "framework.", paths);
  add_paths(schema::json_schema<ModelSpec>(), "model.", paths);
  add_paths(schema::json_schema<HardwareSpec>(), "hardware.", paths);
  add_paths(schema::json_schema<TemplateSpec>(), "template.", paths);
  paths.emplace_back("parameters.");
  return paths;
}

Node all_schemas() {
  Node all = Node::map();
  Node& cards = all.child("properties");
  cards.set("framework", schema::json_schema<FrameworkSpec>());
  cards.set("model", schema::json_schema<ModelSpec>());
  cards.set("hardware", schema::json_schema<HardwareSpec>());
  cards.set("template", schema::json_schema<TemplateSpec>());
  return all;
}

}  // namespace

Fields rule_fields() {
  static const std::vector<std::string> paths = all_paths();
  Fields fields = fields_of(paths);
  fields.type = rule_field_type;
  return fields;
}

FieldType rule_field_type(const std::string& path) {
  static const Node schemas = all_schemas();
  for (const Derived& each : derived)
    if (each.path == path) return {.is = each.is, .unit = std::string(each.unit)};
  return type_in(schemas, path);
}

bool is_rule_field(const std::string& path) {
  const auto found = rule_fields().resolve(path);
  return found && *found == path;
}

bool speaks(const Rule& rule, const std::vector<const Node*>& values) {
  std::vector<const Node*> mine;
  mine.reserve(rule.fields.size());
  for (const std::size_t at : rule.fields) mine.push_back(values[at]);
  return rule.condition->evaluate_values(mine) == Truth::yes;
}

bool speaks(const Rule& rule, const Dict<Node>& facts) {
  const Lookup value_of = [&](const std::string& path) -> std::optional<Node> {
    for (const auto& [name, value] : facts)
      if (name == path) return value;
    return std::nullopt;
  };
  return rule.condition->evaluate(value_of) == Truth::yes;
}

std::string filled(std::string_view text, const std::function<const Node*(const std::string&)>& value_of) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    out += text.substr(0, close == std::string_view::npos ? close : open);
    if (close == std::string_view::npos) break;
    const Node* value = value_of(std::string(text.substr(open + 1, close - open - 1)));
    if (value == nullptr || value->is_null())
      out += "?";
    else
      out += shortened(value->is_string() ? value->string() : schema::to_json(*value), 120);
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace mlib::cards
