#pragma once
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/problem.hpp"
#include "schema/document.hpp"
#include "schema/node.hpp"

/// Describe once: a struct has one member template
///     template <class D> void describe(D& d) { d.field("cpus", cpus, {.help = "CPU cores", .required =
///     true}); }
/// and from it come decode (with findings), encode, JSON Schema 2020-12, form fields and the list of its
/// fields.
namespace mlib::schema {

/// What is said of a field besides its name and type.
struct About {
  std::string_view help = "";
  bool required = false;
  double min = -std::numeric_limits<double>::infinity();  ///< of a number; of a text its length in characters
  double max = std::numeric_limits<double>::infinity();
  std::initializer_list<std::string_view> one_of = {};
  std::string_view unit = "";
  std::string_view format =
      "";  ///< dns-label, quantity, date, version, or a card kind whose name the text is (model, …)
  bool secret = false;
};

/// A map from names to T that keeps its order.
template <class T>
using Dict = std::vector<std::pair<std::string, T>>;

/// What decoding goes through: the findings, and where it is.
class Reader {
 public:
  explicit Reader(const Source* source = nullptr, bool ignore_unknown = false)
      : source_(source), ignore_unknown_(ignore_unknown) {}

  void report(Fault fault, const Node& at, std::string message, std::string hint = "",
              std::string expected = "");
  void report_at(Fault fault, int line, int column, Path path, std::string message, std::string hint);
  void wrong_type(const Node& node, std::string_view expected);
  bool ignore_unknown() const { return ignore_unknown_; }

  std::vector<Finding> findings;
  Path path;

 private:
  const Source* source_;
  bool ignore_unknown_;
};

void decode(Reader& reader, const Node& node, bool& value, const About& about);
void decode(Reader& reader, const Node& node, std::int64_t& value, const About& about);
void decode(Reader& reader, const Node& node, int& value, const About& about);
void decode(Reader& reader, const Node& node, double& value, const About& about);
void decode(Reader& reader, const Node& node, std::string& value, const About& about);
inline void decode(Reader&, const Node& node, Node& value, const About&) { value = node; }

template <class T>
void decode(Reader& reader, const Node& node, std::optional<T>& value, const About& about);
template <class T>
void decode(Reader& reader, const Node& node, std::vector<T>& value, const About& about);
template <class T>
void decode(Reader& reader, const Node& node, Dict<T>& value, const About& about);
template <class T>
requires std::is_class_v<T>
void decode(Reader& reader, const Node& node, T& value, const About& about);

/// The visitor behind decode of one map.
class MapDecoder {
 public:
  MapDecoder(Reader& reader, const Node& map) : reader_(reader), map_(map), first_(reader.findings.size()) {}

  template <class T>
  void field(std::string_view name, T& value, const About& about = {}) {
    known_.push_back(name);
    const Node* there = map_.find(name);
    if (there == nullptr) {
      if (about.required) missing_.emplace_back(name);
      return;
    }
    reader_.path.push_back({std::string(name)});
    decode(reader_, *there, value, about);
    reader_.path.pop_back();
  }
  /// Reports unknown fields (before what else is wrong here), then missing ones.
  void finish();

 private:
  Reader& reader_;
  const Node& map_;
  std::size_t first_;
  std::vector<std::string_view> known_;
  std::vector<std::string> missing_;
};

template <class T>
void decode(Reader& reader, const Node& node, std::optional<T>& value, const About& about) {
  if (node.is_null()) {
    value.reset();
    return;
  }
  T inner{};
  decode(reader, node, inner, about);
  value = std::move(inner);
}

template <class T>
void decode(Reader& reader, const Node& node, std::vector<T>& value, const About& about) {
  if (!node.is_list()) return reader.wrong_type(node, "list");
  value.clear();
  for (std::size_t i = 0; i < node.items().size(); ++i) {
    reader.path.push_back({"", static_cast<int>(i)});
    T item{};
    decode(reader, node.items()[i], item, about);
    value.push_back(std::move(item));
    reader.path.pop_back();
  }
}

template <class T>
void decode(Reader& reader, const Node& node, Dict<T>& value, const About& about) {
  if (!node.is_map()) return reader.wrong_type(node, "map");
  value.clear();
  for (const Entry& entry : node.entries()) {
    reader.path.push_back({entry.key});
    T item{};
    decode(reader, entry.value, item, about);
    value.emplace_back(entry.key, std::move(item));
    reader.path.pop_back();
  }
}

template <class T>
requires std::is_class_v<T>
void decode(Reader& reader, const Node& node, T& value, const About&) {
  if (!node.is_map()) return reader.wrong_type(node, "map");
  MapDecoder visitor(reader, node);
  value.describe(visitor);
  visitor.finish();
}

/// Decodes `node` into a T; findings go to `reader`. What was wrong keeps its default.
template <class T>
T decode(Reader& reader, const Node& node) {
  T value{};
  decode(reader, node, value, About{});
  return value;
}

// --- encode
// ------------------------------------------------------------------------------------------------------

inline Node encode(bool value) { return value; }
inline Node encode(std::int64_t value) { return value; }
inline Node encode(int value) { return value; }
inline Node encode(double value) { return value; }
inline Node encode(const std::string& value) { return value; }
inline Node encode(const Node& value) { return value; }
template <class T>
Node encode(const std::optional<T>& value);
template <class T>
Node encode(const std::vector<T>& value);
template <class T>
Node encode(const Dict<T>& value);
template <class T>
requires std::is_class_v<T> Node encode(const T& value);

/// Leaves out what is empty (no value, "", [], {}), unless the field is required.
class MapEncoder {
 public:
  template <class T>
  void field(std::string_view name, T& value, const About& about = {}) {
    Node encoded = encode(std::as_const(value));
    if (about.required || !is_empty(encoded)) map.set(name, std::move(encoded));
  }
  Node map = Node::map();

