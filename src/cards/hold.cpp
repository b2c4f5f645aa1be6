#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "cards/contract.hpp"
#include "cards/draft.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"

namespace mlib::cards::detail {
namespace {

Path value_path(const std::string& name) { return path_of({"spec", "values", name}); }

/// The spot of `at`, a value or an item of one, when `spot` is that of the whole value.
Spot refined(Spot spot, const Judged& judged) {
  if (judged.at != nullptr && judged.at->line > 0) {
    spot.line = judged.at->line;
    spot.column = judged.at->column;
  }
  return spot;
}

/// The path of `a.b.c` below spec.
Path spec_path(std::string_view dotted) {
  Path path = path_of({"spec"});
  while (!dotted.empty()) {
    const std::size_t dot = std::min(dotted.find('.'), dotted.size());
    path.push_back({std::string(dotted.substr(0, dot))});
    dotted.remove_prefix(std::min(dot + 1, dotted.size()));
  }
  return path;
}

template <class C>
void tell(Verdict& verdict, Draft<C>& draft, const Judged& judged, const Spot& spot) {
  std::vector<Finding>& to = judged.warning ? verdict.warnings : verdict.findings;
  if (!judged.warning) draft.sound = false;
  report(to, spot, judged.fault, judged.message, judged.hint);
}

/// The values that a template on one machine puts in force; those that only the caller can give are not
/// known.
class InForce {
 public:
  InForce(const Framework& framework, const Model& model, const Hardware& hardware, const Template& chosen)
      : framework_(framework), model_(model), hardware_(hardware), chosen_(chosen) {}

  Given operator()(const std::string& name) {
    if (const Node* value = find(chosen_.spec.values, name)) return {value, Giver::chosen};
    if (const Node* value = find(model_.spec.values, name)) return {value, Giver::model};
    if (const Node* value = find(hardware_.spec.values, name)) return {value, Giver::hardware};
    const Parameter* parameter = find(framework_.spec.parameters, name);
    if (parameter == nullptr || parameter->secret) return {};
    if (!parameter->from.empty())
      if (std::optional<Node> value = fact(parameter->from, framework_, model_, hardware_))
        return {&made_.emplace_back(std::move(*value)), giver_of(parameter->from)};
    return {&parameter->default_value, Giver::framework};
  }

 private:
  static Giver giver_of(std::string_view fact) {
    return fact.starts_with("model.")      ? Giver::model
           : fact.starts_with("hardware.") ? Giver::hardware
                                           : Giver::framework;
  }

  const Framework& framework_;
  const Model& model_;
  const Hardware& hardware_;
  const Template& chosen_;
  std::list<Node> made_;
};

/// Judges one template on one machine and says what is wrong once per template.
class TemplateJudge {
 public:
  TemplateJudge(Verdict& verdict, Draft<Template>& draft, const Framework& framework, const Model& model)
      : verdict_(verdict),
        draft_(draft),
        framework_(framework),
        model_(model),
        chosen_(facts_of(draft.card)) {}

  void judge_on(const Hardware& hardware, const Path& named) {
    InForce in_force(framework_, model_, hardware, draft_.card);
    const GivenOf given = [&](const std::string& name) { return in_force(name); };
    CardFacts& facts = verdict_.facts;
    const Parties parties{framework_, &facts.of(framework_), &facts.of(model_), &facts.of(hardware),
                          &chosen_};
    std::vector<Judged> all = judge_conditions(parties, given);
    const auto add = [&](std::vector<Judged> more) {
      std::move(more.begin(), more.end(), std::back_inserter(all));
    };
    // Machines differ in numbers alone, unless they give values of their own.
    if (!linted_ || !hardware.spec.values.empty()) add(judge_flags(parties, given));
    linted_ = true;
    add(judge_rules(parties, given));
    for (const Judged& each : all) {
      if (is_theirs(each)) continue;
      if (std::find(told_.begin(), told_.end(), each.message) != told_.end()) continue;
      told_.push_back(each.message);
      tell(verdict_, draft_, each, spot_of(each, named));
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
  const Framework& framework_;
  const Model& model_;
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
  const GivenOf given = [&](const std::string& name) -> Given {
    const Parameter* parameter = find(draft.card.spec.parameters, name);
    const bool fixed = parameter != nullptr && !parameter->secret && parameter->from.empty();
    if (!fixed || parameter->default_value.is_null()) return {};
    return {&parameter->default_value, Giver::framework};
  };
  const Node facts = facts_of(draft.card);
  const Parties parties{draft.card, &facts};
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

void hold_model(Verdict& verdict, Draft<Model>& draft, const Framework& framework) {
  verdict.facts.make_room();
  const GivenOf given = [&](const std::string& name) -> Given {
    const Node* value = find(draft.card.spec.values, name);
    return value == nullptr ? Given{} : Given{value, Giver::model};
  };
  const Node facts = facts_of(draft.card);
  const Parties parties{framework, &verdict.facts.of(framework), &facts};
  for (const Judged& each : judge(parties, given)) {
    if (each.change.empty() && each.giver != Giver::model) continue;
    Spot spot = value_spot(draft, path_of({"spec", "framework"}));
    if (!each.parameter.empty() && each.giver == Giver::model)
      spot = refined(value_spot(draft, value_path(each.parameter)), each);
    else if (each.change.starts_with("model."))
      spot = value_spot(draft, spec_path(each.change.substr(6)));
    tell(verdict, draft, each, spot);
  }
}

void hold_template(const Shelf& shelf, Verdict& verdict, Draft<Template>& draft, const Framework& framework,
                   const Model& model) {
  if (!framework.contract) return;
  verdict.facts.make_room();
  TemplateJudge judge(verdict, draft, framework, model);
  const TemplateSpec& spec = draft.card.spec;
  const auto on = [&](const std::string& name, const Path& named) {
    const auto found = shelf.hardware.find(name);
    if (found != shelf.hardware.end() && found->second.sound) judge.judge_on(found->second.card, named);
  };
  on(spec.hardware, path_of({"spec", "hardware"}));
  for (std::size_t i = 0; i < spec.viable_hardware.size(); ++i)
    if (spec.viable_hardware[i] != spec.hardware)
      on(spec.viable_hardware[i], {{"spec"}, {"viable_hardware"}, {"", static_cast<int>(i)}});
}

}  // namespace mlib::cards::detail
