#pragma once
#include <string_view>

namespace mlib::schema {

/// A plain scalar that YAML 1.1 readers (Kubernetes' among them) take for another number, or for none.
bool is_ambiguous(std::string_view text);

}  // namespace mlib::schema
