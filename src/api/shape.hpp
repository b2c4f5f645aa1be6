#pragma once
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "schema/describe.hpp"

/// Three more visitors of `describe`, for the original's API: check (every wrong place, in pydantic 2's order
/// and with its error types), take (moves a checked value into its struct) and list (every field, empty ones
/// too).
namespace mlib::api {

using schema::About;
using schema::Dict;
using schema::Node;

/// A wrong place of a body. `input` points into the checked value; null for none.
struct Wrong {
  std::string_view type;  ///< missing, string_type, dict_type, list_type, model_attributes_type
  Path loc;
  const Node* input = nullptr;
};

/// Checks a value against a described struct; no number passes for a text, unknown fields are fine.
class Checker {
 public:
  explicit Checker(std::initializer_list<std::string_view> loc, std::size_t most = 1000) : most_(most) {
    for (const std::string_view step : loc) steps_.push_back({step, -1});
  }

  void check(const Node& node, const std::string&) { require(node.is_string(), "string_type", node); }
  void check(const Node& node, const Dict<Node>&) { require(node.is_map(), "dict_type", node); }
  template <class T>
  void check(const Node& node, const std::optional<T>&) {
    if (!node.is_null()) check(node, T{});
  }
  template <class T>
  void check(const Node& node, const std::vector<T>&) {
    if (!require(node.is_list(), "list_type", node)) return;
    int index = 0;
    for (const Node& item : node.items()) {
      steps_.push_back({"", index++});
      check(item, T{});
      steps_.pop_back();
    }
  }
  template <class T>
  requires std::is_class_v<T>
  void check(const Node& node, const T& shape) {
    if (!require(node.is_map(), "model_attributes_type", node)) return;
    const Node* outer = map_;
    map_ = &node;
    const_cast<T&>(shape).describe(*this);
    map_ = outer;
  }

  template <class T>
  void field(std::string_view name, T& value, const About& about = {}) {
    const Node* there = map_->find(name);
    if (there == nullptr && !about.required) return;
    steps_.push_back({name, -1});
    if (there == nullptr) {
      require(false, "missing", *map_);
    } else {
      check(*there, value);
    }
    steps_.pop_back();
  }

  const std::vector<Wrong>& wrongs() const { return wrongs_; }

 private:
  bool require(bool right, std::string_view type, const Node& node) {
    if (right || wrongs_.size() >= most_) return right;
    Path loc;
    for (const auto& [key, index] : steps_) loc.push_back({std::string(key), index});
    wrongs_.push_back({type, std::move(loc), &node});
    return false;
  }

  std::vector<std::pair<std::string_view, int>> steps_;
  std::size_t most_;
  const Node* map_ = nullptr;
  std::vector<Wrong> wrongs_;
};

/// Moves a value that Checker found right into its struct.
class Taker {
 public:
  static void take(Node& node, std::string& value) { value = std::move(node.string()); }
  static void take(Node& node, Dict<Node>& value) {
    value.reserve(node.entries().size());
    for (schema::Entry& entry : node.entries())
      value.emplace_back(std::move(entry.key), std::move(entry.value));
  }
  template <class T>
  static void take(Node& node, std::optional<T>& value) {
    if (!node.is_null()) take(node, value.emplace());
  }
  template <class T>
  static void take(Node& node, std::vector<T>& value) {
    value.reserve(node.items().size());
    for (Node& item : node.items()) take(item, value.emplace_back());
  }
  template <class T>
  requires std::is_class_v<T>
  static void take(Node& node, T& value) {
    Taker fields(node);
    value.describe(fields);
  }

  template <class T>
  void field(std::string_view name, T& value, const About& = {}) {
    if (Node* there = map_.find(name)) take(*there, value);
  }

 private:
  explicit Taker(Node& map) : map_(map) {}
  Node& map_;
};

/// A struct as a map of all its fields, in order; nothing is left out.
class Lister {
 public:
  static Node list(const std::string& value) { return value; }
  static Node list(const Dict<Node>& value) {
    Node map = Node::map();
    for (const auto& [key, item] : value) map.set(key, item);
    return map;
  }
  template <class T>
  static Node list(const std::optional<T>& value) {
    return value ? list(*value) : Node();
  }
  template <class T>
  static Node list(const std::vector<T>& value) {
    Node items = Node::list();
    for (const T& item : value) items.push(list(item));
    return items;
  }
  template <class T>
  requires std::is_class_v<T>
  static Node list(const T& value) {
    Lister fields;
    const_cast<T&>(value).describe(fields);
    return std::move(fields.map_);
  }

  template <class T>
  void field(std::string_view name, T& value, const About& = {}) {
    map_.set(name, list(std::as_const(value)));
  }

 private:
  Node map_ = Node::map();
};

}  // namespace mlib::api
