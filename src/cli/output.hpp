#pragma once
#include <string>

#include "verbs/verb.hpp"

namespace mlib::cli {

using schema::Node;

/// Columns padded by two blanks, no blank at a line's end. With `width` > 0 columns of prose are cut with "…"
/// so that lines fit, and words over 64 characters; a name, an address or a time is never cut for it. `wide`
/// shows all columns, whole.
std::string table_text(const verbs::Table& table, bool wide, std::size_t width);

/// The answer as `output` (table, wide, json, yaml, name, markdown) asks; as a table where nothing in it has
/// a name.
std::string answer_text(const verbs::Response& response, const std::string& output, std::size_t width);

}  // namespace mlib::cli
