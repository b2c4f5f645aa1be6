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
  return std::string(word_at(object, {"apiVersion"})).append(" ").append(word_at(object, {"kind"}));
}

std::optional<std::int64_t> integer_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

/// Shorter names first, so that most comparisons look at no character.
bool is_before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
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
  const schema::Node::Map& types = document.find("types")->entries();
  for (const schema::Entry& each : types) types_[each.key];
  for (const schema::Entry& each : types) {
    Type& type = types_[each.key];
    for (const schema::Entry& field : each.value.find("fields")->entries())
      type.fields.push_back({field.key, shape_called(field.value.string())});
    std::sort(type.fields.begin(), type.fields.end(),
              [](const Field& a, const Field& b) { return is_before(a.name, b.name); });
    if (const Node* required = each.value.find("required"))
      for (const Node& name : required->items()) type.required.push_back(name.string());
  }
  for (const schema::Entry& kind : document.find("kinds")->entries())
    kinds_[kind.key] = shape_called("@" + kind.value.string());
}

const Schemas::Shape* Schemas::shape_called(std::string_view word) {
  static constexpr std::pair<std::string_view, What> words[] = {
      {"string", What::text},       {"time", What::text},
      {"quantity", What::quantity}, {"bytes", What::bytes},
      {"integer", What::integer},   {"number", What::number},
      {"boolean", What::boolean},   {"int-or-string", What::int_or_string}};
  const auto [place, is_new] = shapes_.try_emplace(std::string(word));
  Shape& shape = place->second;
  if (!is_new || word.empty()) return &shape;
  const std::string_view rest = word.substr(1);
  if (word[0] == '@') {
    const auto found = types_.find(rest);
    shape.what = What::type;
    shape.type = found == types_.end() ? nullptr : &found->second;
  } else if (word[0] == '[' || word[0] == '{') {
    shape.what = word[0] == '[' ? What::list : What::map;
    shape.items = shape_called(rest);
  } else if (word[0] == '=') {
    shape.what = What::choice;
    shape.choices = split(rest, '|');
  } else {
    for (const auto& [name, what] : words)
      if (name == word) shape.what = what;
  }
  return &shape;
}

const Schemas::Shape* Schemas::Type::field(std::string_view name) const {
  const auto found =
      std::lower_bound(fields.begin(), fields.end(), name,
                       [](const Field& each, std::string_view key) { return is_before(each.name, key); });
  return found == fields.end() || found->name != name ? nullptr : found->shape;
}

bool Schemas::is_text(What what) {
  return what == What::text || what == What::choice || what == What::quantity || what == What::bytes;
}

/// The scalar in the type that its field asks for, when it has another and this one can be had exactly.
std::optional<Node> Schemas::converted(What what, const Node& node) {
  if (is_text(what) && !node.is_string() && !node.is_null()) return Node(as_text(node));
  if (what == What::integer || what == What::int_or_string) {
    if (node.is_string())
      if (const auto value = integer_in(node.string())) return Node(*value);
    if (node.is_number() && !node.is_integer() && std::abs(node.number()) < 1e15 &&
        node.number() == std::floor(node.number()))
      return Node(static_cast<std::int64_t>(node.number()));
  }
  if (what == What::boolean && node.is_string() && (node.string() == "true" || node.string() == "false"))
    return Node(node.string() == "true");
  if (what == What::number && node.is_string())
    if (Node value = schema::scalar_of(node.string()); value.is_number()) return value;
  return {};
}

