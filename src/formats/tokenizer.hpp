#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mlib::formats {

class Bytes;

/// How a byte-pair tokenizer reads plain text: words of the letters a to z with single spaces between them.
struct TokenRules {
  std::string space;           ///< how its tokens write a space: Ġ or ▁
  bool leading_space = false;  ///< a text is read as if it began with a space
  bool by_words = false;       ///< the text is split before each space, and nothing is merged across
  bool whole_words = false;    ///< a word that is a token is taken as it is (`ignore_merges`)
  bool by_score = false;       ///< two tokens are merged by the score of what they make, not by a list
  bool bytes = false;          ///< a letter or space that is no token is as many tokens as it has bytes
};

/// The tokens of a model that plain text can be made of, and how they are merged. Not a whole tokenizer: for
/// anything but plain text it has no answer. Why: docs/adr/0005-own-token-counts.md.
class Tokenizer {
 public:
  TokenRules rules;
  std::string form;    ///< gguf or tokenizer.json
  std::string file;    ///< its path
  std::string sha256;  ///< of tokenizer.json; of a GGUF file the part before the tensors' data

  /// Tokens that are no plain text are passed over; of two equal ones the first stays.
  void add_token(std::string_view text, double score);
  /// The next merge of the list.
  void add_merge(std::string_view left, std::string_view right);
  /// Problem{unsupported} when there are no tokens of plain text, or what is merged could reach across
  /// spaces.
  void check() const;

  /// Tokens of a word of a to z at the beginning of a text, or behind another word and a space.
  /// Problem{unsupported} when one of its letters is no token.
  int alone(std::string_view word) const { return count(word, rules.leading_space); }
  int after_space(std::string_view word) const { return count(word, true); }
  /// True when a text of that content could stand within plain text: letters, or one space.
  bool is_within_plain_text(std::string_view text) const;

 private:
  int count(std::string_view word, bool spaced) const;
  bool is_plain(std::string_view text) const;
  std::optional<double> rank_of(const std::string& left, const std::string& right) const;

  std::unordered_map<std::string, double> tokens_;  ///< with their scores
  std::unordered_map<std::string, double> merges_;  ///< left NUL right; the first has the highest rank
  double next_rank_ = 0;
  bool across_ = false;  ///< a token has a space behind a letter
};

/// Reads the tokenizer of a GGUF file, a `tokenizer.json`, or a folder that has either. Problem{not_found},
/// Problem{invalid} with the place, and Problem{unsupported} naming what it is for one whose count of plain
/// text would not be certain.
Tokenizer read_tokenizer(const std::string& path);

/// Of llama.cpp's `tokenizer.ggml.*`: models `llama`, and `gpt2` with a pre-tokenizer that is known.
Tokenizer gguf_tokenizer(const Bytes& file, const std::string& name);
/// Of Hugging Face's tokenizers: BPE with ByteLevel, or with ▁ for spaces.
Tokenizer json_tokenizer(const std::string& text, const std::string& name);

}  // namespace mlib::formats
