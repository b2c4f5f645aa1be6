#include "cards/flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

constexpr std::array<std::string_view, 7> kinds{"bool", "int", "float", "string", "enum", "json", "list"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The next run of digits or of letters; "" at the end.
std::string_view next_part(std::string_view& text) {
  const auto plain = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  while (!text.empty() && !plain(text.front())) text.remove_prefix(1);
  std::size_t end = 0;
  while (end < text.size() && plain(text[end]) && is_digit(text[end]) == is_digit(text.front())) ++end;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end);
  return part;
}

bool is_early(std::string_view part) {
  return part == "rc" || part == "a" || part == "alpha" || part == "beta" || part == "dev";
}

int compare_parts(std::string_view a, std::string_view b) {
  if (a.empty()) return is_early(b) ? 1 : -1;
  if (b.empty()) return is_early(a) ? -1 : 1;
  if (!is_digit(a.front()) || !is_digit(b.front())) return a.compare(b);
  std::uint64_t x = 0;
  std::uint64_t y = 0;
  std::from_chars(a.data(), a.data() + a.size(), x);
  std::from_chars(b.data(), b.data() + b.size(), y);
  return x < y ? -1 : x > y ? 1 : 0;
}

std::string_view word(std::string_view& line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  const std::string_view found = line.substr(0, line.find(' '));
  line.remove_prefix(found.size());
  return found;
}

std::vector<std::string_view> names_of(std::string_view list) {
  std::vector<std::string_view> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    names.push_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

/// One line of a table, as tools/engine_flags.py writes it.
class LineReading {
 public:
  LineReading(const std::vector<FlagVersion>& versions, std::string_view line)
      : versions_(versions), line_(line) {}

  /// Why the line is none, or "".
  std::string read(FlagState& state, const std::vector<std::string_view>& before) {
    const std::string_view names = word(line_);
    state.names = names == "\"" ? before : names_of(names);
    if (state.names.empty()) return "a line begins with the names of a flag";
    std::string_view kind = word(line_);
    state.repeatable = kind.ends_with('*');
    if (state.repeatable) kind.remove_suffix(1);
    state.kind = kind;
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
      return fmt::format("`{}` is no kind of flag: bool, int, float, string, enum, json, list",
                         shortened(kind, 40));
    if (std::string fault = read_span(state, word(line_)); !fault.empty()) return fault;
    return read_rest(state);
  }

 private:
  std::optional<std::uint16_t> version_at(std::string_view name) const {
    for (std::size_t i = 0; i < versions_.size(); ++i)
      if (versions_[i].version == name) return static_cast<std::uint16_t>(i);
    return {};
  }

  std::string read_span(FlagState& state, std::string_view span) const {
    const std::size_t dots = span.find("..");
    if (dots == std::string_view::npos) return "a span of versions is FIRST..LAST or FIRST..";
    const std::string_view last = span.substr(dots + 2);
    const auto from = version_at(span.substr(0, dots));
    const auto to = last.empty() ? static_cast<std::uint16_t>(versions_.size() - 1) : version_at(last);
    if (!from || !to) return fmt::format("`{}` names a version that was not read", shortened(span, 60));
    if (*to < *from) return fmt::format("`{}` ends before it begins", shortened(span, 60));
    state.first = *from;
    state.last = *to;
    return "";
  }

  std::string read_rest(FlagState& state) {
    for (std::string_view next = word(line_); !next.empty(); next = word(line_)) {
      if (next == "=") {
        state.default_value = trim(line_);
        return "";
      }
      if (next == "deprecated") {
        state.deprecated = true;
      } else if (next == "->") {
        state.replacement = word(line_);
      } else if (next.size() > 2 && next.starts_with('(') && next.ends_with(')')) {
        state.choices = next.substr(1, next.size() - 2);
      } else {
        return fmt::format("`{}` is not understood here", shortened(next, 40));
      }
    }
    return "";
  }

  const std::vector<FlagVersion>& versions_;
  std::string_view line_;
};

bool covers(const FlagState& state, const VersionPlace& place) {
  const auto within = [&](int at) { return state.first <= at && at <= state.last; };
  return within(place.upper) || within(place.lower);
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const std::string_view x = next_part(a);
    const std::string_view y = next_part(b);
    if (x.empty() && y.empty()) return 0;
    if (const int order = compare_parts(x, y); order != 0) return order;
  }
  return 0;
}

