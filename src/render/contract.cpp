#include "render/contract.hpp"

#include <algorithm>

#include "cards/contract.hpp"
#include "render/merge.hpp"
#include "schema/document.hpp"

namespace mlib::render {
namespace {

cards::Giver giver_of(const std::string& origin) {
  if (origin == overrides_origin) return cards::Giver::caller;
  if (origin.starts_with("template ")) return cards::Giver::chosen;
  if (origin.starts_with("model ")) return cards::Giver::model;
  if (origin.starts_with("hardware ")) return cards::Giver::hardware;
  return cards::Giver::framework;
}

/// Where the card lies that a field such as `hardware.gpu` belongs to.
std::string file_of(const Cards& cards, const std::string& field) {
  if (field.starts_with("model.")) return cards.model.file;
  if (field.starts_with("hardware.")) return cards.hardware.file;
  if (field.starts_with("framework.")) return cards.framework.file;
  return cards.chosen.file;
}

/// True for `parameters.NAME` whose value was refused.
bool is_refused(const Cards& cards, const Values& values, const std::string& field) {
  constexpr std::string_view prefix = "parameters.";
  if (!field.starts_with(prefix)) return false;
  return cards::is_refused(cards.framework, field.substr(prefix.size()), [&](const std::string& name) {
    const auto found = values.find(name);
    return found != values.end() && found->second.refused;
  });
}

Finding placed(const Cards& cards, const Values& values, const cards::Judged& judged) {
  Finding found;
  found.fault = judged.fault;
  found.warning = judged.warning;
  found.message = judged.message;
  found.hint = judged.hint;
  const auto value = values.find(judged.parameter);
  if (!judged.parameter.empty() && value != values.end()) {
    found.place = {value->second.origin, 0, 0};
    if (judged.at != nullptr && value->second.origin != overrides_origin)
      found.place = {value->second.origin, judged.at->line, judged.at->column};
    found.message = "`" + judged.parameter + "`: " + found.message;
  } else if (judged.at != nullptr) {
    found.place = {cards.framework.manifest_file, judged.at->line, judged.at->column};
    found.path = judged.path;
    found.excerpt = schema::Source{"", cards.framework.manifest_text}.line(judged.at->line);
  } else {
    found.place.file = file_of(cards, judged.change);
  }
  return found;
}

}  // namespace

void hold_to_contract(const Cards& cards, const Values& values, std::vector<Finding>& findings,
                      std::vector<Finding>& warnings) {
  if (!cards.framework.contract) return;
  const cards::GivenOf given = [&](const std::string& name) -> cards::Given {
    const auto found = values.find(name);
    if (found == values.end() || found->second.refused) return {};
    return {&found->second.value, giver_of(found->second.origin)};
  };
  const Node framework = cards::facts_of(cards.framework);
  const Node model = cards::facts_of(cards.model);
  const Node hardware = cards::facts_of(cards.hardware);
  const Node chosen = cards::facts_of(cards.chosen);
  cards::Parties parties{cards.framework, &framework, &model, &hardware, &chosen, true};
  const bool any =
      std::any_of(values.begin(), values.end(), [](const auto& each) { return each.second.refused; });
  if (any) parties.refused = [&](const std::string& field) { return is_refused(cards, values, field); };
  for (const cards::Judged& each : cards::judge(parties, given))
    (each.warning ? warnings : findings).push_back(placed(cards, values, each));
}

std::vector<std::string> warning_lines(const Rendered& rendered) {
  std::vector<std::string> lines;
  for (const Finding& each : rendered.warnings) {
    std::string line = each.message;
    if (!each.hint.empty()) line += "; " + each.hint;
    std::replace(line.begin(), line.end(), '\n', ' ');
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace mlib::render
