#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cards/card.hpp"
#include "cards/pattern.hpp"

/// Causes of failure as data: catalog/causes/*.yaml says which words mean what, so that a new cause needs no
/// C++. catalog/README.md describes the files.
namespace mlib::cards {

struct File;

/// A place where signs of failure are looked for, and what else is known there, by an example of each.
struct SignPlace {
  std::string_view name;
  std::string_view help;
  std::vector<std::pair<std::string_view, std::string_view>> facts = {};
};
/// All places, the most telling first.
const std::vector<SignPlace>& sign_places();

/// One thing that a target says of something that is not up.
struct Sign {
  std::string place;
  std::string reason = {};  ///< the machine's word: an event's or a state's reason
  int code = -1;            ///< exit code; -1: none
  std::string text = {};    ///< its message, or the lines of a log
  Facts facts = {};
};

/// A text as a real system said it, which the cause is found in.
struct Sample {
  std::string reason;
  int code = -1;
  std::string text;
  Dict<std::string> facts;
  std::string source;

  template <class D>
  void describe(D& d) {
    d.field("reason", reason, {.help = "The machine's word, where the place has one"});
    d.field("code", code, {.help = "Exit code"});
    d.field("text", text, {.help = "The message, or lines of the log"});
    d.field("facts", facts, {.help = "What else was known; an example otherwise"});
    d.field("source", source, {.help = "Where it was recorded", .required = true, .min = 1});
  }
};

/// What a sign means. Of several that match, the one with a pattern wins over one with a reason or code
/// alone, and that over one with neither; then the earlier in its file.
struct CauseRule {
  std::string name;
  std::string title;
  std::vector<std::string> reasons;
  std::vector<int> codes;
  std::vector<std::string> match;
  std::string sentence;
  std::string hint;
  bool final = false;
  bool with_log = false;
  Sample sample;
  std::string look;  ///< its file's

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name of the cause", .required = true, .format = "dns-label"});
    d.field("title", title, {.help = "Heading for people", .required = true, .min = 1});
    d.field("reasons", reasons, {.help = "It applies to these reasons alone"});
    d.field("codes", codes, {.help = "It applies to these exit codes alone"});
    d.field("match", match, {.help = "One of these is in a line; `*` is any text, `{name}` text to keep"});
    d.field("sentence", sentence,
            {.help = "The cause; `{name}` as above, `[ … {name}]` left out when the name has no value",
             .required = true,
             .min = 1});
    d.field("hint", hint, {.help = "The next step", .required = true, .min = 1});
    d.field("final", final, {.help = "It does not go away by waiting"});
    d.field("with_log", with_log, {.help = "The container's log may tell more"});
    d.field("sample", sample, {.help = "A recorded text that it is found in", .required = true});
  }
};

/// In the order in which they are tried.
using Causes = std::vector<CauseRule>;

/// The causes of `causes/*.yaml` among the files; what is broken is left out (cards::load reports it).
Causes load_causes(const std::vector<File>& files);

/// A cause that was found: `line` is the line of the sign's text that matched, or all of it.
struct Told {
  const CauseRule* rule = nullptr;
  std::string sentence;
  std::string hint;
  std::string line;
};

/// What the sign means; nothing when no cause of its place matches. Of a text's lines the last match counts.
std::optional<Told> tell(const Causes& causes, const Sign& sign);

/// The sign that a cause's sample stands for.
Sign sample_sign(const CauseRule& rule);

}  // namespace mlib::cards
