#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "formats/bytes.hpp"
#include "schema/node.hpp"

namespace mlib::formats {

/// What the header of a safetensors file says of its tensors.
struct Safetensors {
  struct Sum {
    std::uint64_t elements = 0, bytes = 0;
  };
  std::map<std::string, Sum> types;  ///< by dtype: F32, BF16, F8_E4M3, I32, …
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;   ///< of the data
  std::uint64_t needed = 0;  ///< size that the file must have
  schema::Node metadata = schema::Node::map();
};

/// Takes a tensor of the header: how it is called, its dtype, and its extents, the slowest first.
using TensorTaker = std::function<void(const std::string& name, const std::string& dtype,
                                       const std::vector<std::uint64_t>& shape)>;

/// Reads the header (8 bytes of length, then JSON; at most 32 MiB), never the data. Problem{invalid} names
/// `name`, what is wrong and where. Layout: github.com/huggingface/safetensors, README.md.
Safetensors read_safetensors(const Bytes& file, std::string_view name, const TensorTaker& taker = {});

}  // namespace mlib::formats
