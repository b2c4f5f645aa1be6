#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "verbs/verb.hpp"

namespace mlib::verbs {

/// The namespace of who gives none.
inline constexpr std::string_view default_namespace = "model-library";

/// `given`, or the default; Problem{invalid} when it is no DNS label, with the nearest one.
std::string namespace_or_default(const std::string& given);
/// `given` when it is a DNS label, else Problem{invalid} with the nearest one; `what` is "name", "namespace".
std::string checked_label(const std::string& given, std::string_view what);
/// The characters of a DNS label that `text` has, lower case: `My Model` → `my-model`; "" when none is left.
std::string label_of(std::string_view text);

/// A span such as `90s`, `10m`, `1h` or `500ms`; Problem{invalid} otherwise.
std::chrono::milliseconds span_of(const std::string& text, std::string_view option);

/// The factory of a target in the world, "" meaning the first; Problem{usage} with the known ones.
const std::pair<std::string, MakeTarget>& target_of(const World& world, const std::string& name);

/// A record, or Problem{not_found} that names the nearest deployment.
store::Deployment record_of(const store::Store& store, const std::string& namespace_name,
                            const std::string& name);

/// The objects as one Kubernetes `List`.
Node list_of(std::vector<Node> objects);
/// The objects with each value of a Secret masked (`***`).
std::vector<Node> masked(std::vector<Node> objects);

/// What a person reads in a cell: text as it is, others as JSON, null as "".
std::string cell(const Node& node);

}  // namespace mlib::verbs
