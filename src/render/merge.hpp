#pragma once
#include <vector>

#include "render/render.hpp"

namespace mlib::render {

/// The origin of the caller's own values; only these may not name what identity gives.
inline constexpr std::string_view overrides_origin = "--set";

/// What becomes of values that nothing declares, and of texts where a number is declared.
enum class Strictness {
  strict,  ///< findings
  lenient  ///< unknown ones are ignored and `"2"` is taken for 2, as the original's clients expect
};

/// What the framework itself says: the lowest layer.
Layer defaults(const cards::Framework& framework);

/// As merge(), but all that is wrong goes to `findings`.
Values merge_values(const cards::Framework& framework, const std::vector<Layer>& layers,
                    const Identity& identity, Strictness strictness, std::vector<Finding>& findings);

/// The sources that count: the value `weights` when the caller set it, else the model's.
std::vector<cards::Source> sources_in_force(const Values& values, const std::vector<cards::Source>& of_model);

/// Sets weights_volumes, weights_mounts, weights_init and weights_path from the first usable source; gives
/// the source used, if any. Problem{invalid} when there are sources and none can be used.
std::optional<cards::Source> add_weights(Values& values, const cards::Framework& framework,
                                         const std::vector<cards::Source>& sources);

}  // namespace mlib::render
