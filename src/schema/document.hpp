#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.hpp"
#include "schema/node.hpp"

namespace mlib::schema {

/// A text with the name it goes by in findings (a file's path, `--set`, `request body`).
struct Source {
  std::string file;
  std::string text;
  /// Line `line` (1-based) without its end, or "".
  std::string line(int line) const;
};

struct Limits {
  int depth = 64;
  std::size_t bytes = 4U << 20U;
  std::size_t nodes = 200'000;
};

/// The documents of a YAML (or JSON) text, with places. Plain scalars follow YAML 1.2's core schema; integers
/// that YAML 1.1 reads otherwise (`0755`, `1:30`) and duplicate keys (the first stays) are findings beside
/// the documents; aliases, anchors, tags, merge keys, texts over the limits and broken syntax become
/// findings, and then no documents. Never throws for what the text holds.
std::vector<Node> read_yaml(const Source& source, std::vector<Finding>& findings, const Limits& limits = {});
/// The same; throws Problem{invalid, "SOURCE cannot be read", findings}.
std::vector<Node> read_yaml(const Source& source, const Limits& limits = {});

/// Where and why a JSON text is broken: byte offset, what was expected (Python's json words where it has
/// them).
struct JsonError {
  std::size_t offset = 0;
  std::string message;
  bool duplicate_key = false;
  bool too_deep = false;
};
/// One JSON value (RFC 8259, UTF-8, no duplicate keys); false and `error` otherwise. Nodes have no places.
bool read_json(std::string_view text, Node& node, JsonError& error, const Limits& limits = {});
/// The same; throws Problem{usage}.
Node read_json(std::string_view text, const Limits& limits = {});

/// Compact JSON, raw UTF-8, keys in order; `indent` > 0 gives one entry a line.
std::string to_json(const Node& node, int indent = 0);

/// One YAML document in block style, ending with a newline: every text stays a text for YAML 1.1 and 1.2
/// readers, and no line begins with `---` or `...`.
std::string to_yaml(const Node& node);
/// The documents, separated by `---` lines.
std::string to_yaml(const std::vector<Node>& documents);

/// The value that a plain YAML scalar stands for (`true`, `12`, `~`, `text`): for `--set k=v`.
Node scalar_of(std::string_view text);

}  // namespace mlib::schema
