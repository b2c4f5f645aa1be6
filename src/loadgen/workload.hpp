#pragma once
#include <string>
#include <vector>

#include "loadgen/protocol.hpp"

namespace mlib::loadgen {

/// A number of tokens, drawn anew for each request.
struct Length {
  enum class Kind { fixed, normal, lognormal };
  Kind kind = Kind::fixed;
  double mean = 0;
  double deviation = 0;             ///< standard deviation, in tokens
  int least = 1, most = 1'000'000;  ///< what is drawn outside is drawn again
};

/// What is asked. `prompts` non-empty: those, in turn; else made text of `prompt` tokens, about one for each
/// word (an estimate: without the model's tokenizer nobody knows before the answer's `usage`).
struct Workload {
  std::vector<std::string> prompts = {};
  Length prompt = {Length::Kind::fixed, 128};
  Length output = {Length::Kind::fixed, 128};
  bool ignore_end = false;  ///< answers go on to their full length
  int groups = 0;           ///< of made text: requests share one of so many prefixes; 0: none is shared
  int prefix = 0;           ///< tokens of a shared prefix, beside `prompt`
};

/// 25 short instructions, as the original's benchmark asked.
const std::vector<std::string>& instructions();

/// The request of that index: the same for the same seed. Made text begins with a word of its own, so that no
/// cache holds it, unless a prefix is shared.
Ask ask_of(const Workload& workload, std::uint64_t seed, std::uint64_t index);

}  // namespace mlib::loadgen
