#include "formats/tokenizer.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <vector>

#include "base/problem.hpp"
#include "formats/bytes.hpp"

using namespace mlib;
using namespace mlib::formats;

namespace {

void number(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}
void text(std::string& out, std::string_view value) {
  number(out, value.size(), 8);
  out += value;
}

/// A GGUF file of metadata alone.
class MadeGguf {
 public:
  MadeGguf& set(std::string_view key, std::string_view value) {
    begin(key, 8);
    text(body_, value);
    return *this;
  }
  MadeGguf& flag(std::string_view key, bool value) {
    begin(key, 7);
    body_ += value ? '\1' : '\0';
    return *this;
  }
  MadeGguf& texts(std::string_view key, const std::vector<std::string>& values) {
    begin(key, 9);
    number(body_, 8, 4);
    number(body_, values.size(), 8);
    for (const std::string& each : values) text(body_, each);
    return *this;
  }
  /// Of 32 bits; kind 5 is i32, 6 is f32.
  MadeGguf& numbers(std::string_view key, int kind, const std::vector<float>& values) {
    begin(key, 9);
    number(body_, static_cast<std::uint64_t>(kind), 4);
    number(body_, values.size(), 8);
    for (const float each : values)
      number(body_, kind == 6 ? std::bit_cast<std::uint32_t>(each) : static_cast<std::uint32_t>(each), 4);
    return *this;
  }
  Tokenizer read() const {
    std::string out = "GGUF";
    number(out, 3, 4);
    number(out, 0, 8);
    number(out, pairs_, 8);
    return gguf_tokenizer(TextBytes(out + body_), "m.gguf");
  }
  std::string refused() const {
    try {
      read();
    } catch (const Problem& problem) {
      CHECK(problem.kind() == Kind::unsupported);
      return std::string(problem.message());
    }
    return "";
  }

 private:
  void begin(std::string_view key, std::uint64_t kind) {
    ++pairs_;
    text(body_, "tokenizer.ggml." + std::string(key));
    number(body_, kind, 4);
  }
  std::string body_;
  std::uint64_t pairs_ = 0;
};

/// "the" is merged by way of "he", since that has the better score; "ti" has none to go on with.
MadeGguf sentence_piece() {
  const std::vector<std::string> tokens{"<s>", "▁", "t", "h", "e", "i", "he", "the", "▁the", "▁t", "ti"};
  std::vector<float> scores(tokens.size());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -static_cast<float>(i);
  return MadeGguf()
      .set("model", "llama")
      .texts("tokens", tokens)
      .numbers("scores", 6, scores)
      .numbers("token_type", 5, {3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
}

MadeGguf byte_level(std::string_view pre) {
  return MadeGguf()
      .set("model", "gpt2")
      .set("pre", pre)
      .texts("tokens", {"Ġ", "t", "h", "e", "i", "th", "the", "Ġt", "Ġti", "Ġthe", "tie"})
      .texts("merges", {"t h", "th e", "Ġ the", "Ġ t", "Ġt i"});
}

std::string json_of(std::string_view model, std::string_view before) {
  return std::string(R"({"added_tokens":[{"content":"<s>"}],"model":{"type":"BPE",)") + std::string(model) +
         "}," + std::string(before) + "}";
}
constexpr std::string_view few = R"("vocab":{"Ġ":0,"t":1,"h":2,"e":3,"th":4,"Ġt":5,"Ġth":6},)"
                                 R"("merges":["Ġ t",["Ġt","h"],"t h"])";
constexpr std::string_view few_words = R"("vocab":{"▁":0,"t":1,"h":2,"e":3,"▁t":4,"▁th":5,"<0x20>":6},)"
                                       R"("byte_fallback":true,"merges":["▁ t","▁t h"])";

std::string refusal(const std::string& json) {
  try {
    json_tokenizer(json, "tokenizer.json");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::unsupported);
    CHECK(problem.hint().find("estimated") != std::string::npos);
    return std::string(problem.message());
  }
  return "";
}

}  // namespace

TEST_CASE("SentencePiece in a GGUF file: the best score is merged first, and a text begins with a space") {
  const Tokenizer made = sentence_piece().read();
  CHECK(made.after_space("the") == 1);  // ▁ t h e → ▁ t he → ▁ the → ▁the
  CHECK(made.alone("the") == 1);
  CHECK(made.after_space("thi") == 3);  // ▁t h i, as nothing else has a merge
  CHECK(made.after_space("tie") == 3);  // ▁t i e: ▁t is better than ti
  CHECK(made.after_space("tz") == 2);   // ▁t, and a byte for z
  CHECK(made.sha256.size() == 64);
  const Tokenizer bare = sentence_piece().flag("add_space_prefix", false).read();
  CHECK(bare.alone("ti") == 1);
  CHECK(bare.after_space("ti") == 2);
}

TEST_CASE("byte pairs in a GGUF file: the first merge of the list goes first, unless whole words are taken") {
  const Tokenizer made = byte_level("qwen2").read();
  CHECK(made.after_space("the") == 1);
  CHECK(made.alone("the") == 1);
  CHECK(made.after_space("ti") == 1);
  CHECK(made.alone("ti") == 2);
  CHECK(made.alone("tie") == 3);
  CHECK(byte_level("llama-bpe").read().alone("tie") == 1);
  CHECK_THROWS_WITH_AS(made.alone("zip"), "m.gguf: `z` is none of its tokens", Problem);
}

TEST_CASE("a GGUF file whose tokens cannot be counted for certain says which it is") {
  CHECK(byte_level("superbpe").refused() ==
        "m.gguf: its pre-tokenizer is `superbpe`, whose tokens cannot be counted here");
  CHECK(MadeGguf().set("model", "bert").refused() ==
        "m.gguf: its tokenizer is `bert`, whose tokens cannot be counted here");
  CHECK(MadeGguf().refused() == "m.gguf: it has no tokenizer, whose tokens cannot be counted here");
  CHECK(sentence_piece().flag("treat_whitespace_as_suffix", true).refused().find("`llama`") !=
        std::string::npos);
  CHECK(
      MadeGguf().set("model", "llama").texts("tokens", {"e", "e▁t"}).numbers("scores", 6, {0, 0}).refused() ==
      "m.gguf: it has tokens that reach from one word into the next");
  CHECK(MadeGguf()
            .set("model", "llama")
            .texts("tokens", {"e", "the"})
            .numbers("scores", 6, {0, 0})
            .numbers("token_type", 5, {1, 4})
            .refused() == "m.gguf: its added token `the` is found within plain text");
}

TEST_CASE("tokenizer.json: byte level, and spaces written as \u2581") {
  const Tokenizer bytes = json_tokenizer(
      json_of(few, R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false})"), "tokenizer.json");
  CHECK(bytes.alone("the") == 2);
  CHECK(bytes.after_space("the") == 2);
  CHECK(bytes.alone("te") == 2);
  CHECK(bytes.after_space("te") == 2);
  CHECK(json_tokenizer(json_of(few, R"("pre_tokenizer":{"type":"ByteLevel"})"), "t").rules.leading_space);
  // As Llama 2 and Gemma have it.
  const Tokenizer words = json_tokenizer(
      json_of(few_words,
              R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
              R"({"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null)"),
      "tokenizer.json");
  CHECK(words.alone("the") == 2);
  CHECK(words.after_space("tz") == 2);
  const Tokenizer bare = json_tokenizer(
      json_of(few_words, R"("normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},)"
                         R"("pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":)"
                         R"("MergedWithPrevious"})"),
      "tokenizer.json");
  CHECK(bare.alone("the") == 3);
  CHECK(bare.after_space("the") == 2);
  CHECK(json_tokenizer(json_of(few_words, R"("pre_tokenizer":{"type":"Metaspace","prepend_scheme":"never"})"),
                       "t")
            .alone("t") == 1);
}

