#include "verbs/upgrading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "base/wrapped.hpp"
#include "cards/contract.hpp"
#include "cards/flags_changes.hpp"
#include "cards/parameter.hpp"

namespace mlib::verbs {
namespace {

using cards::FlagChange;
using cards::FlagTable;

/// What an upgrade is worked out from.
struct Upgrade {
  const cards::Template& chosen;
  const cards::Framework& framework;
  const FlagTable& table;
  std::string from, to;
  std::vector<cards::CommandLine> lines;
  std::string image, new_image, how;
};

const std::string* listed_image(const cards::Framework& framework, const std::string& version) {
  for (const cards::EngineVersion& each : framework.spec.versions)
    if (each.version == version && !each.image.empty()) return &each.image;
  return nullptr;
}

/// Whether an image's tag can be called so; a commit of a branch cannot.
bool is_tag(std::string_view version) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  return !version.empty() && version.front() != '.' && version.front() != '-' &&
         std::all_of(version.begin(), version.end(), plain);
}

/// The image of the version to go to, and how it is known.
void find_image(Upgrade& upgrade) {
  if (const std::string* listed = listed_image(upgrade.framework, upgrade.to)) {
    upgrade.new_image = *listed;
    upgrade.how = "the framework lists it";
    return;
  }
  if (!is_tag(upgrade.to)) {
    upgrade.how = fmt::format("not known: `{}` is no released version", shortened(upgrade.to, 40));
    return;
  }
  const std::size_t colon = upgrade.image.rfind(':');
  const std::size_t at = colon == std::string::npos ? colon : upgrade.image.find(upgrade.from, colon);
  if (at == std::string::npos || upgrade.from.empty()) {
    upgrade.how = "not known: the framework lists no image of that version";
    return;
  }
  upgrade.new_image = upgrade.image;
  upgrade.new_image.replace(at, upgrade.from.size(), upgrade.to);
  upgrade.how = "by the form of its tag: look whether it exists";
}

/// The newest released version that was read, or `from` when that is newer.
std::string newest_version(const FlagTable& table, const std::string& from) {
  for (auto each = table.versions.rbegin(); each != table.versions.rend(); ++each)
    if (is_tag(each->version)) return cards::compare_versions(each->version, from) < 0 ? from : each->version;
  return from;
}

/// The version to go to; Problem{usage} when it is none that was read.
std::string target_version(const FlagTable& table, const std::string& from, const std::string& wanted) {
  if (wanted.empty() || wanted == "latest") return newest_version(table, from);
  const cards::VersionPlace place = table.place(wanted);
  std::vector<std::string> known;
  for (const cards::FlagVersion& each : table.versions) known.push_back(each.version);
  if (place.newer || place.older)
    throw Problem(Kind::usage,
                  fmt::format("the flags of {} {} are not known", table.engine, shortened(wanted, 40)),
                  "known: " + join(known, ", "));
  return wanted.starts_with('v') ? wanted.substr(1) : wanted;
}

std::set<std::string, std::less<>> used_flags(const Upgrade& upgrade) {
  std::set<std::string, std::less<>> used;
  const auto add = [&](std::string_view name) {
    for (const cards::FlagState* state : upgrade.table.ever(name)) used.emplace(state->name());
  };
  for (const cards::CommandLine& line : upgrade.lines) {
    for (const cards::Word& word : line.words) add(word.text.substr(0, word.text.find('=')));
    for (const auto& [name, word] : line.env) {
      add(name);
      add("env:" + name);
    }
  }
  return used;
}

/// Which of a flag's choices are gone and which are new; the lists themselves are too long to compare by eye.
std::string told_choices(const FlagChange& change) {
  const std::vector<std::string> before = split(change.before, '|'), after = split(change.after, '|');
  const auto missing = [](const std::vector<std::string>& from, const std::vector<std::string>& in) {
    std::vector<std::string> found;
    for (const std::string& each : from)
      if (std::find(in.begin(), in.end(), each) == in.end()) found.push_back(each);
    return join(found, ", ");
  };
  const std::string gone = missing(before, after), added = missing(after, before);
  std::string text = gone.empty() ? "" : "no longer takes " + gone;
  if (!added.empty()) text += (text.empty() ? "takes " : "; takes ") + added + " as well";
  return text;
}

std::string told(const FlagChange& change) {
  if (change.what == "choices") return told_choices(change);
  if (change.what == "removed")
    return change.after.empty() ? "is gone" : fmt::format("is gone: use {}", change.after);
  if (change.what == "renamed") return fmt::format("was {}, which still works", change.before);
  if (change.what == "deprecated")
    return change.after.empty() ? "is deprecated" : fmt::format("is deprecated: use {}", change.after);
  if (change.what == "added")
    return change.after.empty() ? "is new" : fmt::format("is new, default {}", change.after);
  return fmt::format("{} {} -> {}", change.what, change.before, change.after);
}

Node encoded(const FlagChange& change, bool used) {
  Node item = Node::map();
  item.set("what", change.what);
  item.set("flag", change.flag);
  item.set("before", change.before);
  item.set("after", change.after);
  item.set("used", used);
  return item;
}

struct Part {
  std::string_view title;
  std::vector<const FlagChange*> changes;
};

std::string part_text(const Part& part) {
  if (part.changes.empty()) return "";
  std::size_t widest = 0;
  for (const FlagChange* each : part.changes) widest = std::max(widest, each->flag.size());
  std::string text = fmt::format("\n{}\n", part.title);
  for (const FlagChange* each : part.changes)
    text += fmt::format("  {:<{}}  {}\n", each->flag, widest, wrapped(told(*each), widest + 4));
  return text;
}

std::string dated(const FlagTable& table, const std::string& version) {
  for (const cards::FlagVersion& each : table.versions)
    if (each.version == version && !each.date.empty()) return fmt::format("{} ({})", version, each.date);
  return version;
}

/// What the command line would be refused for, or warned of, at the version to go to.
std::vector<cards::FlagFinding> refused(const Upgrade& upgrade) {
  std::vector<cards::FlagFinding> all;
  for (const cards::CommandLine& line : upgrade.lines)
    for (cards::FlagFinding& each : cards::lint(upgrade.table, upgrade.to, line))
      all.push_back(std::move(each));
  return all;
}

Node encoded(const cards::FlagFinding& finding) {
  Node item = Node::map();
  item.set("level", finding.warning ? "warning" : "error");
  item.set("word", finding.word->text);
  item.set("parameter", finding.word->parameter);
  item.set("message", finding.message);
  item.set("hint", finding.hint);
  return item;
}

std::string edits_text(const Upgrade& upgrade, const std::vector<cards::FlagFinding>& findings) {
  if (findings.empty()) return "\nIts command line needs no edit.\n";
  std::string text = "\nWhat has to be edited\n";
  for (const cards::FlagFinding& each : findings) {
    const std::string where = each.word->parameter.empty()
                                  ? fmt::format("{}:{}", upgrade.framework.manifest_file, each.word->at->line)
                                  : fmt::format("parameter {}", each.word->parameter);
    text += fmt::format("  {}: {}{}\n", where, each.warning ? "warning: " : "", each.message);
    if (!each.hint.empty()) text += fmt::format("    {}\n", each.hint);
  }
  return text;
}

Response answer(const Upgrade& upgrade) {
  const std::vector<FlagChange> all =
      cards::changes(upgrade.table, upgrade.table.place(upgrade.from), upgrade.table.place(upgrade.to));
  const auto used = used_flags(upgrade);
  Part mine{"What changes for the flags that it uses", {}};
  Part others{"What changes for other flags", {}};
  Node list = Node::list();
  std::size_t added = 0;
  for (const FlagChange& each : all) {
    const bool is_used = used.contains(each.flag) || used.contains(each.before);
    if (each.what == "added") ++added;
    if (is_used)
      mine.changes.push_back(&each);
    else if (each.what != "added")
      others.changes.push_back(&each);
    list.push(encoded(each, is_used));
  }
  const std::vector<cards::FlagFinding> findings = refused(upgrade);
  std::string text =
      fmt::format("template {}: {} {} -> {}\n", upgrade.chosen.metadata.name, upgrade.table.engine,
                  dated(upgrade.table, upgrade.from), dated(upgrade.table, upgrade.to));
  text += fmt::format("image  {}\n    -> {} ({})\n", upgrade.image,
                      upgrade.new_image.empty() ? "?" : upgrade.new_image, upgrade.how);
  text += edits_text(upgrade, findings) + part_text(mine) + part_text(others);
  if (added > 0) text += fmt::format("\n{} new flag{}; -o json lists them.\n", added, added == 1 ? "" : "s");
  Node value = Node::map();
  value.set("template", upgrade.chosen.metadata.name);
  value.set("engine", upgrade.table.engine);
  value.set("from", upgrade.from);
  value.set("to", upgrade.to);
  Node& image = value.child("image");
  image.set("before", upgrade.image);
  image.set("after", upgrade.new_image.empty() ? Node() : Node(upgrade.new_image));
  image.set("known", upgrade.how);
  Node edits = Node::list();
  for (const cards::FlagFinding& each : findings) edits.push(encoded(each));
  value.set("edits", std::move(edits));
  value.set("changes", std::move(list));
  return {.value = std::move(value), .text = std::move(text)};
}

}  // namespace

