#pragma once
#include <string>
#include <string_view>

namespace mlib::cards {

/// Why `pattern` is no regular expression in RE2 syntax, or "". RE2 never backtracks: matching takes time
/// linear in the text, whatever a card says.
std::string regex_fault(std::string_view pattern);

/// True when `pattern` matches the whole of `text`; a broken pattern matches nothing.
bool regex_matches(std::string_view pattern, std::string_view text);

}  // namespace mlib::cards