TEST_CASE("tokenizer.json: expressions that split before each word are known, others are refused by name") {
  const auto split = [](const std::string& expression) {
    return json_of(
        few, R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":")" +
                 expression +
                 R"("},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,)"
                 R"("use_regex":false}]})");
  };
  for (
      const char* known :
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)",
       R"([^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)",
       R"( ?[^(\\s|[.,!?…。，、।۔،])]+)", R"(\\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+)"}) {
    CHECK(refusal(split(known)) == "");
  }
  CHECK(refusal(split(R"(\\s+|\\p{L}+)")) ==
        R"(tokenizer.json: it splits by `\s+|\p{L}+`, so its tokens cannot be counted here)");
  CHECK(refusal(split(R"(the)")).find("it splits by `the`") != std::string::npos);
  // Nothing splits the words, and no token reaches across them.
  CHECK(refusal(split(R"(\\p{N}{1,3})")) == "");
}

TEST_CASE("tokenizer.json of another kind is refused by its name") {
  const std::string bytes = R"("pre_tokenizer":{"type":"ByteLevel"})";
  CHECK(refusal(R"({"model":{"type":"Unigram","vocab":[]}})") ==
        "tokenizer.json: its model is Unigram, so its tokens cannot be counted here");
  CHECK(refusal(R"({"model":{"type":"WordPiece","vocab":{}}})").find("its model is WordPiece") !=
        std::string::npos);
  CHECK(refusal(json_of(std::string(few) + R"(,"end_of_word_suffix":"</w>")", bytes))
            .find("`end_of_word_suffix`") != std::string::npos);
  CHECK(refusal(json_of(std::string(few) + R"(,"dropout":0.1)", bytes)).find("`dropout`") !=
        std::string::npos);
  CHECK(
      refusal(json_of(few, R"("pre_tokenizer":{"type":"Whitespace"})")).find("a pre-tokenizer Whitespace") !=
      std::string::npos);
  CHECK(refusal(json_of(few, R"("normalizer":{"type":"Precompiled"},)" + bytes))
            .find("a normalizer Precompiled") != std::string::npos);
  CHECK(refusal(json_of(few, R"("pre_tokenizer":null)")).find("how spaces are written") != std::string::npos);
  CHECK_THROWS_WITH_AS(json_tokenizer("{", "t.json"),
                       "t.json: neither a GGUF file nor a tokenizer.json: byte 1: Expecting value", Problem);
  CHECK_THROWS_WITH_AS(json_tokenizer("{}", "t.json"), "t.json: this is no tokenizer.json: it has no `model`",
                       Problem);
}
