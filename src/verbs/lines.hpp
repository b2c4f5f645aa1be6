#pragma once
#include <string>
#include <string_view>

namespace mlib::verbs {

/// The lines that differ, as `-old` and `+new` with three lines around them and `@@` between parts; "" when
/// none does.
std::string line_diff(std::string_view before, std::string_view after);

/// `text` broken at blanks so that no line is wider than 80 columns, when it begins at `column`; further
/// lines are indented to it.
std::string wrapped(std::string_view text, std::size_t column);

}  // namespace mlib::verbs
