#include "formats/tensor_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace mlib::formats {
namespace {

constexpr std::size_t most_stacks = 1'000;

/// What the lists of layers are called in models of the hub and of llama.cpp.
constexpr std::array<std::string_view, 6> layer_words{"layers", "layer", "h", "blk", "block", "blocks"};
constexpr std::array<std::string_view, 6> token_words{"embed_tokens.weight", "word_embeddings.weight",
                                                      "wte.weight",          "tok_embeddings.weight",
                                                      "embed_in.weight",     "token_embd.weight"};

/// The number that `text` is, or -1.
int index_of(std::string_view text) {
  if (text.empty() || text.size() > 5) return -1;
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

/// `model.layers` and 7 of `model.layers.7.mlp.experts.3.weight`; "" where there is no such list.
std::pair<std::string_view, int> layer_of(std::string_view name) {
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    const std::string_view rest = name.substr(dot + 1);
    const int index = index_of(rest.substr(0, rest.find('.')));
    if (index < 0) continue;
    const std::string_view list = name.substr(0, dot);
    const std::size_t before = list.rfind('.');
    const std::string_view word = before == std::string_view::npos ? list : list.substr(before + 1);
    if (std::find(layer_words.begin(), layer_words.end(), word) == layer_words.end()) return {};
    return {list, index};
  }
  return {};
}

/// True for `model.embed_tokens.weight` and for `embed_tokens.weight`.
bool is_token_table(std::string_view name) {
  return std::any_of(token_words.begin(), token_words.end(), [&](std::string_view word) {
    return name == word || (name.ends_with(word) && name[name.size() - word.size() - 1] == '.');
  });
}

}  // namespace

void TensorTable::add(std::string_view name, std::uint64_t rows) {
  if (rows > 0 && token_tables_.size() < most_stacks && is_token_table(name)) token_tables_.insert(rows);
  const auto [list, index] = layer_of(name);
  if (list.empty()) return;
  const auto found = stacks_.find(list);
  if (found != stacks_.end())
    found->second = std::max(found->second, index + 1);
  else if (stacks_.size() < most_stacks)
    stacks_.emplace(list, index + 1);
}

void TensorTable::compare(const cards::Shape& shape, int more, Report& report) const {
  // Several lists are the parts of one model: what it sees or hears with, and what it writes with.
  const auto fits = [&](const auto& stack) {
    return stack.second >= *shape.layers && stack.second <= *shape.layers + more;
  };
  if (shape.layers && !stacks_.empty() && std::none_of(stacks_.begin(), stacks_.end(), fits)) {
    const auto most = std::max_element(stacks_.begin(), stacks_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    report.doubt("spec.shape.layers",
                 fmt::format("{} are said, and the tensors are those of {} (`{}`)", *shape.layers,
                             most->second, shortened(visible(most->first), 60)));
  }
  if (shape.vocabulary && !token_tables_.empty() &&
      !token_tables_.contains(static_cast<std::uint64_t>(*shape.vocabulary)))
    report.doubt("spec.shape.vocabulary", fmt::format("{} are said, and the token table has {} rows",
                                                      *shape.vocabulary, *token_tables_.rbegin()));
}

}  // namespace mlib::formats
