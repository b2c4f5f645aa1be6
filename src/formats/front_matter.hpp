#pragma once
#include <string>
#include <string_view>

#include "schema/node.hpp"

namespace mlib::formats {

/// The YAML map between the two `---` lines that a README.md begins with; an empty map when it begins with
/// none. `flaw` says why it could not be read, or "".
schema::Node front_matter(std::string_view readme, std::string& flaw);

}  // namespace mlib::formats
