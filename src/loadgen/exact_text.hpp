#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/random.hpp"

namespace mlib::loadgen {

/// How many tokens a word is, by a model's tokenizer.
struct WordTokens {
  std::string word;
  int alone = 1;  ///< at the beginning of a text
  int after = 1;  ///< behind another word and a space, the space included
};

/// The words that made text consists of, and the single letters that fill up where no word is one token.
const std::vector<std::string>& made_words();
const std::vector<std::string>& made_letters();

/// Makes text of exactly so many tokens, out of words of which it is known how many each is. What the engine
/// adds (a token that begins every text, a chat's template) is not counted.
class ExactText {
 public:
  /// Problem{unsupported} when these words cannot make up every length from some length on.
  ExactText(std::string file, std::string sha256, std::vector<WordTokens> words);

  const std::string& file() const { return file_; }      ///< of the tokenizer
  const std::string& sha256() const { return sha256_; }  ///< of that file
  const std::vector<WordTokens>& words() const { return words_; }
  /// Every length from here on can be made.
  int least() const { return least_; }
  /// Adds `tokens` tokens, behind a space where there is text already; 0 adds nothing, less than `least` may
  /// become `least`.
  void add(std::string& to, Random random, int tokens) const;

 private:
  bool can_end(int left) const;

  std::string file_, sha256_;
  std::vector<WordTokens> words_;
  std::vector<bool> ends_;  ///< whether words behind others can make up that many tokens, up to a bound
  int least_ = 1;
};

}  // namespace mlib::loadgen
