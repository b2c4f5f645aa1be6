#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "cards/contract.hpp"
#include "cards/draft.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"

namespace mlib::cards::detail {
namespace {

constexpr std::string_view of_parameters = "parameters.";

Path value_path(const std::string& name) { return path_of({"spec", "values", name}); }

/// The spot of `at`, a value or an item of one, when `spot` is that of the whole value.
Spot refined(Spot spot, const Judged& judged) {
  if (judged.at != nullptr && judged.at->line > 0) {
    spot.line = judged.at->line;
    spot.column = judged.at->column;
  }
  return spot;
}

/// Fields of a spec that a field of rules follows from (facts_of in contract.cpp).
std::vector<std::string_view> grounds_of(std::string_view field) {
  if (field == "weights") return {"weights_bytes", "sources", "files"};
  if (field == "scheme") return {"sources"};
  return {field};
}

/// What was told already of the cards that come together; a null pointer: nothing.
struct Refused {
  const Doubts* framework = nullptr;
  const Doubts* model = nullptr;
  const Doubts* hardware = nullptr;
  const Doubts* chosen = nullptr;

  bool any() const { return any_of(framework) || any_of(model) || any_of(hardware) || any_of(chosen); }
  bool parameter(const std::string& name) const {
    return any_of(framework) && framework->touch({"spec", "parameters", name});
  }
  bool field(std::string_view path) const {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view card = path.substr(0, dot);
    const Doubts* doubts = card == "framework"  ? framework
                           : card == "model"    ? model
                           : card == "hardware" ? hardware
                                                : chosen;
    if (!any_of(doubts)) return false;
    const std::vector<std::string_view> grounds = grounds_of(path.substr(std::min(dot + 1, path.size())));
    return std::any_of(grounds.begin(), grounds.end(),
                       [&](std::string_view each) { return doubts->touch(spec_path(each)); });
  }

 private:
  static bool any_of(const Doubts* doubts) { return doubts != nullptr && !doubts->empty(); }
};

/// Parties::refused for these cards, where `parameter` says it of a declared parameter.
std::function<bool(const std::string&)> asking(const Framework& framework, const Refused& refused,
                                               std::function<bool(const std::string&)> parameter) {
  if (!refused.any()) return {};
  return [&framework, refused, parameter = std::move(parameter)](const std::string& field) {
    return field.starts_with(of_parameters)
               ? is_refused(framework, field.substr(of_parameters.size()), parameter)
               : refused.field(field);
  };
}

/// True for what hold_framework tells of a framework by itself.
bool is_of_framework(const Judged& each) {
  return each.giver == Giver::framework && (!each.parameter.empty() || each.change.starts_with("framework."));
}

template <class C>
void tell(Verdict& verdict, Draft<C>& draft, const Judged& judged, const Spot& spot) {
  std::vector<Finding>& to = judged.warning ? verdict.warnings : verdict.findings;
  if (!judged.warning) draft.sound = false;
  report(to, spot, judged.fault, judged.message, judged.hint);
  to.back().warning = judged.warning;
}

/// The values that a template on one machine puts in force; those that only the caller can give are not
/// known. A model or machine that is a null pointer cannot be had.
class InForce {
 public:
  InForce(const Draft<Framework>& framework, const Draft<Model>* model, const Draft<Hardware>* hardware,
          const Draft<Template>& chosen)
      : framework_(framework),
        model_(model),
        hardware_(hardware),
        chosen_(chosen),
        whole_(model != nullptr && hardware != nullptr && framework.doubts.empty() && chosen.doubts.empty()) {
  }

  Given operator()(const std::string& name) {
    static const Model no_model;
    static const Hardware no_hardware;
    if (!whole_ && is_refused(name)) return {};
    const Model& model = model_ == nullptr ? no_model : model_->card;
    const Hardware& hardware = hardware_ == nullptr ? no_hardware : hardware_->card;
    if (const Node* value = find(chosen_.card.spec.values, name)) return {value, Giver::chosen};
    if (const Node* value = find(model.spec.values, name)) return {value, Giver::model};
    if (const Node* value = find(hardware.spec.values, name)) return {value, Giver::hardware};
    const Parameter* parameter = find(framework_.card.spec.parameters, name);
    if (parameter == nullptr || parameter->secret) return {};
    if (!parameter->from.empty())
      if (std::optional<Node> value = fact(parameter->from, framework_.card, model, hardware))
        return {&made_.emplace_back(std::move(*value)), giver_of(parameter->from)};
    return {&parameter->default_value, Giver::framework};
  }

