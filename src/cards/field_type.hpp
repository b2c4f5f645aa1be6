#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/node.hpp"

namespace mlib::cards {

/// What the values of a field are, so that a literal beside it is read as one of them.
struct FieldType {
  enum class Is : std::uint8_t {
    any,      ///< not known
    text,     ///< in natural order
    version,  ///< a text that may be written as a number: 0.10, 9.0
    number,
    quantity,  ///< a text: bytes as Kubernetes writes them
    boolean,
    date,  ///< a text YYYY-MM-DD
    map    ///< no value itself: it has parts
  };
  Is is = Is::any;
  std::string unit = {};                  ///< of a number or quantity: bytes, tokens, ms, cores, …
  std::vector<std::string> choices = {};  ///< the only values of a text; empty: any
  std::vector<std::string> parts = {};    ///< of a map, where they are known
};

/// The type of what a JSON Schema describes at a dotted path; of a list that of its items.
FieldType type_in(const schema::Node& json_schema, std::string_view path);

/// A number as people write it for a field that is counted in `unit`: `70B`, `128K`, `80GB`, `1.5s`; without
/// letters it is in the field's own unit. Nothing when it is none, or too large for a number.
std::optional<double> amount(std::string_view text, std::string_view unit);
/// Which letters may stand behind a number that is counted in `unit`, for people; "" when none may.
std::string_view letters_of(std::string_view unit);

/// A day that there is, as YYYY-MM-DD.
bool is_day(std::string_view text);

}  // namespace mlib::cards
