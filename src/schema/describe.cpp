#include "schema/describe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace mlib::schema {
namespace {

/// What a person calls the value: `text "abc"`, `number 1.5`, `a list`.
std::string called(const Node& node) {
  if (node.is_list() || node.is_map()) return fmt::format("a {}", node.kind());
  if (node.is_null()) return "null";
  return fmt::format("{} {}", node.kind(), shortened(to_json(node), 40));
}

std::string_view article(std::string_view word) { return word == "integer" ? "an" : "a"; }

std::string range_of(const About& about) {
  if (!std::isfinite(about.max)) return fmt::format("at least {}", about.min);
  if (!std::isfinite(about.min)) return fmt::format("at most {}", about.max);
  return fmt::format("between {} and {}", about.min, about.max);
}

bool in_range(Reader& reader, const Node& node, double value, const About& about) {
  if (value >= about.min && value <= about.max) return true;
  const std::string unit = about.unit.empty() ? "" : fmt::format(" {}", about.unit);
  reader.report(Fault::out_of_range, node,
                fmt::format("{} is out of range: it must be {}{}", to_json(node), range_of(about), unit));
  return false;
}

bool is_allowed(Reader& reader, const Node& node, const std::string& text, const About& about) {
  if (about.one_of.size() == 0) return true;
  if (std::find(about.one_of.begin(), about.one_of.end(), text) != about.one_of.end()) return true;
  std::vector<std::string> known(about.one_of.begin(), about.one_of.end());
  std::string hint = "one of: " + join(known, ", ");
  if (const std::string near = nearest(text, known); !near.empty())
    hint = fmt::format("did you mean `{}`? ", near) + hint;
  reader.report(Fault::not_allowed, node, fmt::format("`{}` is not allowed here", shortened(text, 60)), hint);
  return false;
}

bool has_format(Reader& reader, const Node& node, const std::string& text, std::string_view format) {
  if (format == "quantity" && !quantity(text)) {
    reader.report(Fault::not_allowed, node, fmt::format("`{}` is not a quantity", shortened(text, 60)),
                  "a number with a unit, as in 500m, 4, 12Gi");
    return false;
  }
  if (format == "dns-label" && !is_dns_label(text)) {
    reader.report(Fault::not_allowed, node, fmt::format("`{}` is not a valid name", shortened(text, 60)),
                  "1 to 63 characters a-z, 0-9 and -, beginning and ending with a letter or digit");
    return false;
  }
  return true;
}

}  // namespace

std::string Source::line(int line) const {
  std::size_t from = 0;
  for (int i = 1; i < line; ++i) {
    from = text.find('\n', from);
    if (from == std::string::npos) return "";
    ++from;
  }
  std::string found = text.substr(from, text.find('\n', from) - from);
  if (!found.empty() && found.back() == '\r') found.pop_back();
  return found;
}

void Reader::report(Fault fault, const Node& at, std::string message, std::string hint,
                    std::string expected) {
  report_at(fault, at.line, at.column, path, std::move(message), std::move(hint));
  findings.back().expected = std::move(expected);
}

void Reader::report_at(Fault fault, int line, int column, Path where, std::string message, std::string hint) {
  Finding finding;
  finding.fault = fault;
  if (source_ != nullptr) {
    finding.place = {source_->file, line, column};
    if (line > 0) finding.excerpt = source_->line(line);
  }
  if (!where.empty() && (line == 0 || source_ == nullptr)) message = to_text(where) + ": " + message;
  finding.path = std::move(where);
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  findings.push_back(std::move(finding));
}

void Reader::wrong_type(const Node& node, std::string_view expected) {
  std::string hint;
  if (expected == "string" && node.is_scalar() && !node.is_null()) hint = "put it in quotes";
  report(Fault::wrong_type, node,
         fmt::format("expected {} {}, got {}", article(expected), expected, called(node)), hint,
         std::string(expected));
}

void decode(Reader& reader, const Node& node, bool& value, const About&) {
  if (!node.is_boolean()) return reader.wrong_type(node, "boolean");
  value = node.boolean();
}

void decode(Reader& reader, const Node& node, std::int64_t& value, const About& about) {
  if (!node.is_integer()) return reader.wrong_type(node, "integer");
  if (in_range(reader, node, node.number(), about)) value = node.integer();
}

void decode(Reader& reader, const Node& node, int& value, const About& about) {
  if (!node.is_integer()) return reader.wrong_type(node, "integer");
  About held = about;  // what fits in there at all; told only of what the description itself allows
  held.min = std::numeric_limits<int>::min();
  held.max = std::numeric_limits<int>::max();
  if (in_range(reader, node, node.number(), about) && in_range(reader, node, node.number(), held))
    value = static_cast<int>(node.integer());
}

