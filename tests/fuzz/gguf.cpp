#include "base/problem.hpp"
#include "formats/model.hpp"
#include "fuzz.hpp"

/// A GGUF file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    mlib::formats::from_gguf(mlib::formats::TextBytes(mlib::fuzz::text(data, size)), "fuzz.gguf",
                             {"fuzz", "x", "/fuzz"});
  } catch (const mlib::Problem&) {
  }
  return 0;
}
