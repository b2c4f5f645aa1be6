#include "verbs/filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/problem.hpp"
#include "base/text.hpp"
#include "schema/describe.hpp"

namespace mlib::verbs {
namespace {

using schema::Node;
constexpr std::string_view prefixes[] = {"", "metadata.", "spec.", "metadata.labels."};

/// True when `path` is a field of the schema, above one, or below a map or list of it.
bool is_field(const std::vector<schema::FormField>& fields, const std::string& path) {
  return std::any_of(fields.begin(), fields.end(), [&](const schema::FormField& field) {
    const bool open = field.type == "list" || field.type == "any";
    return field.path == path || (open && path.rfind(field.path + ".", 0) == 0);
  });
}

/// True when some item has that label or map entry.
bool is_present(const std::vector<Node>& items, const std::vector<std::string>& path) {
  return std::any_of(items.begin(), items.end(), [&](const Node& item) {
    const Node* at = &item;
    for (const std::string& step : path)
      if (at = at->find(step); at == nullptr) return false;
    return true;
  });
}

std::string short_form(const std::string& path) {
  for (const std::string_view prefix : {"metadata.", "spec."})
    if (path.rfind(prefix, 0) == 0) return path.substr(prefix.size());
  return path;
}

std::string resolved(const std::string& field, const std::vector<schema::FormField>& fields,
                     const std::vector<Node>& items) {
  for (const std::string_view prefix : prefixes) {
    const std::string path = std::string(prefix) + field;
    if (is_field(fields, path) || is_present(items, split(path, '.'))) return path;
  }
  std::vector<std::string> known;
  for (const schema::FormField& each : fields) known.push_back(short_form(each.path));
  for (const Node& item : items)
    if (const Node* labels = item.at({"metadata", "labels"}))
      for (const schema::Entry& label : labels->entries())
        if (std::find(known.begin(), known.end(), label.key) == known.end()) known.push_back(label.key);
  std::string hint = suggestion(field, known);
  if (hint.empty())
    hint = "some fields: " +
           join({known.begin(), known.begin() + std::min<std::ptrdiff_t>(8, std::ssize(known))}, ", ");
  throw Problem(Kind::usage, fmt::format("--filter: there is no field `{}`", shortened(field, 60)), hint);
}

bool equals(const Node& node, std::size_t from, const std::vector<std::string>& path,
            const std::string& value) {
  if (node.is_list()) {
    return std::any_of(node.items().begin(), node.items().end(),
                       [&](const Node& item) { return equals(item, from, path, value); });
  }
  if (from < path.size()) {
    const Node* next = node.find(path[from]);
    return next != nullptr ? equals(*next, from + 1, path, value) : value.empty();
  }
  if (node.is_string()) return node.string() == value;
  return node.is_null() ? value.empty() : schema::to_json(node) == value || schema::scalar_of(value) == node;
}

}  // namespace

Filter::Filter(const std::vector<std::string>& expressions, const Node& schema,
               const std::vector<Node>& items) {
  const std::vector<schema::FormField> fields = schema::form_fields(schema);
  for (const std::string& expression : expressions) {
    const std::size_t at = expression.find('=');
    if (at == std::string::npos || at == 0 || expression == "!=")
      throw Problem(Kind::usage, fmt::format("--filter: `{}` compares nothing", shortened(expression, 80)),
                    "FIELD=VALUE or FIELD!=VALUE, as in --filter format=gguf");
    Term term;
    term.equal = expression[at - 1] != '!';
    const std::string field(trim(std::string_view(expression).substr(0, term.equal ? at : at - 1)));
    const bool twice = at + 1 < expression.size() && expression[at + 1] == '=';
    term.value = std::string(trim(std::string_view(expression).substr(at + (twice ? 2 : 1))));
    term.path = split(resolved(field, fields, items), '.');
    terms_.push_back(std::move(term));
  }
}

bool Filter::matches(const Node& item) const {
  return std::all_of(terms_.begin(), terms_.end(),
                     [&](const Term& term) { return equals(item, 0, term.path, term.value) == term.equal; });
}

}  // namespace mlib::verbs
