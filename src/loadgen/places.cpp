#include "loadgen/places.hpp"

#include <algorithm>
#include <limits>

#include "cards/protocol.hpp"

namespace mlib::loadgen {
namespace {

/// What is no number is NaN: the answer has something there, and nobody can read it.
void read_number(JsonScan& json, std::optional<double>& to) {
  const char first = json.peek();
  double value = std::numeric_limits<double>::quiet_NaN();
  if (first == '-' || (first >= '0' && first <= '9'))
    json.number(value);
  else
    json.skip();
  if (first != 'n') to = value;
}

void read_text(JsonScan& json, std::string_view& to) {
  std::string_view text;
  json.string(text);
  if (!text.empty()) to = text;
}

void read_error(JsonScan& json, Said& said) {
  if (json.peek() != 'n') said.is_error = true;
  read_text(json, said.error);
}

/// The whole number that a step may be in a list.
std::size_t index_of(const std::string& step, std::size_t none) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  return error == std::errc() && end == step.data() + step.size() ? index : none;
}

}  // namespace

void Places::add(const std::vector<std::string>& pointers, Value value) {
  for (const std::string& pointer : pointers) {
    std::vector<std::string> steps = cards::pointer_steps(pointer).value();
    Place* at = &root_;
    const auto go = [&](const std::string& step) {
      const std::string quotes = quoted(step);
      const std::string name = quotes.substr(1, quotes.size() - 2);
      const auto found = std::find_if(at->below.begin(), at->below.end(),
                                      [&](const Place& each) { return each.name == name; });
      if (found != at->below.end()) {
        at = &*found;
      } else {
        Place made;
        made.name = name;
        made.index = index_of(step, no_index);
        at = &at->below.emplace_back(std::move(made));
      }
    };
    for (const std::string& step : steps) go(step);
    at->value = value;
    if (value != Value::error) continue;
    go("message");  // what a map says of its error
    at->value = value;
  }
}

void Places::take_scalar(JsonScan& json, Value value, Said& said) {
  switch (value) {
    case Value::text:
      return read_text(json, said.content);
    case Value::reasoning:
      return read_text(json, said.reasoning);
    case Value::finish:
      return read_text(json, said.finish);
    case Value::error:
      return read_error(json, said);
    case Value::prompt_tokens:
      return read_number(json, said.prompt_tokens);
    case Value::tokens:
      return read_number(json, said.tokens);
    case Value::cached:
      return read_number(json, said.cached);
    case Value::thought:
      return read_number(json, said.thought);
    case Value::per_second:
      return read_number(json, said.per_second);
    case Value::none:
    case Value::items:
      break;
  }
  json.skip();
}

void Places::take_list(JsonScan& json, const Place& place, Said& said) {
  if (place.value == Value::error) said.is_error = true;
  json.array([&](std::size_t index) {
    if (place.value == Value::items) said.list = true;
    if (place.value == Value::text && said.content.empty()) said.content = "tool call";
    for (const Place& each : place.below)
      if (each.index == index) return take(json, each, said);
    json.skip();
  });
}

void Places::take(JsonScan& json, const Place& place, Said& said) {
  const char first = json.peek();
  if (first == '[') return take_list(json, place, said);
  if (first != '{') return take_scalar(json, place.value, said);
  if (place.value == Value::error) said.is_error = true;
  json.object([&](std::string_view key) {
    for (const Place& each : place.below)
      if (each.name == key) return take(json, each, said);
    json.skip();
  });
}

bool Places::read(std::string_view text, Said& said) const {
  JsonScan json(text);
  const bool map = json.peek() == '{';
  take(json, root_, said);
  return json.ended() && (map || root_.value != Value::none);
}

}  // namespace mlib::loadgen
