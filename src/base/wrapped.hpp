#pragma once
#include <string>
#include <string_view>

namespace mlib {

/// `text` broken at blanks so that no line is wider than 80 columns, when it begins at `column`; further
/// lines are indented to it.
std::string wrapped(std::string_view text, std::size_t column);

}  // namespace mlib
