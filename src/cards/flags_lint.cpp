#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.hpp"
#include "cards/arguments.hpp"

namespace mlib::cards {
namespace {

bool is_switch(const FlagState& state) { return state.kind == "bool" && state.choices.empty(); }

bool is_flag_like(std::string_view text) {
  return text.size() > 1 && text[0] == '-' &&
         (text[1] == '-' || (std::isalpha(static_cast<unsigned char>(text[1])) != 0));
}

bool holds(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    if (choices.substr(0, bar) == value) return true;
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return false;
}

bool is_number(std::string_view text, bool whole) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  return !whole || text.find_first_of(".eEnN") == std::string_view::npos;
}

/// `16k`, `1.5M`, `32Ki`, `auto`: what vLLM's readable numbers may be.
bool is_readable_number(std::string_view text) {
  if (text == "auto") return true;
  if (text.ends_with('i')) text.remove_suffix(1);
  static constexpr std::string_view suffixes = "kKmMgGtT";
  if (text.empty() || suffixes.find(text.back()) == std::string_view::npos) return false;
  text.remove_suffix(1);
  return is_number(text, false);
}

class Linting {
 public:
  Linting(const FlagTable& table, std::string_view version)
      : table_(table), place_(table.place(version)), mild_(table.hints || place_.newer || place_.older) {
    const std::string& newest = table.versions[static_cast<std::size_t>(place_.upper)].version;
    const bool latest = version.empty() || version == "latest";
    called_ = fmt::format("{} {}", table.engine, latest ? newest : std::string(version));
    if (latest) called_ += " (the newest known)";
    if (place_.newer) called_ += fmt::format(" (newest known: {})", newest);
  }

  std::vector<FlagFinding> run(const CommandLine& line) {
    const std::vector<Word>& words = line.words;
    for (std::size_t i = 0; i < words.size();) {
      if (words[i].known && words[i].text == "--") break;
      if (!words[i].known || !is_flag_like(words[i].text)) {
        ++i;
        continue;
      }
      i = flag(words, i);
    }
    for (const auto& [name, word] : line.env) variable(name, word);
    if (line.script)
      found_.push_back(
          {true, Fault::not_allowed, &*line.script,
           "the engine is started in a shell script from which its arguments cannot be read: its "
           "flags are not checked",
           "begin the engine's line with `exec`, or hand its arguments over in `args`"});
    return std::move(found_);
  }

 private:
  void tell(const Word& word, std::string message, std::string hint, Fault fault = Fault::not_allowed) {
    found_.push_back({mild_, fault, &word, std::move(message), std::move(hint)});
  }

  std::string dated(int version) const {
    const FlagVersion& each = table_.versions[static_cast<std::size_t>(version)];
    return each.date.empty() ? each.version : fmt::format("{} ({})", each.version, each.date);
  }

  /// Reads the flag at `i` and its values; gives the place of what comes after.
  std::size_t flag(const std::vector<Word>& words, std::size_t i) {
    const Word& word = words[i];
    std::string name = word.text.substr(0, word.text.find('='));
    const bool joined = name.size() < word.text.size();
    const FlagState* state = table_.understand(name, place_);
    if (state == nullptr && name[1] != '-' && name.size() > 2) {
      // A short flag with its value: -O3.
      const FlagState* brief = table_.find(std::string_view(name).substr(0, 2), place_);
      if (brief != nullptr && !is_switch(*brief)) return i + 1;
    }
    if (state == nullptr) {
      absent(word, name);
      ++i;
      while (!joined && i < words.size() && !(words[i].known && is_flag_like(words[i].text))) ++i;
      return i;
    }
    if (state->deprecated) deprecated(word, name, *state);
    const bool dotted = table_.dotted && name.find('.') != std::string::npos;
    if (joined) {
      if (!dotted) check_joined(word, name, *state);
      return i + 1;
    }
    return values(words, i, name, *state);
  }

  void check_joined(const Word& word, const std::string& name, const FlagState& state) {
    const std::string value = word.text.substr(name.size() + 1);
    if (is_switch(state)) {
      const std::string then =
          when_it_took(name, state, [&](const FlagState& each) { return fits(each, value); });
      return tell(word, fmt::format("`{}` of {} is a switch: it takes no value", name, called_),
                  "leave the `=` and what follows out" + (then.empty() ? "" : "; " + then),
                  Fault::wrong_type);
    }
    if (word.known) check_value(word, name, state, value);
  }

