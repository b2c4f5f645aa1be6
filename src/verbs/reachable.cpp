#include "verbs/reachable.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

struct Known {
  std::string name;
  bool answers = false;
  std::string problem, hint;
  std::vector<std::string> lacks;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.required = true});
    d.field("answers", answers, {.required = true});
    d.field("problem", problem);
    d.field("hint", hint);
    d.field("lacks", lacks, {.help = "What it cannot do"});
  }
};

Known known(const std::string& name, const MakeTarget& make, const TargetOptions& reach) {
  Known found{name};
  try {
    const std::unique_ptr<targets::Target> target = make(reach);
    target->observe({std::string(default_namespace), "is-anybody-there"});
    for (const targets::Ability each : target->lacks()) found.lacks.emplace_back(targets::text_of(each).word);
    found.answers = true;
  } catch (const Problem& problem) {
    found.problem = problem.message();
    found.hint = problem.hint();
  }
  return found;
}

/// Per target a line, and what it cannot do.
std::string page(const std::vector<Known>& all) {
  std::string text;
  for (const Known& each : all) {
    text += fmt::format("{:<14}{}\n", each.name, each.answers ? "answers" : visible(each.problem));
    if (!each.hint.empty()) text += fmt::format("  hint: {}\n", visible(each.hint));
    for (const targets::AbilityText& ability : targets::abilities)
      for (const std::string& word : each.lacks)
        if (word == ability.word) text += fmt::format("  cannot {}\n", ability.cannot);
  }
  return text;
}

}  // namespace

Response get_targets(const World& world, const Caller&, const TargetsArguments& arguments) {
  std::vector<Known> all;
  for (const auto& [name, make] : world.targets) all.push_back(known(name, make, arguments.reach));
  return {.value = schema::encode(all), .text = page(all)};
}

}  // namespace mlib::verbs
