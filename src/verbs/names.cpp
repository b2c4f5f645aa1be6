#include "verbs/names.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"

namespace mlib::verbs {

std::string label_of(std::string_view text) {
  std::string label;
  for (const char c : lower(text)) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (word) label += c;
    if (!word && !label.empty() && label.back() != '-') label += '-';
  }
  label.resize(std::min<std::size_t>(label.size(), 63));
  while (!label.empty() && label.back() == '-') label.pop_back();
  return label;
}

std::string checked_label(const std::string& given, std::string_view what) {
  if (is_dns_label(given)) return given;
  const std::string near = label_of(given);
  std::string hint = "1 to 63 characters a-z, 0-9 and -, beginning and ending with a letter or digit";
  if (!near.empty()) hint = fmt::format("did you mean `{}`? ", near) + hint;
  throw Problem(Kind::invalid, fmt::format("`{}` is not a valid {}", shortened(given, 80), what), hint);
}

std::string namespace_or_default(const std::string& given) {
  return given.empty() ? std::string(default_namespace) : checked_label(given, "namespace");
}

std::chrono::milliseconds span_of(const std::string& text, std::string_view option) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  const double factor = unit == "ms"                  ? 1
                        : unit == "s" || unit.empty() ? 1e3
                        : unit == "m"                 ? 6e4
                        : unit == "h"                 ? 3.6e6
                                                      : 0;
  const double span = number * factor;
  if (error != std::errc{} || factor == 0 || !(span >= 0) || span > 3.6e6 * 24 * 365)
    throw Problem(Kind::invalid, fmt::format("{}: `{}` is not a span of time", option, shortened(text, 40)),
                  "a number and a unit, as in 90s, 10m, 1h");
  return std::chrono::milliseconds(static_cast<std::int64_t>(span));
}

const std::pair<std::string, MakeTarget>& target_of(const World& world, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& each : world.targets) {
    if (name.empty() || each.first == name) return each;
    known.push_back(each.first);
  }
  if (known.empty()) throw Problem(Kind::unsupported, "this program was built without any target");
  std::string hint = suggestion(name, known);
  if (hint.find("known") == std::string::npos) hint += " known: " + join(known, ", ");
  throw Problem(Kind::usage, fmt::format("there is no target `{}`", shortened(name, 60)), hint);
}

store::Deployment record_of(const store::Store& store, const std::string& namespace_name,
                            const std::string& name) {
  const std::string space = namespace_or_default(namespace_name);
  if (std::optional<store::Deployment> record = store.get(space, name)) return std::move(*record);
  std::vector<std::string> here;
  std::string elsewhere;
  for (const store::Deployment& each : store.list()) {
    if (each.namespace_name == space) here.push_back(each.name);
    if (each.name == name && elsewhere.empty()) elsewhere = each.namespace_name;
  }
  std::string hint = suggestion(name, here);
  if (!elsewhere.empty())
    hint = fmt::format("there is one in namespace `{}`: add -n {}", elsewhere, elsewhere);
  if (hint.empty()) hint = "`mlib get deployments` lists all";
  throw Problem(Kind::not_found,
                fmt::format("there is no deployment `{}` in namespace `{}`", shortened(name, 80), space),
                hint);
}

Node list_of(std::vector<Node> objects) {
  Node list = Node::map();
  list.set("apiVersion", "v1");
  list.set("kind", "List");
  list.set("items", Node(std::move(objects)));
  return list;
}

std::vector<Node> masked(std::vector<Node> objects) {
  for (Node& object : objects) {
    if (object.text_at({"kind"}) != "Secret") continue;
    for (const std::string_view field : {"data", "stringData"}) {
      Node* values = object.find(field);
      if (values == nullptr || !values->is_map()) continue;
      for (schema::Entry& entry : values->entries()) entry.value = "***";
    }
  }
  return objects;
}

std::string cell(const Node& node) {
  if (node.is_null()) return "";
  return node.is_string() ? node.string() : schema::to_json(node);
}

}  // namespace mlib::verbs