VersionPlace FlagTable::place(std::string_view version) const {
  const int newest = static_cast<int>(versions.size()) - 1;
  if (version.empty() || version == "latest") return {newest, newest};
  if (version.size() > 1 && version.front() == 'v' && is_digit(version[1])) version.remove_prefix(1);
  for (int i = 0; i <= newest; ++i)
    if (versions[static_cast<std::size_t>(i)].version == version) return {i, i};
  int lower = -1;
  for (int i = 0; i <= newest; ++i)
    if (compare_versions(versions[static_cast<std::size_t>(i)].version, version) < 0) lower = i;
  if (lower < 0) return {.older = true};
  if (lower == newest) return {.lower = newest, .upper = newest, .newer = true};
  return {lower, lower + 1};
}

const FlagState* FlagTable::understand(std::string& name, const VersionPlace& place) const {
  if (const FlagState* state = find(name, place)) return state;
  std::string other = name;
  if (underscores && other.starts_with("--")) std::replace(other.begin() + 2, other.end(), '_', '-');
  if (dotted) other = other.substr(0, other.find('.'));
  if (const FlagState* state = find(other, place)) return state;
  if (!ever(other).empty()) name = other;
  if (!abbreviations || !other.starts_with("--") || !ever(other).empty()) return nullptr;
  const FlagState* only = nullptr;
  for (const std::string& each : names_at(place, other)) {
    const FlagState* state = find(each, place);
    if (only != nullptr && state != only) return nullptr;
    only = state;
  }
  return only;
}

void FlagTable::read_lines(std::string lines, std::vector<Fault>& faults) {
  text_ = std::make_shared<const std::string>(std::move(lines));
  std::string_view rest = *text_;
  std::vector<std::string_view> before;
  for (int number = 0; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (trim(line).empty()) continue;
    FlagState state;
    if (std::string fault = LineReading(versions, line).read(state, before); !fault.empty()) {
      faults.push_back({number, std::move(fault)});
      continue;
    }
    before = state.names;
    for (const std::string_view name : state.names)
      index_.emplace_back(name, static_cast<std::uint32_t>(states.size()));
    states.push_back(std::move(state));
  }
  std::sort(index_.begin(), index_.end());
}

std::vector<const FlagState*> FlagTable::ever(std::string_view name) const {
  std::vector<const FlagState*> found;
  auto at = std::lower_bound(index_.begin(), index_.end(), std::pair{name, std::uint32_t{0}});
  for (; at != index_.end() && at->first == name; ++at) found.push_back(&states[at->second]);
  return found;
}

const FlagState* FlagTable::find(std::string_view name, const VersionPlace& place) const {
  const FlagState* best = nullptr;
  auto at = std::lower_bound(index_.begin(), index_.end(), std::pair{name, std::uint32_t{0}});
  for (; at != index_.end() && at->first == name; ++at) {
    const FlagState& state = states[at->second];
    if (covers(state, place) && (best == nullptr || state.last > best->last)) best = &state;
  }
  return best;
}

std::vector<std::string> FlagTable::names_at(const VersionPlace& place, std::string_view prefix) const {
  std::vector<std::string> names;
  for (const FlagState& state : states) {
    if (!covers(state, place)) continue;
    for (std::string_view name : state.names) {
      if (name.starts_with("env:")) name.remove_prefix(4);
      if (name.starts_with(prefix)) names.emplace_back(name);
    }
  }
  return names;
}

}  // namespace mlib::cards
