#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cards/card.hpp"
#include "cards/field_type.hpp"

namespace mlib::cards {

/// Why `value` is refused for `parameter` (type, enum, range, pattern), without its name; nothing when it is
/// fine. A null is fine: it means none. The text never holds the value of a secret.
std::optional<std::string> check(const Parameter& parameter, const Node& value);

/// What its values are, for an expression beside which they stand.
FieldType field_type(const Parameter& parameter);

/// True when `text` consists of what `pattern` (word, path, url, repository) allows, so that it is one plain
/// word in a shell script too; any other pattern is a regular expression (RE2) that the whole text must
/// match, which promises a shell nothing. An empty text fits; no pattern fits everything.
bool fits_pattern(std::string_view pattern, std::string_view text);

/// True when no value of the parameter can mean anything to a shell.
bool is_confined(const Parameter& parameter);

/// What is wrong with the declaration itself, each with the field it is in (`default`, `minimum`, …).
struct Flaw {
  std::string field;
  Fault fault;
  std::string message;
  std::string hint;
};
std::vector<Flaw> flaws(const Parameter& parameter);

/// True for a name that a placeholder can have: a letter or `_`, then letters, digits and `_` (ASCII).
bool is_parameter_name(std::string_view name);

/// The value of `name`, or a null pointer.
template <class T>
const T* find(const Dict<T>& dict, std::string_view name) {
  for (const auto& [key, value] : dict)
    if (key == name) return &value;
  return nullptr;
}

template <class T>
std::vector<std::string> names(const Dict<T>& dict) {
  std::vector<std::string> all;
  for (const auto& [key, value] : dict) all.push_back(key);
  return all;
}

}  // namespace mlib::cards
