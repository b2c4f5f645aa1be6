#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/text.hpp"
#include "formats/hub_folder.hpp"

namespace mlib::formats::detail {
namespace {

constexpr std::string_view in_tokenizer = "tokenizer_config.json: model_max_length";

class Context {
 public:
  explicit Context(HubFolder& folder) : in_(folder), into_(folder.draft.card.spec.context_length) {}

  void take() {
    configuration();
    rope();
    tokenizer();
    if (said_.size() < 2) return;
    const auto& [least, least_at] = *said_.begin();
    const auto& [most, most_at] = *said_.rbegin();
    in_.draft.report.doubt("spec.context_length", fmt::format("two different contexts: {} ({}) and {} ({})",
                                                              least, least_at, most, most_at));
  }

 private:
  void configuration() {
    constexpr std::string_view names[] = {"max_position_embeddings", "n_positions", "n_ctx",
                                          "max_sequence_length",     "max_seq_len", "seq_length",
                                          "model_max_length"};
    for (const std::string_view name : names) {
      std::string where;
      const Node* value = in_.find({name}, where);
      if (value != nullptr && value->is_integer()) said_.emplace(value->integer(), where);
      if (!into_ && value != nullptr) in_.draft.number(into_, value, "spec.context_length", where);
    }
    without_padding();
  }

  /// RoBERTa's positions begin after the padding's token (transformers, modeling_roberta.py: "Position
  /// numbers begin at padding_idx+1"), so that those before it are in the table and never used.
  void without_padding() {
    const std::string type = in_.config.text_at({"model_type"});
    if (type.find("roberta") == std::string::npos && type != "camembert" && type != "mpnet") return;
    const std::int64_t padding = in_.config.integer_at({"pad_token_id"}, 1);
    if (padding < 0 || padding > 15) return;
    const std::int64_t unused = padding + 1;
    if (!into_ || *into_ <= unused || said_.size() != 1) return;
    in_.used.emplace("pad_token_id");
    const std::string where = said_.begin()->second;
    into_ = static_cast<int>(*into_ - unused);
    said_.clear();
    said_.emplace(*into_, where);
    in_.draft.report.guess("spec.context_length", "config.json: pad_token_id",
                           fmt::format("{} positions stand for padding", unused));
  }

  /// `rope_parameters` is what Transformers 5 calls `rope_scaling`; where layers differ, it has one for each
  /// kind of them.
  const Node* scaling(std::string& where) {
    const Node* found = in_.find({"rope_scaling", "rope_parameters"}, where);
    const Node* full = found == nullptr ? nullptr : found->find("full_attention");
    if (full == nullptr) return found;
    where += ".full_attention";
    return full;
  }

  void rope() {
    std::string where;
    const Node* how = scaling(where);
    const Node* factor = how == nullptr ? nullptr : how->find("factor");
    if (factor == nullptr || !factor->is_number()) return;
    std::string type = how->text_at({"rope_type"});
    if (type.empty()) type = how->text_at({"type"});
    const std::int64_t first = how->integer_at({"original_max_position_embeddings"});
    // Only here the factor is that of the length; Llama 3's is one of wavelengths.
    const bool lengthens = type.empty() || type == "yarn" || type == "linear" || type == "dynamic";
    const double product = static_cast<double>(first) * factor->number();
    if (first < 1 || !lengthens)
      return in_.draft.report.leave(
          where, fmt::format("positions are scaled by {}{}{}", factor->number(),
                             first < 1 ? "" : fmt::format(" from {} on", first),
                             type.empty() ? "" : fmt::format(" ({})", shortened(visible(type), 30))));
    if (product >= 1 && product < 1e12) scaled_ = std::llround(product);
    if (!into_ || scaled_ == *into_)
      return in_.draft.report.leave(
          where, fmt::format("{:.0f} is {} scaled by {}", product, first, factor->number()));
    in_.draft.report.leave(where, fmt::format("{} scaled by {}", first, factor->number()));
    // Some publish the length before scaling (Qwen 2.5), which is no contradiction.
    if (first != *into_)
      in_.draft.report.doubt("spec.context_length",
                             fmt::format("{} scaled by {} is {:.0f} ({}), and {} is {}", first,
                                         factor->number(), product, where, said_at(*into_), *into_));
  }

  std::string said_at(int length) const {
    const auto found = said_.find(length);
    return found == said_.end() ? "the context" : found->second;
  }

  /// What the tokenizer cuts texts at; without a limit it says 10^30.
  void tokenizer() {
    const std::int64_t most = in_.tokenizer.integer_at({"model_max_length"});
    if (most < 1 || most > 1'000'000'000) return;
    const Node value(most);
    if (!into_) in_.draft.number(into_, &value, "spec.context_length", std::string(in_tokenizer));
    if (most != scaled_) said_.emplace(most, in_tokenizer);
  }

  HubFolder& in_;
  std::optional<int>& into_;
  std::map<std::int64_t, std::string> said_;  ///< lengths and where each is said
  std::optional<std::int64_t> scaled_;        ///< what positions reach when they are scaled
};

}  // namespace

void take_context(HubFolder& folder) { Context(folder).take(); }

}  // namespace mlib::formats::detail
