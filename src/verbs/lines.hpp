#pragma once
#include <string>
#include <string_view>

namespace mlib::verbs {

/// The lines that differ, as `-old` and `+new` with three lines around them and `@@` between parts; "" when
/// none does.
std::string line_diff(std::string_view before, std::string_view after);

}  // namespace mlib::verbs
