#include "formats/safetensors.hpp"
#include "base/problem.hpp"
#include "fuzz.hpp"

/// The header of a safetensors file, its length set right so that the JSON is reached.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string whole = mlib::fuzz::text(data, size);
  std::string framed(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) framed[i] = static_cast<char>((size >> (8 * i)) & 0xffU);
  for (const std::string& text : {whole, framed + whole}) {
    try {
      mlib::formats::read_safetensors(mlib::formats::TextBytes(text), "fuzz");
    } catch (const mlib::Problem&) {
    }
  }
  return 0;
}