 private:
  static bool is_empty(const Node& node);
};

template <class T>
Node encode(const std::optional<T>& value) {
  return value ? encode(*value) : Node();
}
template <class T>
Node encode(const std::vector<T>& value) {
  Node list = Node::list();
  for (const T& item : value) list.push(encode(item));
  return list;
}
template <class T>
Node encode(const Dict<T>& value) {
  Node map = Node::map();
  for (const auto& [key, item] : value) map.set(key, encode(item));
  return map;
}
template <class T>
requires std::is_class_v<T> Node encode(const T& value) {
  MapEncoder visitor;
  const_cast<T&>(value).describe(visitor);
  return visitor.map;
}

// --- JSON Schema and form fields
// ---------------------------------------------------------------------------------

template <class T>
Node json_schema();

namespace detail {
Node with_about(Node schema, const About& about);
void add_property(Node& schema, std::string_view name, Node property, bool required);

template <class T>
struct SchemaOf {
  static Node get() { return json_schema<T>(); }
};
template <>
struct SchemaOf<bool> {
  static Node get() { return Node(Node::Map{{"type", "boolean"}}); }
};
template <>
struct SchemaOf<std::int64_t> {
  static Node get() { return Node(Node::Map{{"type", "integer"}}); }
};
template <>
struct SchemaOf<int> : SchemaOf<std::int64_t> {};
template <>
struct SchemaOf<double> {
  static Node get() { return Node(Node::Map{{"type", "number"}}); }
};
template <>
struct SchemaOf<std::string> {
  static Node get() { return Node(Node::Map{{"type", "string"}}); }
};
template <>
struct SchemaOf<Node> {
  static Node get() { return Node::map(); }
};
template <class T>
struct SchemaOf<std::optional<T>> : SchemaOf<T> {};
template <class T>
struct SchemaOf<std::vector<T>> {
  static Node get() { return Node(Node::Map{{"type", "array"}, {"items", SchemaOf<T>::get()}}); }
};
template <class T>
struct SchemaOf<std::vector<std::pair<std::string, T>>> {
  static Node get() {
    return Node(Node::Map{{"type", "object"}, {"additionalProperties", SchemaOf<T>::get()}});
  }
};
}  // namespace detail

class SchemaWriter {
 public:
  template <class T>
  void field(std::string_view name, T&, const About& about = {}) {
    detail::add_property(schema, name, detail::with_about(detail::SchemaOf<T>::get(), about), about.required);
  }
  Node schema =
      Node(Node::Map{{"type", "object"}, {"properties", Node::map()}, {"additionalProperties", false}});
};

/// JSON Schema 2020-12 of T, without `$schema` and `$id`.
template <class T>
Node json_schema() {
  SchemaWriter visitor;
  T value{};
  value.describe(visitor);
  return visitor.schema;
}

/// One input of a form, in reading order: its path, type word, help, choices, range, unit.
struct FormField {
  std::string path;
  std::string type;  ///< boolean, integer, number, string, list, map
  std::string help;
  std::string unit;
  std::string format;
  std::vector<std::string> choices;
  bool required = false;
  bool secret = false;
};
/// The leaves of T's JSON Schema.
std::vector<FormField> form_fields(const Node& json_schema);

}  // namespace mlib::schema
