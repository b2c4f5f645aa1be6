#include "loadgen/body.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cards/placeholder.hpp"
#include "cards/protocol.hpp"
#include "loadgen/json_scan.hpp"
#include "loadgen/protocol.hpp"
#include "schema/document.hpp"

namespace mlib::loadgen {
namespace {

std::string messages_of(const Ask& ask) {
  std::string list;
  for (const Turn& turn : ask.before)
    list += fmt::format(R"({{"role":"user","content":{}}},{{"role":"assistant","content":{}}},)",
                        quoted(turn.question), quoted(turn.answer));
  return fmt::format(R"([{}{{"role":"user","content":{}}}])", list, quoted(ask.prompt));
}

/// A conversation as one text, for an engine that takes no messages.
std::string prompt_of(const Ask& ask) {
  std::string text;
  for (const Turn& turn : ask.before) text += turn.question + "\n" + turn.answer + "\n";
  return text + ask.prompt;
}

/// A JSON string without its quotes.
std::string_view inside(std::string_view quotes) { return quotes.substr(1, quotes.size() - 2); }

bool has_placeholder(const Node& node) {
  const std::vector<std::string>& names = cards::body_placeholders();
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return cards::uses(node, name); });
}

/// Texts as they are sent: `$$` is a `$`.
Node sent(const Node& node) {
  Node made = node;
  if (node.is_string()) {
    std::string text;
    for (const cards::Piece& piece : cards::pieces(node.string())) text += piece.text;
    return Node(std::move(text));
  }
  if (node.is_map())
    for (schema::Entry& entry : made.entries()) entry.value = sent(entry.value);
  if (node.is_list())
    for (Node& item : made.items()) item = sent(item);
  return made;
}

}  // namespace

Body::Part Body::slot_of(std::string_view name) {
  const std::vector<std::string>& names = cards::body_placeholders();
  Part part;
  part.what = What::slot;
  part.slot = static_cast<Slot>(std::find(names.begin(), names.end(), name) - names.begin());
  return part;
}

Body::Part Body::text_of(const std::string& text) {
  if (const std::string_view name = cards::whole_placeholder(text); !name.empty()) return slot_of(name);
  Part part;
  part.what = What::text;
  for (const cards::Piece& piece : cards::pieces(text)) {
    const bool is_slot = piece.what == cards::Piece::What::placeholder;
    Part inner = is_slot ? slot_of(piece.text) : Part();
    if (!is_slot) inner.json = inside(quoted(piece.text));
    part.parts.push_back(std::move(inner));
  }
  return part;
}

Body::Part Body::part_of(const Node& node) {
  Part part;
  if (!has_placeholder(node)) {
    part.json = schema::to_json(sent(node));
    return part;
  }
  if (node.is_string()) return text_of(node.string());
  part.what = node.is_map() ? What::map : What::list;
  if (node.is_map())
    for (const schema::Entry& entry : node.entries()) {
      part.parts.push_back(part_of(entry.value));
      part.parts.back().key = quoted(entry.key) + ":";
    }
  else
    for (const Node& item : node.items()) part.parts.push_back(part_of(item));
  return part;
}

Body::Body(const Node& body) : whole_(part_of(body)) {}

bool Body::put_slot(Slot slot, const BodyValues& values, std::string& to) {
  const Ask& ask = values.ask;
  switch (slot) {
    case Slot::model:
      if (values.model.empty()) return false;
      to += quoted(values.model);
      return true;
    case Slot::prompt:
      to += quoted(prompt_of(ask));
      return true;
    case Slot::messages:
      to += messages_of(ask);
      return true;
    case Slot::query:
      to += quoted(std::string_view(ask.prompt).substr(0, ask.prompt.find(' ')));
      return true;
    case Slot::max_tokens:
      if (ask.max_tokens <= 0) return false;
      to += fmt::format("{}", ask.max_tokens);
      return true;
    case Slot::temperature:
      if (values.temperature < 0) return false;
      to += fmt::format("{}", values.temperature);
      return true;
    case Slot::ignore_end:
      if (ask.ignore_end) to += "true";
      return ask.ignore_end;
    case Slot::stream:
      if (values.stream) to += "true";
      return values.stream;
    case Slot::stream_or_not:
      to += values.stream ? "true" : "false";
      return true;
  }
  return false;
}

/// Within a text a value stands as its own text, or as JSON where it is none.
void Body::put_text(const Part& part, const BodyValues& values, std::string& to) {
  to += '"';
  for (const Part& each : part.parts) {
    if (each.what == What::json) {
      to += each.json;
      continue;
    }
    std::string value;
    put_slot(each.slot, values, value);
    to += value.starts_with('"') ? inside(value) : inside(quoted(value));
  }
  to += '"';
}

bool Body::put_parts(const Part& part, const BodyValues& values, std::string& to) {
  const std::size_t begin = to.size();
  const bool map = part.what == What::map;
  bool any = false;
  for (const Part& each : part.parts) {
    const std::size_t before = to.size();
    to += any ? ',' : map ? '{' : '[';
    to += each.key;
    if (put(each, values, to))
      any = true;
    else
      to.resize(before);
  }
  if (any)
    to += map ? '}' : ']';
  else
    to.resize(begin);
  return any;
}

/// False, and nothing put, when it has no value.
bool Body::put(const Part& part, const BodyValues& values, std::string& to) {
  switch (part.what) {
    case What::json:
      to += part.json;
      return true;
    case What::slot:
      return put_slot(part.slot, values, to);
    case What::text:
      put_text(part, values, to);
      return true;
    case What::map:
    case What::list:
      return put_parts(part, values, to);
  }
  return false;
}

std::string Body::filled(const BodyValues& values) const {
  std::string text;
  return put(whole_, values, text) ? text : "{}";
}

}  // namespace mlib::loadgen