Response upgrade_template(const World& world, const Caller&, const UpgradeArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const cards::Template& chosen = library->get_template(arguments.name);
  const cards::Framework& framework = library->framework_of(chosen);
  if (!framework.contract || !framework.contract->flags)
    throw Problem(Kind::unsupported,
                  fmt::format("the flags of framework {} are not known", framework.metadata.name),
                  "its card names a table of catalog/flags by `flags: ENGINE`");
  const FlagTable& table = *framework.contract->flags;
  render::Request request;
  request.template_name = arguments.name;
  request.hardware = arguments.hardware;
  request.identity = {"name", "namespace", "user"};
  const render::Values values = render::merge(framework, render::layers(*library, request), request.identity);
  const cards::GivenOf given = [&](const std::string& name) -> cards::Given {
    const auto found = values.find(name);
    if (found == values.end()) return {};
    return {&found->second.value};
  };
  const cards::ValueOf value_of = [&](std::string_view name) { return given(std::string(name)).value; };
  std::string from = cards::version_in_force(framework, table, given);
  if (from.empty() || from == "latest") from = table.versions.back().version;
  Upgrade upgrade{chosen,
                  framework,
                  table,
                  from,
                  target_version(table, from, arguments.engine_version),
                  cards::command_lines(framework, value_of),
                  framework.spec.image};
  for (const auto& [name, parameter] : framework.spec.parameters)
    if (const cards::Given image = given(name);
        parameter.from == "framework.image" && image.value != nullptr && image.value->is_string())
      upgrade.image = image.value->string();
  find_image(upgrade);
  return answer(upgrade);
}

}  // namespace mlib::verbs
