#include "formats/tokenizer.hpp"

#include "base/problem.hpp"
#include "formats/bytes.hpp"
#include "fuzz.hpp"

/// The tokenizer of a GGUF file, and words counted by it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const mlib::formats::Tokenizer made =
        mlib::formats::gguf_tokenizer(mlib::formats::TextBytes(mlib::fuzz::text(data, size)), "fuzz.gguf");
    for (const char* word : {"the", "tie", "home"}) {
      made.alone(word);
      made.after_space(word);
    }
  } catch (const mlib::Problem&) {
  }
  return 0;
}
