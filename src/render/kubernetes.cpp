#include "render/kubernetes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <mutex>

#include "base/text.hpp"
#include "render/substitute.hpp"

namespace mlib::render {
namespace {

std::string apiversion_and_kind(const Node& object) {
  return object.text_at({"apiVersion"}) + " " + object.text_at({"kind"});
}

std::optional<std::int64_t> integer_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

bool is_text(std::string_view type) {
  return type == "string" || type.starts_with('=') || type == "quantity" || type == "bytes" || type == "time";
}

/// The scalar in the type that `type` names, when it can be had exactly.
Node converted(std::string_view type, const Node& node) {
  if (is_text(type) && !node.is_string() && !node.is_null()) return as_text(node);
  if (type == "integer" || type == "int-or-string") {
    if (node.is_string())
      if (const auto value = integer_in(node.string())) return *value;
    if (node.is_number() && !node.is_integer() && std::abs(node.number()) < 1e15 &&
        node.number() == std::floor(node.number()))
      return static_cast<std::int64_t>(node.number());
  }
  if (type == "boolean" && node.is_string() && (node.string() == "true" || node.string() == "false"))
    return node.string() == "true";
  if (type == "number" && node.is_string())
    if (const Node value = schema::scalar_of(node.string()); value.is_number()) return value;
  return node;
}

/// Why the scalar does not fit, or "".
std::string wrong_scalar(std::string_view type, const Node& node) {
  const auto expected = [&](std::string_view what) {
    return fmt::format("expected {}, got {} {}", what, node.kind(),
                       node.is_scalar() ? shortened(schema::to_json(node), 60) : "");
  };
  if (type == "string" || type == "time") return node.is_string() ? "" : expected("a string");
  if (type == "integer") return node.is_integer() ? "" : expected("an integer");
  if (type == "number") return node.is_number() ? "" : expected("a number");
  if (type == "boolean") return node.is_boolean() ? "" : expected("true or false");
  if (type == "int-or-string")
    return node.is_integer() || node.is_string() ? "" : expected("an integer or a string");
  if (type == "bytes") return node.is_string() && from_base64(node.string()) ? "" : expected("base64");
  if (type == "quantity")
    return node.is_string() && quantity(node.string()) ? "" : expected("a quantity such as 500m, 4 or 12Gi");
  return "";
}

std::string minor_of(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  const std::vector<std::string> parts = split(version, '.');
  return parts.size() < 2 ? std::string(version) : parts[0] + "." + parts[1];
}

}  // namespace

Schemas::Schemas(std::string_view json) {
  const schema::Limits limits{};
  const Node document = schema::read_json(json, limits);
  version_ = document.text_at({"version"});
  for (const schema::Entry& kind : document.find("kinds")->entries()) kinds_[kind.key] = kind.value.string();
  for (const schema::Entry& each : document.find("types")->entries()) {
    Type& type = types_[each.key];
    for (const schema::Entry& field : each.value.find("fields")->entries())
      type.fields[field.key] = field.value.string();
    if (const Node* required = each.value.find("required"))
      for (const Node& name : required->items()) type.required.push_back(name.string());
  }
}

std::vector<std::string> Schemas::versions() {
  std::vector<std::string> known;
  for (const SchemaText& each : schema_texts()) known.emplace_back(each.version);
  return known;
}

const Schemas& Schemas::of(std::string_view version) {
  /// Each version is read once, when it is first asked for.
  struct Slot {
    SchemaText text;
    std::once_flag once;
    std::unique_ptr<const Schemas> schemas;
    explicit Slot(SchemaText from) : text(from) {}
  };
  static const auto slots = [] {
    std::vector<std::unique_ptr<Slot>> all;
    for (const SchemaText& each : schema_texts()) all.push_back(std::make_unique<Slot>(each));
    return all;
  }();
  const std::string wanted = version.empty() ? std::string(slots.front()->text.version) : minor_of(version);
  for (const std::unique_ptr<Slot>& slot : slots) {
    if (slot->text.version != wanted) continue;
    std::call_once(slot->once, [&] { slot->schemas.reset(new Schemas(slot->text.json)); });
    return *slot->schemas;
  }
  throw Problem(Kind::invalid,
                fmt::format("the fields of Kubernetes `{}` are not known", shortened(version, 30)),
                "known versions: " + join(versions(), ", "));
}

const std::string* Schemas::type_of(const Node& object) const {
  const auto found = kinds_.find(apiversion_and_kind(object));
  return found == kinds_.end() ? nullptr : &found->second;
}

void Schemas::coerce(Node& object) const {
  if (const std::string* type = type_of(object)) coerce("@" + *type, object);
}

void Schemas::coerce(std::string_view type, Node& node) const {
  const char shape = type.empty() ? ' ' : type.front();
  if (shape == '@' && node.is_map()) {
    const auto found = types_.find(type.substr(1));
    if (found == types_.end()) return;
    for (schema::Entry& entry : node.entries())
      if (const auto field = found->second.fields.find(entry.key); field != found->second.fields.end())
        coerce(field->second, entry.value);
  } else if (shape == '[' && node.is_list()) {
    for (Node& item : node.items()) coerce(type.substr(1), item);
  } else if (shape == '{' && node.is_map()) {
    for (schema::Entry& entry : node.entries()) coerce(type.substr(1), entry.value);
  } else if (node.is_scalar() && !(node.is_string() && is_text(type))) {
    Node made = converted(type, node);
    made.line = node.line;
    made.column = node.column;
    node = std::move(made);
  }
}

void Schemas::validate(const Node& object, Report& report) const {
  Path path;
  report.object = called(object);
  if (const std::string* type = type_of(object)) return check("@" + *type, object, path, report);
  std::vector<std::string> known;
  for (const auto& [name, type] : kinds_) known.push_back(name);
  report.add(Fault::not_allowed, object, {{"kind"}},
             fmt::format("`{}` is not a kind of Kubernetes {} that can be used here",
                         shortened(apiversion_and_kind(object), 80), version_),
             suggestion(apiversion_and_kind(object), known));
}

void Schemas::check(std::string_view type, const Node& node, Path& path, Report& report) const {
  const char shape = type.empty() ? ' ' : type.front();
  if (shape == '@') {
    const auto found = types_.find(type.substr(1));
    if (found == types_.end()) return;
    if (!node.is_map())
      return report.add(Fault::wrong_type, node, path, fmt::format("expected a map, got {}", node.kind()));
    check_fields(found->second, node, path, report);
  } else if (shape == '[') {
    if (!node.is_list())
      return report.add(Fault::wrong_type, node, path, fmt::format("expected a list, got {}", node.kind()));
    for (std::size_t i = 0; i < node.items().size(); ++i) {
      path.push_back({"", static_cast<int>(i)});
      check(type.substr(1), node.items()[i], path, report);
      path.pop_back();
    }
  } else if (shape == '{') {
    if (!node.is_map())
      return report.add(Fault::wrong_type, node, path, fmt::format("expected a map, got {}", node.kind()));
    for (const schema::Entry& entry : node.entries()) {
      path.push_back({entry.key});
      check(type.substr(1), entry.value, path, report);
      path.pop_back();
    }
  } else if (shape == '=') {
    const std::vector<std::string> allowed = split(type.substr(1), '|');
    if (!node.is_string() || std::find(allowed.begin(), allowed.end(), node.string()) == allowed.end())
      report.add(Fault::not_allowed, node, path,
                 fmt::format("{} is not allowed", shortened(schema::to_json(node), 60)),
                 "one of: " + join(allowed, ", "));
  } else if (const std::string wrong = wrong_scalar(type, node); !wrong.empty()) {
    report.add(Fault::wrong_type, node, path, wrong);
  }
}

void Schemas::check_fields(const Type& type, const Node& node, Path& path, Report& report) const {
  for (const schema::Entry& entry : node.entries()) {
    path.push_back({entry.key});
    if (const auto field = type.fields.find(entry.key); field != type.fields.end()) {
      check(field->second, entry.value, path, report);
    } else if (!type.fields.empty()) {
      std::vector<std::string> known;
      for (const auto& [name, each] : type.fields) known.push_back(name);
      report.add(Fault::unknown_field, Place{report.file(), entry.line, entry.column}, path, "unknown field",
                 suggestion(entry.key, known));
    }
    path.pop_back();
  }
  for (const std::string& name : type.required) {
    if (node.find(name) != nullptr) continue;
    path.push_back({name});
    report.add(Fault::missing, node, path, "is missing");
    path.pop_back();
  }
}

}  // namespace mlib::render
