#include "cards/parameter_schema.hpp"

#include <algorithm>

#include "cards/parameter.hpp"

namespace mlib::cards {
namespace {

/// Regular expressions for the named patterns (fits_pattern in parameter.cpp).
std::string expression_of(const std::string& pattern) {
  if (pattern == "word") return "^([A-Za-z0-9._][A-Za-z0-9_.+=-]*)?$";
  if (pattern == "path") return "^([A-Za-z0-9._/][A-Za-z0-9_.+=/@:-]*)?$";
  if (pattern == "url") return "^([A-Za-z0-9._/][A-Za-z0-9_.+=/@:~?#%,-]*)?$";
  if (pattern == "repository") return "^([A-Za-z0-9._/][A-Za-z0-9_./:@-]*)?$";
  return "^(?:" + pattern + ")$";
}

Node type_of(const Parameter& parameter) {
  const std::string& type = parameter.type;
  if (type == "list") return "array";
  if (type == "map") return "object";
  if (type == "quantity") return Node(Node::List{"string", "number"});
  return type == "name" ? Node("string") : Node(type);
}

Node schema_of(const Parameter& parameter) {
  Node schema = Node::map();
  schema.set("type", type_of(parameter));
  if (!parameter.help.empty()) schema.set("description", parameter.help);
  if (!parameter.group.empty()) schema.set("title", parameter.group);
  if (!parameter.default_value.is_null()) schema.set("default", parameter.default_value);
  if (!parameter.one_of.empty()) schema.set("enum", Node(parameter.one_of));
  // A quantity's range is not that of its text.
  if (parameter.minimum && parameter.type != "quantity") schema.set("minimum", *parameter.minimum);
  if (parameter.maximum && parameter.type != "quantity") schema.set("maximum", *parameter.maximum);
  if (!parameter.pattern.empty()) schema.set("pattern", expression_of(parameter.pattern));
  if (parameter.type == "name") schema.set("pattern", "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$");
  if (parameter.secret) schema.set("writeOnly", true);
  if (!parameter.unit.empty()) schema.set("x-unit", parameter.unit);
  if (parameter.advanced) schema.set("x-advanced", true);
  if (!parameter.from.empty()) schema.set("x-from", parameter.from);
  return schema;
}

}  // namespace

Node parameters_schema(const Framework& framework) {
  Node schema = Node::map();
  schema.set("title", framework.metadata.name + " parameters");
  schema.set("type", "object");
  Node& properties = schema.child("properties");
  Node required = Node::list();
  for (const auto& [name, parameter] : framework.spec.parameters) {
    properties.set(name, schema_of(parameter));
    if (parameter.required && parameter.from.empty() && parameter.default_value.is_null())
      required.push(name);
  }
  if (!required.items().empty()) schema.set("required", std::move(required));
  schema.set("additionalProperties", false);
  if (!framework.spec.conditions.empty())
    schema.set("x-conditions", schema::encode(framework.spec.conditions));
  return schema;
}

std::vector<std::pair<std::string, std::vector<const std::pair<std::string, Parameter>*>>> by_group(
    const Dict<Parameter>& parameters) {
  std::vector<std::pair<std::string, std::vector<const std::pair<std::string, Parameter>*>>> groups;
  for (const auto& each : parameters) {
    const auto same = [&](const auto& group) { return group.first == each.second.group; };
    auto found = std::find_if(groups.begin(), groups.end(), same);
    if (found == groups.end()) found = groups.insert(groups.end(), {each.second.group, {}});
    found->second.push_back(&each);
  }
  for (auto& group : groups)
    std::stable_partition(group.second.begin(), group.second.end(),
                          [](const auto* each) { return !each->second.advanced; });
  return groups;
}

}  // namespace mlib::cards
