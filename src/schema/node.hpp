#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mlib::schema {

struct Entry;

/// A value of a YAML or JSON document: null, boolean, integer, number, text, list or map. Maps keep the order
/// of their keys and hold each once. `line` and `column` (1-based, in characters) say where it was written; 0
/// for made ones.
class Node {
 public:
  using List = std::vector<Node>;
  using Map = std::vector<Entry>;
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map>;

  Node() = default;
  Node(std::nullptr_t) {}
  Node(bool value) : value_(value) {}
  Node(int value) : value_(std::int64_t{value}) {}
  Node(std::int64_t value) : value_(value) {}
  Node(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}
  Node(double value) : value_(value) {}
  Node(const char* value) : value_(std::string(value)) {}
  Node(std::string_view value) : value_(std::string(value)) {}
  Node(std::string value) : value_(std::move(value)) {}
  Node(List value) : value_(std::move(value)) {}
  Node(Map value) : value_(std::move(value)) {}
  static Node list() { return Node(List{}); }
  static Node map() { return Node(Map{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_boolean() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }
  bool is_map() const { return std::holds_alternative<Map>(value_); }
  bool is_scalar() const { return !is_list() && !is_map(); }
  /// null, boolean, integer, number, string, list or map.
  std::string_view kind() const;

  const Value& value() const { return value_; }
  bool boolean() const { return std::get<bool>(value_); }
  std::int64_t integer() const { return std::get<std::int64_t>(value_); }
  double number() const { return is_integer() ? static_cast<double>(integer()) : std::get<double>(value_); }
  const std::string& string() const { return std::get<std::string>(value_); }
  std::string& string() { return std::get<std::string>(value_); }
  const List& items() const { return std::get<List>(value_); }
  List& items() { return std::get<List>(value_); }
  const Map& entries() const { return std::get<Map>(value_); }
  Map& entries() { return std::get<Map>(value_); }

  /// The value of `key`; null pointer when this is no map or has no such key.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  /// Follows `a.b.0.c`-like steps through maps and lists; null pointer when a step leads nowhere.
  const Node* at(std::initializer_list<std::string_view> steps) const;
  /// The text at `steps`, or `otherwise` when there is none or it is no text.
  std::string text_at(std::initializer_list<std::string_view> steps, std::string_view otherwise = "") const;
  std::int64_t integer_at(std::initializer_list<std::string_view> steps, std::int64_t otherwise = 0) const;
  /// Replaces or appends; makes a map of a null. Gives the value's place in the map.
  Node& set(std::string_view key, Node value);
  /// The value of `key`, made as an empty map when there is none.
  Node& child(std::string_view key);
  bool erase(std::string_view key);
  void push(Node value);

  /// Same value; places and quotes do not count; an integer equals the same number, maps whatever their
  /// order.
  friend bool operator==(const Node& a, const Node& b);

  int line = 0;
  int column = 0;
  bool plain = false;  ///< a text that YAML wrote without quotes

 private:
  Value value_;
};

struct Entry {
  std::string key;
  Node value;
  int line = 0;
  int column = 0;
};

}  // namespace mlib::schema
