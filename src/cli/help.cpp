#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/wrapped.hpp"

namespace mlib::cli {
namespace {

struct Line {
  std::string left, right;
};

std::string lines(const std::vector<Line>& all) {
  std::size_t widest = 0;
  for (const Line& each : all) widest = std::max(widest, std::min<std::size_t>(utf8_length(each.left), 26));
  const std::size_t column = 2 + widest + 2;
  std::string text;
  for (const Line& each : all) {
    const std::size_t length = utf8_length(each.left);
    text += "  " + each.left;
    text += length > widest ? "\n" + std::string(column, ' ') : std::string(column - 2 - length, ' ');
    text += wrapped(each.right, column) + "\n";
  }
  return text;
}

std::string left_of(const Option& option) {
  const std::string flag = option.negated ? "--no-" + option.flag.substr(2) : option.flag;
  std::string text = option.letter.empty() ? flag : option.letter + ", " + flag;
  if (!option.word.empty()) text += " " + option.word;
  return text;
}

std::string options_text(const std::vector<Option>& options) {
  std::vector<Line> all;
  for (const Option& each : options)
    all.push_back({left_of(each), each.help + (each.required ? " (required)" : "")});
  return lines(all);
}

std::vector<std::string_view> groups() {
  std::vector<std::string_view> found;
  for (const verbs::Verb& verb : verbs::table())
    if (std::find(found.begin(), found.end(), verb.group) == found.end()) found.push_back(verb.group);
  return found;
}

/// What verbs and own commands have in common for the help.
struct Entry {
  std::string_view name, summary, example, exits;
  Node arguments;
  std::vector<std::string_view> positional;
};

std::string page(const Entry& entry) {
  std::string text =
      fmt::format("{}\n\nUsage: {}\n", entry.summary, usage(entry.name, entry.arguments, entry.positional));
  std::vector<Line> arguments;
  for (const Option& each : options_of(entry.arguments, {})) {
    const bool plain =
        std::find(entry.positional.begin(), entry.positional.end(), each.property) != entry.positional.end();
    if (plain) arguments.push_back({each.property == "files" ? "FILE|DIR…" : each.word, each.help});
  }
  if (!arguments.empty()) text += "\nArguments\n" + lines(arguments);
  const std::vector<Option> options = options_of(entry.arguments, entry.positional);
  if (!options.empty()) text += "\nOptions\n" + options_text(options);
  if (!entry.example.empty()) {
    text += "\nExamples\n";
    for (const std::string& line : split(trim(entry.example), '\n')) text += fmt::format("  mlib {}\n", line);
  }
  if (!entry.exits.empty()) text += "\nExit codes\n  " + wrapped(std::string(entry.exits), 2) + "\n";
  return text;
}

Entry entry_of(const verbs::Verb& verb) {
  return {verb.name, verb.summary, verb.example, verb.exits.help, verb.arguments(), verb.positional};
}
Entry entry_of(const OwnCommand& own) {
  return {own.name, own.summary, own.example, "", own.arguments(), own.positional};
}

constexpr std::string_view exit_codes =
    "0 done, 1 failed (diff, bench compare: something differs; wait: not in time; bench: an invalid result, "
    "or --slo does not hold), 2 usage or invalid input, 3 not found, 4 not allowed, 5 conflict, 6 not "
    "supported, 7 not reachable, 8 timed out, 9 failed (diff), 130 ended by Ctrl-C";

constexpr std::string_view first_endpoint =
    "A first endpoint on this machine\n"
    "  mlib get templates\n"
    "  mlib deploy gemma-3-270m-cpu --name demo\n"
    "  curl $(mlib endpoint demo)/v1/models\n"
    "  mlib delete deployment demo\n";

}  // namespace

std::string overview() {
  std::string text =
      "mlib: from a card to a running endpoint.\n\n"
      "Cards are files that describe serving engines, models, machines and templates\n"
      "that join them. A template and a name become Kubernetes objects, and run on\n"
      "this machine (podman) or on a cluster.\n\n"
      "Usage: mlib VERB [ARGUMENTS] [OPTIONS]\n";
  for (const std::string_view group : groups()) {
    std::vector<Line> all;
    for (const verbs::Verb& verb : verbs::table())
      if (verb.group == group) all.push_back({std::string(verb.name), std::string(verb.summary)});
    text += fmt::format("\n{}\n{}", group, lines(all));
  }
  std::vector<Line> own;
  for (const OwnCommand& each : own_commands())
    own.push_back({std::string(each.name), std::string(each.summary)});
  text += "\nThis program\n" + lines(own);
  text += fmt::format("\n{}\nOptions of every verb\n{}", first_endpoint, options_text(common_options()));
  text += "\nEnvironment\n" +
          lines({{"CONTAINER_HOST",
                  "podman's socket, unix://PATH; else podman's usual one, or one that is started"},
                 {"KUBECONFIG", "Kubeconfig files (~/.kube/config; in a pod, its service account)"},
                 {"MLIB_POLICY", "The administrator's policy file (/etc/model-library/policy.yaml)"},
                 {"XDG_STATE_HOME", "Where the state lies without --state (~/.local/state)"},
                 {"NO_COLOR", "When set, no colours"}});
  return text + "\nExit codes\n  " + wrapped(std::string(exit_codes), 2) + "\n";
}

std::string help_of(const std::string& name) {
  const std::string footer = "\n`mlib --help` lists the options of every verb (-o, --state, …).\n";
  if (const verbs::Verb* verb = find_verb(name)) return page(entry_of(*verb)) + footer;
  if (const OwnCommand* own = find_own(name)) return page(entry_of(*own)) + footer;
  std::vector<Line> group;
  std::vector<std::string> known;
  for (const verbs::Verb& verb : verbs::table()) {
    known.emplace_back(verb.name);
    if (verb.name.rfind(name + " ", 0) == 0)
      group.push_back({std::string(verb.name), std::string(verb.summary)});
  }
  if (!group.empty()) return fmt::format("Usage: mlib {} WHAT [OPTIONS]\n\n{}", name, lines(group));
  const std::string near = nearest(name, known);
  throw Problem(Kind::usage, fmt::format("there is no verb `{}`", shortened(name, 60)),
                near.empty() ? "`mlib --help` lists them" : fmt::format("did you mean `mlib {}`?", near));
}

std::string reference() {
  std::string text = "# The command line of mlib\n\nWritten by `mlib reference`; do not edit.\n\n```\n" +
                     overview() + "```\n";
  for (const verbs::Verb& verb : verbs::table())
    text += fmt::format("\n## mlib {}\n\n```\n{}```\n", verb.name, page(entry_of(verb)));
  for (const OwnCommand& own : own_commands())
    text += fmt::format("\n## mlib {}\n\n```\n{}```\n", own.name, page(entry_of(own)));
  return text;
}

}  // namespace mlib::cli
