#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace mlib::fuzz {

inline std::string text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace mlib::fuzz