  std::size_t values(const std::vector<Word>& words, std::size_t i, const std::string& name,
                     const FlagState& state) {
    const Word& word = words[i];
    ++i;
    const bool there = i < words.size() && !(words[i].known && words[i].text.starts_with("--"));
    if (is_switch(state)) {
      if (there && words[i].known) after_switch(words[i], name, state);
      return i;
    }
    if (state.kind == "list") {
      while (i < words.size() && !(words[i].known && is_flag_like(words[i].text))) ++i;
      return i;
    }
    if (state.kind == "bool") return there && !is_flag_like(words[i].text) ? i + 1 : i;
    if (!there || words[i].text.empty()) {
      if (!there)
        tell(word, fmt::format("`{}` of {} takes {}, and none follows", name, called_, wanted(state)),
             when_it_took(name, state, is_switch), Fault::missing);
      return there ? i + 1 : i;
    }
    if (words[i].known) check_value(words[i], name, state, words[i].text);
    return i + 1;
  }

  /// A word behind a switch may be the engine's own; one that the flag takes in another version is meant for
  /// it.
  void after_switch(const Word& word, const std::string& name, const FlagState& state) {
    const std::string then = when_it_took(name, state, [&](const FlagState& each) {
      return !is_switch(each) && holds(each.choices, word.text);
    });
    if (then.empty() && lower(word.text) != "true" && lower(word.text) != "false") return;
    tell(word, fmt::format("`{}` of {} is a switch: it takes no value", name, called_),
         fmt::format("leave `{}` out{}{}", shortened(word.text, 60), then.empty() ? "" : "; ", then),
         Fault::wrong_type);
  }

  /// In which other version the flag was as `suits` says; "" when in none.
  template <class Suits>
  std::string when_it_took(const std::string& name, const FlagState& now, const Suits& suits) const {
    std::string found;
    for (const FlagState* state : table_.ever(name)) {
      if (state == &now || state->kind == now.kind || !suits(*state)) continue;
      const std::string took = is_switch(*state) ? "it was a switch" : "it took " + wanted(*state);
      if (state->last < now.first) found = fmt::format("until {} {}", dated(state->last), took);
      if (state->first > now.last && found.empty())
        found = fmt::format("from {} on {}", dated(state->first),
                            is_switch(*state) ? "it is a switch" : "it takes " + wanted(*state));
    }
    return found;
  }

  static std::string wanted(const FlagState& state) {
    if (state.kind == "int") return "a whole number";
    if (state.kind == "float") return "a number";
    if (state.kind == "enum" && !state.choices.empty()) {
      std::string choices(state.choices);
      std::string shown;
      for (const std::string& each : split(choices, '|')) shown += (shown.empty() ? "" : ", ") + each;
      return "one of " + shortened(shown, 160);
    }
    return "a value";
  }

  void check_value(const Word& word, const std::string& name, const FlagState& state,
                   const std::string& value) {
    if (value.find("$(") != std::string::npos || fits(state, value)) return;
    const std::string shown = shortened(value, 60);
    std::string hint;
    if (state.kind == "enum") hint = choice_hint(name, state, value);
    if (hint.empty())
      hint = when_it_took(name, state,
                          [&](const FlagState& each) { return !is_switch(each) && fits(each, value); });
    tell(word, fmt::format("`{}` of {} takes {}; `{}` is none", name, called_, wanted(state), shown), hint,
         Fault::wrong_type);
  }

  bool fits(const FlagState& state, const std::string& value) const {
    if (holds(state.choices, value)) return true;
    if (state.kind == "int") return is_number(value, true) || (table_.suffixes && is_readable_number(value));
    if (state.kind == "float") return is_number(value, false);
    if (state.kind == "enum") return state.choices.empty();
    return true;
  }

  /// In which versions the flag took `value`, or the choice that is nearest to it.
  std::string choice_hint(const std::string& name, const FlagState& now, const std::string& value) const {
    for (const FlagState* state : table_.ever(name)) {
      if (!holds(state->choices, value)) continue;
      if (state->first > place_.upper) return fmt::format("`{}` came with {}", value, dated(state->first));
      return fmt::format("`{}` was last taken by {}", value, dated(state->last));
    }
    const std::string near = nearest(value, split(std::string(now.choices), '|'));
    return near.empty() ? "" : fmt::format("did you mean `{}`?", near);
  }