  /// True when a value of the parameter was refused, or a card that may well give one cannot be had.
  bool is_refused(const std::string& name) const {
    if (framework_.doubts.touch({"spec", "parameters", name})) return true;
    if (chosen_.doubts.touch({"spec", "values", name})) return true;
    if (find(chosen_.card.spec.values, name) != nullptr) return false;
    const Parameter* parameter = find(framework_.card.spec.parameters, name);
    if (parameter != nullptr && parameter->from.starts_with("framework."))
      return framework_.doubts.touch({"spec", std::string_view(parameter->from).substr(10)});
    if (model_ == nullptr) return true;
    return hardware_ == nullptr && find(model_->card.spec.values, name) == nullptr;
  }

 private:
  static Giver giver_of(std::string_view fact) {
    return fact.starts_with("model.")      ? Giver::model
           : fact.starts_with("hardware.") ? Giver::hardware
                                           : Giver::framework;
  }

  const Draft<Framework>& framework_;
  const Draft<Model>* model_;
  const Draft<Hardware>* hardware_;
  const Draft<Template>& chosen_;
  const bool whole_;  ///< nothing was refused
  std::list<Node> made_;
};

/// Judges one template on one machine and says what is wrong once per template.
class TemplateJudge {
 public:
  TemplateJudge(Verdict& verdict, Draft<Template>& draft, const Draft<Framework>& framework,
                const Draft<Model>* model)
      : verdict_(verdict),
        draft_(draft),
        framework_(framework),
        model_(model),
        chosen_(facts_of(draft.card)) {}

  void judge_on(const Named& machine) {
    InForce in_force(framework_, model_, machine.hardware, draft_);
    const GivenOf given = [&](const std::string& name) { return in_force(name); };
    CardFacts& facts = verdict_.facts;
    Parties parties{framework_.card, &facts.of(framework_.card)};
    if (model_ != nullptr) parties.model = &facts.of(model_->card);
    if (machine.hardware != nullptr) parties.hardware = &facts.of(machine.hardware->card);
    parties.chosen = &chosen_;
    const Refused refused{&framework_.doubts, model_ == nullptr ? &Doubts::of_all() : nullptr,
                          machine.hardware == nullptr ? &Doubts::of_all() : nullptr, &draft_.doubts};
    parties.refused =
        asking(framework_.card, refused, [&](const std::string& name) { return in_force.is_refused(name); });
    std::vector<Judged> all = judge_conditions(parties, given);
    const auto add = [&](std::vector<Judged> more) {
      std::move(more.begin(), more.end(), std::back_inserter(all));
    };
    // Machines differ in numbers alone, unless they give values of their own.
    if (!linted_ || (machine.hardware != nullptr && !machine.hardware->card.spec.values.empty()))
      add(judge_flags(parties, given));
    linted_ = true;
    add(judge_rules(parties, given));
    for (const Judged& each : all) {
      if (is_theirs(each) || (!framework_.sound && is_of_framework(each))) continue;
      if (std::find(told_.begin(), told_.end(), each.message) != told_.end()) continue;
      told_.push_back(each.message);
      tell(verdict_, draft_, each, spot_of(each, machine.path));
    }
  }

 private:
  /// The framework's own words were judged with the framework.
  static bool is_theirs(const Judged& each) { return each.change.empty() && each.giver == Giver::framework; }

  Spot spot_of(const Judged& each, const Path& named) const {
    if (!each.parameter.empty() && each.giver == Giver::chosen)
      return refined(value_spot(draft_, value_path(each.parameter)), each);
    if (each.giver == Giver::model && !each.parameter.empty())
      return value_spot(draft_, path_of({"spec", "model"}));
    if (each.change.starts_with("template.")) return value_spot(draft_, spec_path(each.change.substr(9)));
    if (each.change.starts_with("model.") || each.change.starts_with("framework."))
      return value_spot(draft_, path_of({"spec", "model"}));
    return value_spot(draft_, named);
  }

