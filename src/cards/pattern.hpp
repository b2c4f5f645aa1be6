#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Patterns of causes: literal words, letters' case ignored, in which `*` stands for any text and `{name}`
/// for any text that is kept. A pattern is found anywhere in a text.
namespace mlib::cards {

/// What is known, by name.
using Facts = std::map<std::string, std::string, std::less<>>;

/// What the pattern's names stand for in `text`: as short as possible, trimmed, and without the full stop
/// that ends the text. Nothing when the pattern is not in it.
std::optional<Facts> match(std::string_view pattern, std::string_view text);

/// The names in a pattern or a sentence, in order.
std::vector<std::string> names_in(std::string_view text);

/// The sentence with values for its names ("" when there is none). A part in brackets is left out when one of
/// its names has no value.
std::string fill(std::string_view sentence, const Facts& facts);

}  // namespace mlib::cards
