#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/problem.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "formats/gguf.hpp"
#include "formats/tokenizer.hpp"

namespace mlib::formats {
namespace {

using schema::Node;

constexpr std::string_view byte_level_space = "\u0120", word_space = "\u2581";
constexpr std::string_view sentence_piece = "llama";  // what llama.cpp calls it

/// Pre-tokenizers of llama.cpp (src/llama-vocab.cpp) that split plain text before each space and nowhere
/// else. Left out are those that merge across words (superbpe, exaone-moe) or split otherwise (whitespace).
constexpr std::string_view by_words[] = {
    "a.x-4.0",
    "afmoe",
    "bailingmoe",
    "bailingmoe2",
    "bloom",
    "chameleon",
    "chatglm-bpe",
    "codeshell",
    "cohere2moe",
    "command-r",
    "dbrx",
    "deepseek-coder",
    "deepseek-llm",
    "deepseek-r1-qwen",
    "deepseek-v3",
    "default",
    "exaone",
    "exaone4",
    "f2llmv2",
    "falcon",
    "gigachat",
    "gpt-2",
    "gpt-4o",
    "gpt3-finnish",
    "granite-docling",
    "grok-2",
    "hunyuan",
    "hunyuan-dense",
    "hy_v4",
    "jais",
    "jais-2",
    "jina-de",
    "jina-es",
    "jina-v1-en",
    "jina-v2-code",
    "jina-v2-de",
    "jina-v2-es",
    "joyai-llm",
    "kanana2",
    "kormo",
    "laguna",
    "llada-moe",
    "llama4",
    "megrez",
    "mellum",
    "mellum2",
    "minerva-7b",
    "minimax-m2",
    "modern-bert",
    "mpt",
    "olmo",
    "phi-2",
    "poro-chat",
    "qwen2",
    "qwen35",
    "refact",
    "roberta-bpe",
    "seed-coder",
    "smaug-bpe",
    "smollm",
    "solar-open",
    "spark2_5",
    "stablelm2",
    "starcoder",
    "talkie",
    "tiny_aya",
    "trillion",
    "viking",
};
/// Those of them that take a word which is a token as it is.
constexpr std::string_view whole_words[] = {
    "falcon-h1",    "falcon3",  "glm4",      "glm5",     "granite-embed-multi-97m",
    "jina-v5-nano", "lfm2",     "llama-bpe", "llama-v3", "llama3",
    "midm-2.0",     "minicpm5", "pixtral",   "tekken",   "youtu",
};
/// Those that write spaces as ▁ and merge the whole text.
constexpr std::string_view unsplit[] = {"gemma4", "granite-embed-multi-311m", "sarvam-moe"};

template <std::size_t N>
bool among(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// Kinds of tokens that are found in a text before anything is merged: unknown, control, user-defined.
bool is_found_first(int kind) { return kind >= 2 && kind <= 4; }

TokenRules rules_of(const Node& metadata, const std::string& name) {
  const std::string model = metadata.text_at({"tokenizer.ggml.model"});
  const bool gemma = model == "gemma4";
  const std::string pre = gemma ? model : metadata.text_at({"tokenizer.ggml.pre"}, "default");
  const Node* suffix = metadata.find("tokenizer.ggml.treat_whitespace_as_suffix");
  const bool suffixed = suffix != nullptr && suffix->is_boolean() && suffix->boolean();
  TokenRules rules;
  if (model == sentence_piece && !suffixed) {
    const Node* prefix = metadata.find("tokenizer.ggml.add_space_prefix");
    rules.space = word_space;
    rules.leading_space = prefix == nullptr || !prefix->is_boolean() || prefix->boolean();
    rules.by_score = rules.bytes = true;
    return rules;
  }
  const bool whole = among(whole_words, pre), joined = among(unsplit, pre);
  if ((model != "gpt2" && !gemma) || !(whole || joined || among(by_words, pre))) {
    const std::string what = model.empty()     ? "it has no tokenizer"
                             : model == "gpt2" ? fmt::format("its pre-tokenizer is `{}`", shortened(pre, 60))
                                               : fmt::format("its tokenizer is `{}`", shortened(model, 60));
    throw Problem(Kind::unsupported, fmt::format("{}: {}, whose tokens cannot be counted here", name, what),
                  "known are llama and gpt2 with a usual pre-tokenizer; without --tokenizer lengths are "
                  "estimated");
  }
  rules.space = joined ? word_space : byte_level_space;
  rules.by_words = !joined;
  rules.whole_words = whole;
  return rules;
}

struct Lists {
  std::vector<std::string> tokens, merges;
  std::vector<double> scores;
  std::vector<int> kinds;

  GgufItem taker(const std::string& key) {
    const auto texts = [](std::vector<std::string>& into) -> GgufItem {
      return
          [&into](std::uint64_t, const Node& item) { into.push_back(item.is_string() ? item.string() : ""); };
    };
    if (key == "tokenizer.ggml.tokens") return texts(tokens);
    if (key == "tokenizer.ggml.merges") return texts(merges);
    if (key == "tokenizer.ggml.scores")
      return
          [this](std::uint64_t, const Node& item) { scores.push_back(item.is_number() ? item.number() : 0); };
    if (key == "tokenizer.ggml.token_type")
      return [this](std::uint64_t, const Node& item) {
        kinds.push_back(item.is_integer() ? static_cast<int>(item.integer()) : 0);
      };
    return nullptr;
  }
};

std::string digest_of(const Bytes& file, std::uint64_t end) {
  constexpr std::size_t step = 1U << 20U;
  Sha256 sum;
  end = std::min(end, file.size());
  for (std::uint64_t at = 0; at < end; at += step)
    sum.add(file.read(at, static_cast<std::size_t>(std::min<std::uint64_t>(step, end - at))));
  return sum.hex();
}

}  // namespace

Tokenizer gguf_tokenizer(const Bytes& file, const std::string& name) {
  Lists lists;
  const Gguf gguf = read_gguf(file, name, [&](const std::string& key) { return lists.taker(key); });
  Tokenizer made;
  made.rules = rules_of(gguf.metadata, name);
  made.form = "gguf";
  made.file = name;
  made.sha256 = digest_of(file, gguf.data);
  if (made.rules.by_score && lists.scores.size() != lists.tokens.size())
    throw Problem(Kind::invalid,
                  fmt::format("{}: {} scores of {} tokens", name, lists.scores.size(), lists.tokens.size()));
  for (std::size_t i = 0; i < lists.tokens.size(); ++i) {
    const std::string& token = lists.tokens[i];
    if (i < lists.kinds.size() && is_found_first(lists.kinds[i]) && made.is_within_plain_text(token))
      throw Problem(
          Kind::unsupported,
          fmt::format("{}: its added token `{}` is found within plain text", name, shortened(token, 40)),
          "without --tokenizer lengths are estimated");
    made.add_token(token, made.rules.by_score ? lists.scores[i] : 0);
  }
  for (const std::string& merge : lists.merges) {
    const std::size_t space = merge.find(' ', 1);
    if (space != std::string::npos) made.add_merge(merge.substr(0, space), merge.substr(space + 1));
  }
  if (!made.rules.by_score && lists.merges.empty())
    throw Problem(Kind::unsupported, fmt::format("{}: its tokenizer has no merges", name));
  made.check();
  return made;
}

}  // namespace mlib::formats
