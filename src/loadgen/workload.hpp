#pragma once
#include <memory>
#include <string>
#include <vector>

#include "loadgen/exact_text.hpp"
#include "loadgen/protocol.hpp"

namespace mlib::loadgen {

/// Lengths from `least` to `most`, evenly, `weight` times as often as those of a bin of weight 1.
struct Bin {
  int least = 1, most = 1;
  double weight = 1;
};

/// A number of tokens, drawn anew for each request.
struct Length {
  enum class Kind { fixed, normal, lognormal, histogram };
  Kind kind = Kind::fixed;
  double mean = 0;
  double deviation = 0;             ///< standard deviation, in tokens
  int least = 1, most = 1'000'000;  ///< what is drawn outside is drawn again
  std::vector<Bin> bins = {};       ///< of histogram
};

/// One request of one's own, or a conversation of several.
struct Script {
  struct Question {
    std::string text;
    int answer_tokens = 0;  ///< 0: as the workload's `output` says
  };
  std::vector<Question> questions = {};
  int prompt_tokens = 0;  ///< without questions: made text of so many tokens
  int answer_tokens = 0;  ///< of that text's answer
  /// Of that text: which blocks of `block_tokens` it is made of, as in Mooncake's traces. The same number is
  /// the same text, so that a cache holds what it held when the trace was taken.
  std::vector<std::uint64_t> blocks = {};
};
inline constexpr int block_tokens = 512;

/// What is asked. `scripts` non-empty: those, in turn; else `prompts`, in turn, from the second round on
/// behind a word that is each one's own; else made text of `prompt` tokens: exactly so many with `exact`,
/// else about one for each word (an estimate: without the model's tokenizer nobody knows before the answer's
/// `usage`).
struct Workload {
  std::vector<Script> scripts = {};
  std::vector<std::string> prompts = {};
  Length prompt = {Length::Kind::fixed, 128};
  Length output = {Length::Kind::fixed, 128};
  bool ignore_end = false;  ///< answers go on to their full length
  int groups = 0;           ///< of made text: requests share one of so many prefixes; 0: none is shared
  int prefix = 0;           ///< tokens of a shared prefix, beside `prompt`
  /// Questions of one conversation of made text; above 1 only for the users of a closed loop. The first has
  /// the shared prefix, each later one carries what was said before.
  Length turns = {Length::Kind::fixed, 1};
  std::shared_ptr<const ExactText> exact = {};  ///< of all made text
};

/// Problem{usage} naming the field that makes no sense.
void check(const Workload& workload);
/// Some of what is asked is made text.
bool makes_text(const Workload& workload);
/// A conversation may have more than one question.
bool converses(const Workload& workload);
/// The number of questions of that conversation.
int turns_of(const Workload& workload, std::uint64_t seed, std::uint64_t conversation);

/// 25 short instructions, as the original's benchmark asked.
const std::vector<std::string>& instructions();

/// The request of that index, or question `turn` of that conversation without what was said before: the same
/// for the same seed. Made text begins with a word of its own, so that no cache holds it, unless a prefix or
/// a block is shared.
Ask ask_of(const Workload& workload, std::uint64_t seed, std::uint64_t index, int turn = 0);

}  // namespace mlib::loadgen
