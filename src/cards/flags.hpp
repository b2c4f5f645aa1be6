#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cards/card.hpp"

/// Which command-line flags and environment variables an engine has, per version: catalog/flags/ENGINE.yaml,
/// made by tools/engine_flags.py.
namespace mlib::cards {

/// A version whose flags were read.
struct FlagVersion {
  std::string version;
  std::string date;
  std::string source;

  template <class D>
  void describe(D& d) {
    d.field("version", version, {.help = "As the engine calls it", .required = true, .min = 1});
    d.field("date", date, {.help = "Day of release, YYYY-MM-DD"});
    d.field("source", source, {.help = "Where its flags were read", .required = true, .min = 1});
  }
};

/// What a flag was from version `first` to `last` (places in FlagTable::versions). Texts lie in the table.
struct FlagState {
  std::vector<std::string_view> names;  ///< its own first, then aliases, `env:NAME` for a variable
  std::string_view kind;                ///< bool, int, float, string, enum, json, list
  std::string_view choices;             ///< `a|b`; enforced for an enum only; "" unknown
  std::string_view replacement;         ///< the flag that the engine says to use instead
  std::string_view default_value;       ///< "" when it is computed or was not read
  std::uint16_t first = 0, last = 0;
  bool repeatable = false;
  bool deprecated = false;

  std::string_view name() const { return names.front(); }
};

/// Where a version lies among those that were read: at one of them, or between two neighbours.
struct VersionPlace {
  int lower = 0, upper = 0;
  bool newer = false;  ///< than all that were read
  bool older = false;
};

struct FlagTable {
  std::string engine;
  std::string read;  ///< the day
  bool underscores = false, dotted = false, suffixes = false, hints = false, abbreviations = false;
  std::vector<std::string> env_prefixes;
  std::vector<FlagVersion> versions;  ///< oldest first
  std::vector<FlagState> states;      ///< those of a flag one after another
  std::string source;                 ///< the file, as given to load

  /// Where `version` lies: by its name, by a `v` before it, or by its numbers; "" and `latest` are the
  /// newest.
  VersionPlace place(std::string_view version) const;
  /// The state of `name` (own name or alias) at `place`, or a null pointer. Of two neighbours the newer
  /// counts.
  const FlagState* find(std::string_view name, const VersionPlace& place) const;
  /// The same for a name as the engine takes it: with `_` for `-`, with what follows a dot, or abbreviated.
  /// Where there is none, `name` becomes one that there once was.
  const FlagState* understand(std::string& name, const VersionPlace& place) const;
  /// All states that were ever called `name`, oldest first.
  std::vector<const FlagState*> ever(std::string_view name) const;
  /// The names at `place` that begin with `prefix`, without `env:`.
  std::vector<std::string> names_at(const VersionPlace& place, std::string_view prefix) const;

  /// Fills `states` and the index from the lines of a file; what is wrong goes to `faults` with its line
  /// (from 0).
  struct Fault {
    int line;
    std::string message;
  };
  void read_lines(std::string lines, std::vector<Fault>& faults);

 private:
  std::shared_ptr<const std::string> text_;
  std::vector<std::pair<std::string_view, std::uint32_t>> index_;  ///< name and place in `states`, sorted
};

/// Tables by their engine's name.
using FlagTables = std::map<std::string, std::shared_ptr<const FlagTable>, std::less<>>;

/// Negative, zero or positive, as `a` is the older, the same or the newer version: numbers count as numbers.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace mlib::cards
