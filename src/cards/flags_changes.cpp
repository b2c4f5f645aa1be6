#include "cards/flags_changes.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

constexpr std::array<std::string_view, 7> order{"removed", "renamed", "deprecated", "kind",
                                                "choices", "default", "added"};

bool is_at(const FlagState& state, int version) { return state.first <= version && version <= state.last; }

/// `a|b` and `b|a` are the same.
bool same_choices(std::string_view one, std::string_view other) {
  std::vector<std::string> left = split(one, '|'), right = split(other, '|');
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  return left == right;
}

void compare(const FlagState& old, const FlagState& now, std::vector<FlagChange>& found) {
  const std::string flag(now.name());
  const auto add = [&](std::string_view what, std::string_view before, std::string_view after) {
    found.push_back({std::string(what), flag, std::string(before), std::string(after)});
  };
  if (old.name() != now.name()) add("renamed", old.name(), now.name());
  if (now.deprecated && !old.deprecated) add("deprecated", "", now.replacement);
  if (old.kind != now.kind) add("kind", old.kind, now.kind);
  const bool listed = old.kind == now.kind && !old.choices.empty() && !now.choices.empty();
  if (listed && !same_choices(old.choices, now.choices)) add("choices", old.choices, now.choices);
  if (old.default_value != now.default_value && !old.default_value.empty() && !now.default_value.empty())
    add("default", old.default_value, now.default_value);
}

std::ptrdiff_t rank(const FlagChange& change) {
  return std::find(order.begin(), order.end(), change.what) - order.begin();
}

}  // namespace

std::vector<FlagChange> changes(const FlagTable& table, const VersionPlace& from, const VersionPlace& to) {
  std::vector<FlagChange> found;
  const VersionPlace before{from.upper, from.upper};
  const VersionPlace after{to.upper, to.upper};
  for (const FlagState& state : table.states) {
    if (!is_at(state, before.upper)) continue;
    const FlagState* now = table.find(state.name(), after);
    if (now == nullptr)
      found.push_back({"removed", std::string(state.name()), "", std::string(state.replacement)});
    else
      compare(state, *now, found);
  }
  for (const FlagState& state : table.states) {
    if (!is_at(state, after.upper)) continue;
    const auto was = [&](std::string_view name) { return table.find(name, before) != nullptr; };
    if (std::none_of(state.names.begin(), state.names.end(), was))
      found.push_back({"added", std::string(state.name()), "", std::string(state.default_value)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const FlagChange& a, const FlagChange& b) { return rank(a) < rank(b); });
  return found;
}

}  // namespace mlib::cards
