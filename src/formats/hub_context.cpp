#include <fmt/format.h>

#include <map>

#include "formats/hub_folder.hpp"

namespace mlib::formats::detail {

void take_context(HubFolder& folder) {
  constexpr std::string_view names[] = {"max_position_embeddings", "n_positions", "n_ctx",
                                        "max_sequence_length",     "max_seq_len", "seq_length",
                                        "model_max_length"};
  std::optional<int>& into = folder.draft.card.spec.context_length;
  std::map<std::int64_t, std::string> said;
  for (const std::string_view name : names) {
    std::string where;
    const Node* value = folder.find({name}, where);
    if (value != nullptr && value->is_integer()) said.emplace(value->integer(), where);
    if (!into && value != nullptr) folder.draft.number(into, value, "spec.context_length", where);
  }
  if (said.size() > 1)
    folder.draft.report.doubt("spec.context_length",
                              fmt::format("two different contexts: {} ({}) and {} ({})", said.begin()->first,
                                          said.begin()->second, said.rbegin()->first, said.rbegin()->second));
  std::string where;
  const Node* scaling = folder.find({"rope_scaling"}, where);
  const Node* factor = scaling == nullptr ? nullptr : scaling->find("factor");
  if (factor == nullptr || !factor->is_number()) return;
  const std::int64_t first = scaling->integer_at({"original_max_position_embeddings"});
  folder.draft.report.leave(
      where, first > 0 ? fmt::format("{} is {} scaled by {}", into.value_or(0), first, factor->number())
                       : fmt::format("positions are scaled by {}", factor->number()));
}

}  // namespace mlib::formats::detail