void decode(Reader& reader, const Node& node, double& value, const About& about) {
  if (!node.is_number()) return reader.wrong_type(node, "number");
  if (in_range(reader, node, node.number(), about)) value = node.number();
}

void decode(Reader& reader, const Node& node, std::string& value, const About& about) {
  if (!node.is_string()) return reader.wrong_type(node, "string");
  const std::string& text = node.string();
  const auto length = static_cast<double>(utf8_length(text));
  if (length < about.min || length > about.max) {
    reader.report(Fault::out_of_range, node,
                  fmt::format("the text has {} characters: it must have {}", length, range_of(about)));
    return;
  }
  if (is_allowed(reader, node, text, about) && has_format(reader, node, text, about.format)) value = text;
}

void MapDecoder::finish() {
  std::vector<Finding> others(
      std::make_move_iterator(reader_.findings.begin() + static_cast<std::ptrdiff_t>(first_)),
      std::make_move_iterator(reader_.findings.end()));
  reader_.findings.resize(first_);
  if (!reader_.ignore_unknown()) {
    for (const Entry& entry : map_.entries()) {
      if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
      Path where = reader_.path;
      where.push_back({entry.key});
      reader_.report_at(Fault::unknown_field, entry.line, entry.column, std::move(where),
                        fmt::format("unknown field `{}`", shortened(entry.key, 60)),
                        suggestion(entry.key, {known_.begin(), known_.end()}));
    }
  }
  for (Finding& finding : others) reader_.findings.push_back(std::move(finding));
  for (const std::string& name : missing_) {
    Path where = reader_.path;
    where.push_back({name});
    reader_.report_at(Fault::missing, map_.line, map_.column, std::move(where),
                      fmt::format("field `{}` is missing", name), "");
  }
}

bool MapEncoder::is_empty(const Node& node) {
  if (node.is_string()) return node.string().empty();
  if (node.is_list()) return node.items().empty();
  if (node.is_map()) return node.entries().empty();
  return node.is_null();
}

namespace detail {

Node with_about(Node schema, const About& about) {
  if (!about.help.empty()) schema.set("description", about.help);
  Node* inner = &schema;
  while (Node* items = inner->find("items")) inner = items;
  const bool text = inner->text_at({"type"}) == "string";
  if (std::isfinite(about.min)) inner->set(text ? "minLength" : "minimum", about.min);
  if (std::isfinite(about.max)) inner->set(text ? "maxLength" : "maximum", about.max);
  if (about.one_of.size() > 0) {
    Node choices = Node::list();
    for (const std::string_view each : about.one_of) choices.push(each);
    inner->set("enum", std::move(choices));
  }
  if (!about.unit.empty()) inner->set("x-unit", about.unit);
  if (!about.format.empty()) inner->set("format", about.format);
  if (about.secret) inner->set("writeOnly", true);
  return schema;
}

void add_property(Node& schema, std::string_view name, Node property, bool required) {
  schema.child("properties").set(name, std::move(property));
  if (!required) return;
  if (schema.find("required") == nullptr) schema.set("required", Node::list());
  schema.find("required")->push(name);
}

}  // namespace detail

namespace {

bool is_required(const Node& schema, std::string_view name) {
  const Node* required = schema.find("required");
  if (required == nullptr) return false;
  return std::any_of(required->items().begin(), required->items().end(),
                     [&](const Node& each) { return each.is_string() && each.string() == name; });
}

void collect(const Node& schema, const std::string& prefix, std::vector<FormField>& fields) {
  const Node* properties = schema.find("properties");
  if (properties == nullptr) return;
  for (const Entry& entry : properties->entries()) {
    const Node& property = entry.value;
    const std::string path = prefix.empty() ? entry.key : prefix + "." + entry.key;
    if (property.find("properties") != nullptr) {
      collect(property, path, fields);
      continue;
    }
    const std::string type = property.text_at({"type"}, "any");
    FormField field{.path = path, .type = type == "array" ? "list" : type == "object" ? "map" : type};
    field.help = property.text_at({"description"});
    field.unit = property.text_at({"x-unit"});
    field.format = property.text_at({"format"});
    field.required = is_required(schema, entry.key);
    field.secret = property.find("writeOnly") != nullptr;
    if (const Node* choices = property.find("enum"))
      for (const Node& choice : choices->items()) field.choices.push_back(choice.string());
    fields.push_back(std::move(field));
  }
}

}  // namespace

std::vector<FormField> form_fields(const Node& json_schema) {
  std::vector<FormField> fields;
  collect(json_schema, "", fields);
  return fields;
}

}  // namespace mlib::schema
