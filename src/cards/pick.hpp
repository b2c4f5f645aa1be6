#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "schema/describe.hpp"

/// One field of a described struct without encoding the rest of it.
namespace mlib::cards::detail {

using schema::Node;

/// `path` split at its dots; keys of open maps may hold dots, so the rest stays at hand.
struct Steps {
  std::string_view path;
  bool end() const { return path.empty(); }
  std::string_view first() const { return path.substr(0, path.find('.')); }
  Steps rest() const {
    const std::size_t dot = path.find('.');
    return {dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1)};
  }
};

/// The items that have it, of a list; a null when there is none.
inline Node gathered(std::vector<Node> found) {
  std::vector<Node> all;
  for (Node& each : found) {
    if (each.is_null()) continue;
    if (each.is_list()) {
      for (Node& item : each.items()) all.push_back(std::move(item));
    } else {
      all.push_back(std::move(each));
    }
  }
  return all.empty() ? Node() : Node(std::move(all));
}

inline Node pick_node(const Node& node, Steps steps) {
  if (steps.end()) return node;
  if (node.is_list()) {
    std::vector<Node> found;
    for (const Node& item : node.items()) found.push_back(pick_node(item, steps));
    return gathered(std::move(found));
  }
  if (const Node* whole = node.find(steps.path)) return *whole;
  const Node* next = node.find(steps.first());
  return next == nullptr ? Node() : pick_node(*next, steps.rest());
}

template <class T>
Node pick(const T& value, Steps steps);
template <class T>
Node pick(const std::optional<T>& value, Steps steps) {
  return value ? pick(*value, steps) : Node();
}
inline Node pick(const Node& value, Steps steps) { return pick_node(value, steps); }
template <class T>
Node pick(const std::vector<T>& value, Steps steps) {
  if (value.empty()) return {};
  std::vector<Node> found;
  for (const T& item : value) found.push_back(pick(item, steps));
  return gathered(std::move(found));
}
template <class T>
Node pick(const schema::Dict<T>& value, Steps steps) {
  if (value.empty()) return {};
  if (steps.end()) return schema::encode(value);
  for (const auto& [key, item] : value)
    if (key == steps.path) return pick(item, {});
  for (const auto& [key, item] : value)
    if (key == steps.first()) return pick(item, steps.rest());
  return {};
}

/// The visitor behind pick of a struct.
class Picker {
 public:
  explicit Picker(Steps steps) : steps_(steps) {}
  template <class T>
  void field(std::string_view name, T& value, const schema::About& = {}) {
    if (name == steps_.first()) found = pick(std::as_const(value), steps_.rest());
  }
  Node found;

 private:
  Steps steps_;
};

template <class T>
Node pick(const T& value, Steps steps) {
  if constexpr (std::is_same_v<T, std::string>) {
    return steps.end() && !value.empty() ? Node(value) : Node();
  } else if constexpr (std::is_class_v<T>) {
    if (steps.end()) return schema::encode(value);
    Picker picker(steps);
    const_cast<T&>(value).describe(picker);
    return std::move(picker.found);
  } else {
    return steps.end() ? schema::encode(value) : Node();
  }
}

}  // namespace mlib::cards::detail
