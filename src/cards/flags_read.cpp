#include <fmt/format.h>

#include <set>

#include "base/text.hpp"
#include "cards/draft.hpp"
#include "cards/flags.hpp"

namespace mlib::cards::detail {
namespace {

struct FlagsFile {
  Metadata metadata;
  FlagTable table;
  std::string flags;

  template <class D>
  void describe(D& d) {
    std::string version = "model-library/v1";
    std::string kind = "Flags";
    d.field("apiVersion", version,
            {.help = "Version of the format", .required = true, .one_of = {"model-library/v1"}});
    d.field("kind", kind, {.help = "Flags", .required = true, .one_of = {"Flags"}});
    d.field("metadata", metadata, {.help = "Name of the table, the same as the file's", .required = true});
    d.field("engine", table.engine,
            {.help = "The engine, as frameworks name it", .required = true, .min = 1});
    d.field("read", table.read, {.help = "Day on which it was read, YYYY-MM-DD", .required = true});
    d.field("underscores", table.underscores, {.help = "The engine takes _ for - in a flag's name"});
    d.field("dotted", table.dotted, {.help = "The engine takes --flag.key VALUE for a flag of kind json"});
    d.field("abbreviations", table.abbreviations,
            {.help = "The engine takes the beginning of a flag's name where no other begins so"});
    d.field("suffixes", table.suffixes, {.help = "The engine takes 16k and 1M for whole numbers"});
    d.field("hints", table.hints, {.help = "Not read from the engine itself: what it says is a warning"});
    d.field("env_prefixes", table.env_prefixes,
            {.help = "What the engine's environment variables begin with"});
    d.field("versions", table.versions,
            {.help = "The versions that were read, oldest first", .required = true});
    d.field("flags", flags,
            {.help = "One state of one flag a line (tools/engine_flags.py)", .required = true});
  }
};

/// The line of the file that line `number` of the block that begins at `block` stands on.
Spot line_spot(const Text& text, const Node& block, std::string_view lines, int number) {
  const std::vector<std::string> all = split(std::string(lines), '\n');
  const std::string& wanted = all[static_cast<std::size_t>(number)];
  for (int line = block.line; line <= block.line + number + 2; ++line)
    if (trim(text.source.line(line)) == trim(wanted)) return {&text, line, 1, path_of({"flags"})};
  return {&text, block.line, block.column, path_of({"flags"})};
}

void check_versions(const Text& text, const Node& document, const FlagTable& table,
                    std::vector<Finding>& findings) {
  std::set<std::string_view> seen;
  if (table.versions.empty())
    report(findings, value_spot(text, document, path_of({"versions"})), Fault::missing,
           "no version was read");
  for (std::size_t i = 0; i < table.versions.size(); ++i)
    if (!seen.insert(table.versions[i].version).second)
      report(findings, value_spot(text, document, {{"versions"}, {"", static_cast<int>(i)}, {"version"}}),
             Fault::duplicate, fmt::format("version `{}` is listed twice", table.versions[i].version));
}

}  // namespace

void read_flags(const Text& text, Beside& beside, std::vector<Finding>& findings) {
  for (const Node& document : text.documents()) {
    if (document.is_null()) continue;
    schema::Reader reader(&text.source);
    auto file = schema::decode<FlagsFile>(reader, document);
    const std::size_t before = findings.size();
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(findings));
    // A framework that names this table is told that it was left out, not that there is none.
    if (text.broken || findings.size() != before) beside.lost_flags.insert(file.table.engine);
    if (findings.size() != before) continue;
    check_versions(text, document, file.table, findings);
    if (file.table.versions.empty()) beside.lost_flags.insert(file.table.engine);
    if (file.table.versions.empty()) continue;
    std::vector<FlagTable::Fault> faults;
    file.table.source = text.source.file;
    file.table.read_lines(file.flags, faults);
    const Node& block = *document.find("flags");
    for (const FlagTable::Fault& fault : faults)
      report(findings, line_spot(text, block, file.flags, fault.line), Fault::syntax, fault.message,
             "NAMES KIND FIRST..LAST [(CHOICE|...)] [deprecated] [-> NEW] [= DEFAULT]");
    const Spot spot = value_spot(text, document, path_of({"engine"}));
    const std::string name = file.table.engine;
    // Where a text can be read in two ways nobody knows which flags there are.
    if (text.broken || findings.size() != before)
      beside.lost_flags.insert(name);
    else if (!beside.flags.emplace(name, std::make_shared<const FlagTable>(std::move(file.table))).second)
      report(findings, spot, Fault::duplicate,
             fmt::format("there is another table of flags called `{}`", name));
  }
}

}  // namespace mlib::cards::detail
