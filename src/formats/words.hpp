#pragma once
#include <string>
#include <string_view>

#include "schema/node.hpp"

namespace mlib::formats {

/// The catalogue's word (`serves.tasks`) for a task of the hub's, or `task` itself.
std::string task_word(std::string_view task);

/// The kind of attention (Attention::kind) of a layer's type in a configuration; "" for one that is no such.
std::string attention_word(std::string_view type);

/// The catalogue's word (`serves.quantizations`) for what a configuration's quantization_config says, its own
/// word in capitals where the catalogue has none; "" where it says none, or several.
std::string quantization_word(const schema::Node& config);

}  // namespace mlib::formats
