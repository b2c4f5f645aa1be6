#include "formats/words.hpp"

#include <algorithm>
#include <array>

namespace mlib::formats {
namespace {

using schema::Node;

struct Word {
  std::string_view theirs, ours;
};

// huggingface.co/tasks on the left
constexpr std::array task_words{
    Word{"conversational", "text-generation"},      Word{"image-text-to-text", "vision-language"},
    Word{"image-to-text", "vision-language"},       Word{"visual-question-answering", "vision-language"},
    Word{"video-text-to-text", "vision-language"},  Word{"feature-extraction", "embedding"},
    Word{"sentence-similarity", "embedding"},       Word{"text-ranking", "rerank"},
    Word{"automatic-speech-recognition", "speech"},
};

// quant_method and quant_algo of configurations on the left, in capitals
constexpr std::array quantization_words{
    Word{"FBGEMM_FP8", "FP8"}, Word{"PTPC_FP8", "FP8"},       Word{"W8A8_FP8", "FP8"},
    Word{"AWQ_MARLIN", "AWQ"}, Word{"GPTQ_MARLIN", "GPTQ"},   Word{"W8A8_INT8", "INT8"},
    Word{"W4A16_AWQ", "AWQ"},  Word{"MODELOPT_FP4", "NVFP4"}, Word{"PETIT_NVFP4", "NVFP4"},
};

// of `layer_types` on the left
constexpr std::array attention_words{
    Word{"full_attention", "full"},       Word{"attention", "full"},
    Word{"sliding_attention", "sliding"}, Word{"chunked_attention", "chunked"},
    Word{"linear_attention", "linear"},   Word{"mamba", "linear"},
};

template <std::size_t N>
std::string translated(const std::array<Word, N>& words, std::string_view word) {
  const auto same = [&](const Word& each) { return each.theirs == word; };
  const auto found = std::find_if(words.begin(), words.end(), same);
  return std::string(found == words.end() ? word : found->ours);
}

std::string capitals(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

/// The type of the weights of a group as compressed-tensors writes it, or "".
std::string type_of(const Node& group) {
  const std::int64_t bits = group.integer_at({"weights", "num_bits"});
  const bool floats = group.text_at({"weights", "type"}) == "float";
  if (bits == 8) return floats ? "FP8" : "INT8";
  if (bits != 4) return "";
  if (!floats) return "INT4";
  return group.integer_at({"weights", "group_size"}) == 32 ? "MXFP4" : "NVFP4";
}

/// The one type of all groups, or "".
std::string type_of_groups(const Node& config) {
  const Node* groups = config.find("config_groups");
  if (groups == nullptr || !groups->is_map() || groups->entries().empty()) return "";
  const std::string first = type_of(groups->entries()[0].value);
  for (const schema::Entry& each : groups->entries())
    if (type_of(each.value) != first) return "";
  return first;
}

}  // namespace

std::string task_word(std::string_view task) { return translated(task_words, task); }

std::string attention_word(std::string_view type) {
  for (const Word& each : attention_words)
    if (each.theirs == type) return std::string(each.ours);
  return "";
}

std::string quantization_word(const Node& config) {
  const std::string method = capitals(config.text_at({"quant_method"}));
  const std::string algorithm = capitals(config.text_at({"quant_algo"}));
  if (algorithm == "MIXED_PRECISION") return "";
  if (!algorithm.empty()) return translated(quantization_words, algorithm);
  if (method == "COMPRESSED-TENSORS") return type_of_groups(config);
  return translated(quantization_words, method);
}

}  // namespace mlib::formats
