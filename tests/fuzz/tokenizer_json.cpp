#include "formats/tokenizer.hpp"

#include "base/problem.hpp"
#include "fuzz.hpp"

/// A tokenizer.json, and words counted by it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const mlib::formats::Tokenizer made =
        mlib::formats::json_tokenizer(mlib::fuzz::text(data, size), "tokenizer.json");
    for (const char* word : {"the", "tie", "home"}) {
      made.alone(word);
      made.after_space(word);
    }
  } catch (const mlib::Problem&) {
  }
  return 0;
}