  Verdict& verdict_;
  Draft<Template>& draft_;
  const Draft<Framework>& framework_;
  const Draft<Model>* model_;
  const Node chosen_;
  std::vector<std::string> told_;
  bool linted_ = false;
};

/// Each version that the card lists must take the manifest's own command line.
void hold_versions(Verdict& verdict, Draft<Framework>& draft, const ValueOf& value_of) {
  if (!draft.card.contract || !draft.card.contract->flags) return;
  const std::vector<CommandLine> lines = command_lines(draft.card, value_of);
  for (std::size_t i = 0; i < draft.card.spec.versions.size(); ++i) {
    const std::string& version = draft.card.spec.versions[i].version;
    for (const CommandLine& line : lines)
      for (const FlagFinding& each : lint(*draft.card.contract->flags, version, line)) {
        if (each.warning) continue;
        draft.sound = false;
        report(verdict.findings,
               value_spot(draft, {{"spec"}, {"versions"}, {"", static_cast<int>(i)}, {"version"}}),
               each.fault, fmt::format("the manifest does not fit this version: {}", each.message),
               each.hint);
      }
  }
}

}  // namespace

void hold_framework(Verdict& verdict, Draft<Framework>& draft, const Text* manifest) {
  const Refused refused{.framework = &draft.doubts};
  const auto is_refused = [&](const std::string& name) { return refused.parameter(name); };
  const GivenOf given = [&](const std::string& name) -> Given {
    const Parameter* parameter = find(draft.card.spec.parameters, name);
    const bool fixed = parameter != nullptr && !parameter->secret && parameter->from.empty();
    if (!fixed || parameter->default_value.is_null() || is_refused(name)) return {};
    return {&parameter->default_value, Giver::framework};
  };
  const Node facts = facts_of(draft.card);
  Parties parties{draft.card, &facts};
  parties.early = true;
  parties.refused = asking(draft.card, refused, is_refused);
  for (auto part : {judge_flags, judge_conditions, judge_rules}) {
    for (const Judged& each : part(parties, given)) {
      Spot spot{manifest, 0, 0, each.path};
      if (!each.parameter.empty())
        spot = refined(value_spot(draft, path_of({"spec", "parameters", each.parameter, "default"})), each);
      else if (each.at != nullptr && manifest != nullptr)
        spot = {manifest, each.at->line, each.at->column, each.path};
      else
        spot = value_spot(
            draft, spec_path(each.change.substr(std::min(each.change.find('.') + 1, each.change.size()))));
      tell(verdict, draft, each, spot);
    }
  }
  hold_versions(verdict, draft, [&](std::string_view name) { return given(std::string(name)).value; });
}

void hold_model(Verdict& verdict, Draft<Model>& draft, const Draft<Framework>& framework) {
  verdict.facts.make_room();
  const Refused refused{.framework = &framework.doubts, .model = &draft.doubts};
  const auto is_refused = [&](const std::string& name) {
    return refused.parameter(name) || draft.doubts.touch({"spec", "values", name});
  };
  const GivenOf given = [&](const std::string& name) -> Given {
    const Node* value = find(draft.card.spec.values, name);
    return value == nullptr || is_refused(name) ? Given{} : Given{value, Giver::model};
  };
  const Node facts = facts_of(draft.card);
  Parties parties{framework.card, &verdict.facts.of(framework.card), &facts};
  parties.early = true;
  parties.refused = asking(framework.card, refused, is_refused);
  for (const Judged& each : judge(parties, given)) {
    if (each.change.empty() && each.giver != Giver::model) continue;
    if (!framework.sound && is_of_framework(each)) continue;
    Spot spot = value_spot(draft, path_of({"spec", "framework"}));
    if (!each.parameter.empty() && each.giver == Giver::model)
      spot = refined(value_spot(draft, value_path(each.parameter)), each);
    else if (each.change.starts_with("model."))
      spot = value_spot(draft, spec_path(each.change.substr(6)));
    tell(verdict, draft, each, spot);
  }
}

void hold_template(Verdict& verdict, Draft<Template>& draft, const Draft<Framework>& framework,
                   const Draft<Model>* model, const std::vector<Named>& machines) {
  if (!framework.card.contract) return;
  verdict.facts.make_room();
  TemplateJudge judge(verdict, draft, framework, model);
  bool judged = false;
  for (const Named& each : machines) {
    if (each.hardware == nullptr) continue;
    judge.judge_on(each);
    judged = true;
  }
  // What does not ask for a machine is told without one.
  if (!judged) judge.judge_on({nullptr, path_of({"spec", "hardware"})});
}

}  // namespace mlib::cards::detail
