#include "formats/front_matter.hpp"
#include "fuzz.hpp"

/// The front matter of a README.md.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string flaw;
  mlib::formats::front_matter("---\n" + mlib::fuzz::text(data, size) + "\n---\n", flaw);
  return 0;
}
