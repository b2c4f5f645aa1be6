#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/json_scan.hpp"

namespace mlib::loadgen {

/// What one JSON text of an answer says. Texts are as they stand between their quotes; a number is NaN where
/// something else stands in its place.
struct Said {
  std::string_view content, reasoning, finish, error;
  bool is_error = false;
  bool list = false;  ///< of items, at least one
  std::optional<double> prompt_tokens, tokens, cached, thought, per_second;
};

/// Where the values of an answer lie, made ready: pointers that begin alike share their steps, so that one
/// walk over a text finds all of them.
class Places {
 public:
  enum class Value {
    none,
    text,
    reasoning,
    finish,
    items,
    error,
    prompt_tokens,
    tokens,
    cached,
    thought,
    per_second
  };
  /// The value lies at each of these JSON pointers, which are sound.
  void add(const std::vector<std::string>& pointers, Value value);
  /// False when the text is no JSON, or no map where no pointer leads to the whole.
  bool read(std::string_view text, Said& said) const;

 private:
  static constexpr std::size_t no_index = static_cast<std::size_t>(-1);
  struct Place {
    std::string name = {};         ///< of the last step, as JSON writes it
    std::size_t index = no_index;  ///< the same in a list
    Value value = Value::none;
    std::vector<Place> below = {};
  };
  static void take(JsonScan& json, const Place& place, Said& said);
  static void take_list(JsonScan& json, const Place& place, Said& said);
  static void take_scalar(JsonScan& json, Value value, Said& said);

  Place root_;
};

}  // namespace mlib::loadgen
