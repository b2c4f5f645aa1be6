#pragma once
#include <array>
#include <string_view>

namespace mlib::targets {

/// What a target may be unable to do; most can do all of it (Target::lacks).
enum class Ability {
  change,
  keep_secrets,
  storage,
  causes,
  events,
  logs,
  follow,
  preparation,
  namespaces,
  capacity
};

/// How an ability is called, and what helps where it is lacking.
struct AbilityText {
  Ability ability;
  std::string_view word;     ///< for programs
  std::string_view cannot;   ///< follows "cannot"
  std::string_view instead;  ///< NS and NAME stand for the deployment's
};

/// In reading order, which is the enum's.
inline constexpr std::array<AbilityText, 10> abilities{{
    {Ability::change, "change", "change what runs",
     "--replace deletes it and creates it anew; storage stays"},
    {Ability::keep_secrets, "keep-secrets", "go back to an earlier revision and keep the Secrets that run",
     "deploy the earlier values again (`mlib history NAME`), with the secrets"},
    {Ability::storage, "storage", "remove storage", "kubectl -n NS delete pvc NAME-..."},
    {Ability::causes, "causes", "say why something does not run",
     "kubectl -n NS describe pods -l app.kubernetes.io/instance=NAME"},
    {Ability::events, "events", "tell events",
     "kubectl -n NS get events --sort-by=.lastTimestamp; `mlib status NAME` says what is known"},
    {Ability::logs, "logs", "print logs", "kubectl -n NS logs -l app.kubernetes.io/instance=NAME"},
    {Ability::follow, "follow", "print a log as it goes on",
     "kubectl -n NS logs -f -l app.kubernetes.io/instance=NAME"},
    {Ability::preparation, "preparation", "print the log of an earlier run or of what prepared it",
     "kubectl -n NS logs -l app.kubernetes.io/instance=NAME --all-containers"},
    {Ability::namespaces, "namespaces", "delete a namespace", "kubectl delete namespace NS"},
    {Ability::capacity, "capacity", "tell what its machines have", "kubectl top nodes"},
}};

constexpr const AbilityText& text_of(Ability ability) { return abilities[static_cast<std::size_t>(ability)]; }

}  // namespace mlib::targets
