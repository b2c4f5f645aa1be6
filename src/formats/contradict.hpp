#pragma once
#include <optional>

#include "formats/report.hpp"

namespace mlib::formats {

/// What a source says besides the card, for the linter.
struct Beside {
  std::optional<std::int64_t> tensor_bytes;  ///< of all tensors together, without the files' headers
};

/// What of a Model card cannot be true together: heads, sizes, contexts, parameters and bytes.
std::vector<Remark> contradictions(const cards::ModelSpec& spec, const Beside& beside = {});

}  // namespace mlib::formats
