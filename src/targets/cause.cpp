#include "targets/cause.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "targets/cause_signs.hpp"

namespace mlib::targets {
namespace {

using cards::Causes;
using cards::Told;

/// What the group means, by the cause that comes first in the catalogue, and the symptom that shows it.
struct Best {
  std::optional<Told> told = {};
  const Symptom* symptom = nullptr;
};

Best best_of(const Causes& causes, const Symptoms& group) {
  Best best;
  for (const Symptom& each : group) {
    auto told = cards::tell(causes, each.sign);
    if (told && (!best.told || told->rule < best.told->rule)) best = {std::move(told), &each};
  }
  return best;
}

std::string shown(const Symptom& symptom) {
  return as_evidence(symptom.evidence.empty() ? symptom.sign.text : symptom.evidence);
}

Cause cause_of(const Told& told, const Symptom& symptom) {
  return {told.sentence, shown(symptom), told.hint, told.rule->final, told.rule->name};
}

/// All reasons of the scheduler in one sentence; the hint is that of the most telling one.
Cause scheduling_cause(const Causes& causes, const Symptoms& group) {
  std::vector<std::string> clauses;
  for (const Symptom& each : group) {
    const auto told = cards::tell(causes, each.sign);
    const auto nodes = each.sign.facts.find("nodes");
    const std::string number = nodes == each.sign.facts.end() ? "" : nodes->second + ": ";
    clauses.push_back(told ? told->sentence : number + as_evidence(each.sign.text));
  }
  const Best best = best_of(causes, group);
  return {fmt::format("no node can run it: {}", join(clauses, ", ")), shown(group.front()),
          best.told ? best.told->hint : "kubectl get nodes", best.told && best.told->rule->final,
          best.told ? best.told->rule->name : "unschedulable"};
}

std::optional<Cause> group_cause(const Causes& causes, const Symptoms& group, const ReadLog& read_log) {
  if (group.front().sign.place == "scheduler") return scheduling_cause(causes, group);
  const Best best = best_of(causes, group);
  const bool ended = !group.back().pod.empty();
  if (!best.told && !ended) return std::nullopt;
  const Symptom& symptom = best.told ? *best.symptom : group.back();
  if (symptom.pod.empty()) return cause_of(*best.told, symptom);
  Cause cause = ended_cause(causes, symptom.sign,
                            [&] { return read_log(symptom.pod, symptom.container, symptom.previous); });
  cause.final = cause.final || symptom.repeated;
  return cause;
}

}  // namespace

Cause ended_cause(const Causes& causes, const cards::Sign& sign,
                  const std::function<std::string()>& read_log) {
  const auto told = cards::tell(causes, sign);
  Cause cause;
  cause.sentence = told ? told->sentence
                        : cards::fill("{who} ended[ with exit code {code}]",
                                      {{"who", sign.facts.count("who") > 0 ? sign.facts.at("who") : "it"},
                                       {"code", sign.code < 0 ? "" : std::to_string(sign.code)}});
  cause.evidence = as_evidence(sign.text.empty() ? sign.reason : sign.text);
  if (told) cause.hint = told->hint;
  if (told) cause.name = told->rule->name;
  cause.final = told && told->rule->final;
  if (told && !told->rule->with_log) return cause;
  const std::string log = read_log();
  const auto known = cards::tell(causes, {"log", "", -1, log});
  cause.evidence = known ? as_evidence(known->line) : telling_line(log);
  if (cause.evidence.empty()) cause.evidence = as_evidence(sign.text);
  if (!known) return cause;
  cause.sentence = fmt::format("{}: {}", known->sentence, cause.sentence);
  cause.hint = known->hint;
  cause.name = known->rule->name;
  return cause;
}

std::optional<Cause> find_cause(const Causes& causes, const Seen& seen, const ReadLog& read_log) {
  std::optional<Cause> found;
  for (const Symptoms& group : symptoms_of(seen))
    if ((found = group_cause(causes, group, read_log))) break;
  const Symptoms late = lateness_of(seen);
  const Best told = best_of(causes, late);
  if (!told.told) return found;
  if (!found) return cause_of(*told.told, late.front());
  if (!found->final) found->sentence = told.told->sentence + ": " + found->sentence;
  found->final = true;
  return found;
}

}  // namespace mlib::targets