/// Why the scalar does not fit, or "".
std::string Schemas::wrong_scalar(What what, const Node& node) {
  const auto expected = [&](std::string_view words) {
    return fmt::format("expected {}, got {} {}", words, node.kind(),
                       node.is_scalar() ? shortened(schema::to_json(node), 60) : "");
  };
  switch (what) {
    case What::text:
      return node.is_string() ? "" : expected("a string");
    case What::integer:
      return node.is_integer() ? "" : expected("an integer");
    case What::number:
      return node.is_number() ? "" : expected("a number");
    case What::boolean:
      return node.is_boolean() ? "" : expected("true or false");
    case What::int_or_string:
      return node.is_integer() || node.is_string() ? "" : expected("an integer or a string");
    case What::bytes:
      return node.is_string() && from_base64(node.string()) ? "" : expected("base64");
    case What::quantity:
      return node.is_string() && quantity(node.string()) ? ""
                                                         : expected("a quantity such as 500m, 4 or 12Gi");
    default:
      return "";
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

const Schemas::Shape* Schemas::shape_of(const Node& object) const {
  const auto found = kinds_.find(apiversion_and_kind(object));
  return found == kinds_.end() ? nullptr : found->second;
}

void Schemas::fit(Node& object, Report& report) const {
  report.object = called(object);
  if (const Shape* shape = shape_of(object)) return fit(*shape, object, nullptr, report);
  std::vector<std::string> known;
  for (const auto& [name, shape] : kinds_) known.push_back(name);
  report.add(Fault::not_allowed, object, {{"kind"}},
             fmt::format("`{}` is not a kind of Kubernetes {} that can be used here",
                         shortened(apiversion_and_kind(object), 80), version_),
             suggestion(apiversion_and_kind(object), known));
}

void Schemas::fit(const Shape& shape, Node& node, const Trail* at, Report& report) {
  const auto wrong_type = [&](std::string_view expected) {
    report.add(Fault::wrong_type, node, path_of(at),
               fmt::format("expected a {}, got {}", expected, node.kind()));
  };
  if (node.is_scalar())
    if (std::optional<Node> made = converted(shape.what, node)) {
      made->line = node.line;
      made->column = node.column;
      node = *std::move(made);
    }
  switch (shape.what) {
    case What::type:
      if (shape.type == nullptr) return;
      if (!node.is_map()) return wrong_type("map");
      return fit_fields(*shape.type, node, at, report);
    case What::list: {
      if (!node.is_list()) return wrong_type("list");
      int index = 0;
      for (Node& item : node.items()) {
        const Trail here{at, {}, index++};
        fit(*shape.items, item, &here, report);
      }
      return;
    }
    case What::map:
      if (!node.is_map()) return wrong_type("map");
      for (schema::Entry& entry : node.entries()) {
        const Trail here{at, entry.key};
        fit(*shape.items, entry.value, &here, report);
      }
      return;
    case What::choice:
      if (!node.is_string() ||
          std::find(shape.choices.begin(), shape.choices.end(), node.string()) == shape.choices.end())
        report.add(Fault::not_allowed, node, path_of(at),
                   fmt::format("{} is not allowed", shortened(schema::to_json(node), 60)),
                   "one of: " + join(shape.choices, ", "));
      return;
    default:
      if (std::string wrong = wrong_scalar(shape.what, node); !wrong.empty())
        report.add(Fault::wrong_type, node, path_of(at), std::move(wrong));
  }
}

void Schemas::fit_fields(const Type& type, Node& node, const Trail* at, Report& report) {
  for (schema::Entry& entry : node.entries()) {
    const Trail here{at, entry.key};
    if (const Shape* field = type.field(entry.key)) {
      fit(*field, entry.value, &here, report);
    } else if (!type.fields.empty()) {
      std::vector<std::string> known;
      for (const Field& each : type.fields) known.push_back(each.name);
      std::sort(known.begin(), known.end());
      report.add(Fault::unknown_field, Place{report.file(), entry.line, entry.column}, here.path(),
                 "unknown field", suggestion(entry.key, known));
    }
  }
  for (const std::string& name : type.required) {
    if (node.find(name) != nullptr) continue;
    const Trail here{at, name};
    report.add(Fault::missing, node, here.path(), "is missing");
  }
}

}  // namespace mlib::render
