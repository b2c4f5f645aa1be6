#include "schema/node.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace mlib::schema {

std::string_view Node::kind() const {
  static constexpr std::array<std::string_view, 7> names{"null",   "boolean", "integer", "number",
                                                         "string", "list",    "map"};
  return names[value_.index()];
}

const Node* Node::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const Entry& entry : entries())
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

const Node* Node::at(std::initializer_list<std::string_view> steps) const {
  const Node* now = this;
  for (const std::string_view step : steps) {
    if (now->is_list()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
      const bool fits =
          error == std::errc{} && end == step.data() + step.size() && index < now->items().size();
      now = fits ? &now->items()[index] : nullptr;
    } else {
      now = now->find(step);
    }
    if (now == nullptr) return nullptr;
  }
  return now;
}

std::string Node::text_at(std::initializer_list<std::string_view> steps, std::string_view otherwise) const {
  const Node* found = at(steps);
  return found != nullptr && found->is_string() ? found->string() : std::string(otherwise);
}

std::int64_t Node::integer_at(std::initializer_list<std::string_view> steps, std::int64_t otherwise) const {
  const Node* found = at(steps);
  return found != nullptr && found->is_integer() ? found->integer() : otherwise;
}

Node& Node::set(std::string_view key, Node value) {
  if (!is_map()) value_ = Map{};
  if (Node* there = find(key)) {
    *there = std::move(value);
    return *there;
  }
  entries().push_back({std::string(key), std::move(value)});
  return entries().back().value;
}

Node& Node::child(std::string_view key) {
  if (Node* there = find(key); there != nullptr && !there->is_null()) return *there;
  return set(key, Node::map());
}

bool Node::erase(std::string_view key) {
  if (!is_map()) return false;
  return std::erase_if(entries(), [&](const Entry& entry) { return entry.key == key; }) > 0;
}

void Node::push(Node value) {
  if (!is_list()) value_ = List{};
  items().push_back(std::move(value));
}

bool operator==(const Node& a, const Node& b) {
  if (a.is_number() && b.is_number())
    return a.is_integer() && b.is_integer() ? a.integer() == b.integer() : a.number() == b.number();
  if (a.is_map() && b.is_map()) {
    if (a.entries().size() != b.entries().size()) return false;
    return std::all_of(a.entries().begin(), a.entries().end(), [&](const Entry& entry) {
      const Node* other = b.find(entry.key);
      return other != nullptr && entry.value == *other;
    });
  }
  if (a.is_list() && b.is_list()) return a.items() == b.items();
  if (a.is_string() && b.is_string()) return a.string() == b.string();
  if (a.is_boolean() && b.is_boolean()) return a.boolean() == b.boolean();
  return a.is_null() && b.is_null();
}

}  // namespace mlib::schema
