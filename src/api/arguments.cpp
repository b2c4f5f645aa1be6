#include "api/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problem_json.hpp"
#include "api/python_json.hpp"
#include "base/text.hpp"

namespace mlib::api {
namespace {

using schema::Node;

const Node* property_of(const Node& schema, std::string_view name) {
  const Node* properties = schema.find("properties");
  return properties == nullptr ? nullptr : properties->find(name);
}

/// `text` as the property's type asks for it, when it can be that.
Node typed(const Node* property, std::string_view type, const std::string& text) {
  if (type == "string") return text;
  if (property != nullptr && type.empty()) return schema::scalar_of(text);
  Node value = schema::scalar_of(text);
  const bool fits = (type == "boolean" && value.is_boolean()) || (type == "integer" && value.is_integer()) ||
                    (type == "number" && value.is_number());
  return fits ? value : Node(text);
}

void add_query(Node& arguments, const Node& schema, const std::string& name, const std::string& text) {
  const std::size_t dot = name.find('.');
  const std::string first = name.substr(0, dot);
  const Node* property = property_of(schema, first);
  const std::string type = property == nullptr ? "string" : property->text_at({"type"});
  if (property != nullptr && property->find("writeOnly") != nullptr)
    throw Refusal{"bad-request", fmt::format("`{}` is a secret: it is not taken from an address", first),
                  "send it in the body"};
  if (type == "object" && dot != std::string::npos) {
    Node& map = arguments.child(first);
    if (map.find(name.substr(dot + 1)) != nullptr)
      throw Refusal{"bad-request", fmt::format("`{}` is given twice", shortened(name, 60))};
    map.set(name.substr(dot + 1), schema::scalar_of(text));
  } else if (type == "array") {
    Node& list = arguments.child(first);
    list.push(typed(property, property->text_at({"items", "type"}), text));
  } else if (arguments.find(name) != nullptr) {
    throw Refusal{"bad-request", fmt::format("`{}` is given twice", shortened(name, 60))};
  } else {
    arguments.set(name, typed(property, type, text));
  }
}

void refuse_local(const Node& arguments, const Node& schema) {
  for (const schema::Entry& entry : arguments.entries()) {
    const Node* property = property_of(schema, entry.key);
    if (property != nullptr && property->text_at({"format"}) == "local")
      throw Refusal{"bad-request", fmt::format("`{}` is the command line's own", entry.key),
                    "leave it out: this server uses what it was started with"};
  }
}

/// Half of a surrogate pair, which is no character.
bool has_lone_surrogate(std::string_view text) {
  return !python_json_error(text) && lower(text).find("\\ud") != std::string::npos;
}

Refusal refusal_of(std::string_view text, const schema::JsonError& error) {
  const std::string where = fmt::format(" at byte {}", error.offset);
  if (error.duplicate_key) return {"duplicate-key", error.message + where};
  if (error.too_deep) return {"too-deep", error.message + where, "at most 64 levels"};
  // A body with more commas than that holds too many values whatever else it is.
  const auto values = static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
  if (values > schema::Limits{}.nodes) return {"limit-exceeded", error.message};
  if (has_lone_surrogate(text)) return {"invalid-utf8", "a \\u escape is half of a surrogate pair" + where};
  return {"invalid-json", error.message + where};
}

}  // namespace

Node json_body(const net::Received& received) {
  const std::string encoding = lower(trim(received.header("content-encoding")));
  if (!encoding.empty() && encoding != "identity")
    throw Refusal{"unsupported-encoding", fmt::format("Content-Encoding `{}`", shortened(encoding, 40))};
  const std::string type = received.header("content-type");
  const std::string essence = lower(trim(std::string_view(type).substr(0, type.find(';'))));
  const bool json =
      essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
  if (!json)
    throw Refusal{"unsupported-media-type",
                  essence.empty() ? "the body has no Content-Type"
                                  : fmt::format("Content-Type `{}`", shortened(visible(essence), 64)),
                  "send application/json"};
  if (received.body.starts_with("\xEF\xBB\xBF") || !is_utf8(received.body))
    throw Refusal{"invalid-utf8", received.body.starts_with("\xEF\xBB\xBF")
                                      ? "the body begins with a byte order mark"
                                      : "the body has bytes that are no UTF-8"};
  Node value;
  schema::JsonError error;
  if (!schema::read_json(received.body, value, error)) throw refusal_of(received.body, error);
  return value;
}

Parameters query_of(std::string_view query) {
  Parameters pairs;
  if (query.empty()) return pairs;
  for (const std::string& pair : split(query, '&')) {
    if (pair.empty()) continue;
    std::string text = pair;
    std::replace(text.begin(), text.end(), '+', ' ');
    const std::size_t equals = text.find('=');
    const auto name = percent_decoded(text.substr(0, equals));
    const auto value = equals == std::string::npos ? std::string() : percent_decoded(text.substr(equals + 1));
    if (!name || !value || !is_utf8(*name) || !is_utf8(*value))
      throw Refusal{"bad-request", "the query is not well-formed: % takes two hex digits, in UTF-8"};
    pairs.emplace_back(*name, *value);
  }
  return pairs;
}

Node arguments_of(const verbs::Verb& verb, const Node& schema, const Parameters& path,
                  const net::Received& received) {
  Node arguments = Node::map();
  if (verb.method == verbs::Method::post) {
    if (!received.body.empty() || !received.header("content-type").empty()) arguments = json_body(received);
    if (!arguments.is_map()) {
      const std::string got(arguments.kind());
      throw Problem(Kind::invalid, fmt::format("the body must be a JSON object, got {}", got));
    }
  } else if (!received.body.empty()) {
    throw Refusal{"bad-request", fmt::format("{} takes no body", received.method)};
  }
  Node query = Node::map();
  for (const auto& [name, text] : query_of(received.query)) add_query(query, schema, name, text);
  for (const auto& [name, text] : path) {
    const Node* property = property_of(schema, name);
    const std::string type = property == nullptr ? "string" : property->text_at({"type"}, "string");
    query.set(name, typed(property, type, text));
  }
  for (schema::Entry& entry : query.entries()) {
    const Node* there = arguments.find(entry.key);
    if (there != nullptr && !(*there == entry.value))
      throw Refusal{"bad-request",
                    fmt::format("`{}` in the body is not the one in the address", shortened(entry.key, 60))};
    arguments.set(entry.key, std::move(entry.value));
  }
  refuse_local(arguments, schema);
  return arguments;
}

}  // namespace mlib::api
