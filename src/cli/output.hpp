#pragma once
#include <string>

#include "verbs/verb.hpp"

namespace mlib::cli {

using schema::Node;

/// Columns padded by two blanks, no blank at a line's end. With `width` > 0 the widest columns are cut with
/// "…" so that no line is wider; `wide` shows all columns.
std::string table_text(const verbs::Table& table, bool wide, std::size_t width);

/// The answer as `output` (table, wide, json, yaml, name) asks.
std::string answer_text(const verbs::Response& response, const std::string& output, std::size_t width);

}  // namespace mlib::cli