  void deprecated(const Word& word, const std::string& name, const FlagState& state) {
    const std::string hint = state.replacement.empty() ? "a later version may lack it"
                                                       : fmt::format("use `{}` instead", state.replacement);
    found_.push_back(
        {true, Fault::not_allowed, &word, fmt::format("`{}` is deprecated in {}", name, called_), hint});
  }

  /// The hint for a name that is not there now: what replaced it, else the nearest that is.
  std::string instead(const std::string& name, std::string_view prefix) const {
    // Who leaves the end of a name out means the shortest that there is.
    const std::vector<std::string> longer = table_.names_at(place_, name);
    const auto shortest = std::min_element(longer.begin(), longer.end(),
                                           [](const auto& a, const auto& b) { return a.size() < b.size(); });
    const bool begins = prefix == "-" && name.size() > 3 && shortest != longer.end();
    const std::string near = begins ? *shortest : nearest(name, table_.names_at(place_, prefix));
    return near.empty() ? "" : fmt::format("did you mean `{}`?", near);
  }

  void absent(const Word& word, const std::string& name, std::string_view prefix = "-") {
    const std::string key = prefix == "-" ? name : "env:" + name;
    std::vector<const FlagState*> states = table_.ever(key);
    if (states.empty()) states = table_.ever(name);
    if (states.empty())
      return tell(
          word,
          fmt::format("{} has no {} `{}`", called_, prefix == "-" ? "flag" : "variable", shortened(name, 60)),
          instead(name, prefix), Fault::reference);
    const FlagState* last = nullptr;
    const FlagState* next = nullptr;
    for (const FlagState* state : states) {
      if (state->last < place_.upper) last = state;
      if (state->first > place_.lower && next == nullptr) next = state;
    }
    const std::string close = close_to(name, prefix);
    const std::string meant = close.empty() ? "" : fmt::format("did you mean `{}`? Else ", close);
    if (last == nullptr)
      return tell(word, fmt::format("{} has no `{}` yet: it came with {}", called_, name, dated(next->first)),
                  meant + "leave it out, or take that version or a newer one", Fault::reference);
    const std::string gone = dated(std::min(last->last + 1, static_cast<int>(table_.versions.size()) - 1));
    const std::string replaced = replacement(*last);
    const std::string back = next == nullptr ? "" : fmt::format("; it came back with {}", dated(next->first));
    tell(word,
         fmt::format("{} has no `{}` any more: last in {}, {} {}", called_, name, dated(last->last),
                     !replaced.empty() ? fmt::format("`{}` since", last->replacement) : "gone in", gone),
         (!replaced.empty() ? fmt::format("use `{}`", replaced)
                            : meant + "leave it out, or take a version that has it") +
             back,
         Fault::reference);
  }

  /// What is used instead of the flag in this version: one that was renamed twice is followed.
  std::string replacement(const FlagState& gone) const {
    std::string name(gone.replacement);
    for (int renamed = 0; renamed < 4 && table_.find(name, place_) == nullptr; ++renamed) {
      const std::vector<const FlagState*> states = table_.ever(name);
      if (states.empty() || states.back()->replacement.empty()) break;
      name = states.back()->replacement;
    }
    return name;
  }

  /// The nearest name when it begins as this one does: that one is not there now is no sign of a slip of the
  /// pen.
  std::string close_to(const std::string& name, std::string_view prefix) const {
    const std::string near = nearest(name, table_.names_at(place_, prefix));
    const auto [end, other] = std::mismatch(name.begin(), name.end(), near.begin(), near.end());
    return 2 * (end - name.begin()) > static_cast<std::ptrdiff_t>(name.size()) ? near : "";
  }

  void variable(const std::string& name, const Word& word) {
    const FlagState* state = table_.find("env:" + name, place_);
    if (state == nullptr) state = table_.find(name, place_);
    if (state != nullptr) {
      if (word.known && !word.text.empty() && state->kind != "bool")
        check_value(word, name, *state, word.text);
      return;
    }
    for (const std::string& prefix : table_.env_prefixes)
      if (name.starts_with(prefix)) return absent(word, name, prefix);
  }

  const FlagTable& table_;
  VersionPlace place_;
  bool mild_;
  std::string called_;
  std::vector<FlagFinding> found_;
};

}  // namespace

std::vector<FlagFinding> lint(const FlagTable& table, std::string_view version, const CommandLine& line) {
  if (table.versions.empty()) return {};
  return Linting(table, version).run(line);
}

}  // namespace mlib::cards
