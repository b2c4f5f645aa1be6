#include "formats/model.hpp"

#include "formats/contradict.hpp"

namespace mlib::formats {

ModelDraft::ModelDraft(const Wanted& wanted) : wanted_(wanted) { card.spec.framework = wanted.framework; }

void ModelDraft::name(std::initializer_list<std::pair<std::string_view, std::string_view>> from) {
  card.metadata.name = wanted_.name;
  for (const auto& [text, where] : from) {
    if (!card.metadata.name.empty()) return;
    card.metadata.name = name_from(text);
    if (!card.metadata.name.empty())
      report.guess("metadata.name", std::string(where), "--as names it otherwise");
  }
  if (card.metadata.name.empty())
    throw Problem(Kind::usage, "the source has no name that a card can have", "give it one: --as NAME");
}

Imported ModelDraft::done(std::optional<std::int64_t> tensor_bytes) {
  for (Remark& each : contradictions(card.spec, {tensor_bytes}))
    report.contradictions.push_back(std::move(each));
  return {{schema::encode(card)}, std::move(report)};
}

}  // namespace mlib::formats
