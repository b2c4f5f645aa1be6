#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "schema/document.hpp"

namespace mlib::schema {

/// The documents of a YAML text that keeps to what nearly all cards are written in: block maps and lists,
/// flow collections and quoted texts on one line, `|` and `>` without extras, comments. Nothing for any other
/// text, broken ones among them: libfyaml reads those and says what is wrong. What it does give is what
/// libfyaml would give, places included (yaml_plain_test.cpp).
std::optional<std::vector<Node>> read_plain_yaml(std::string_view text, const Limits& limits);

/// read_yaml by libfyaml, whatever the text.
std::vector<Node> read_any_yaml(const Source& source, std::vector<Finding>& findings, const Limits& limits);

}  // namespace mlib::schema
