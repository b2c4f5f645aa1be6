#pragma once
#include <string>
#include <vector>

#include "cards/flags.hpp"

namespace mlib::cards {

/// What becomes of a flag between two versions of its engine.
struct FlagChange {
  std::string what;  ///< removed, renamed, deprecated, kind, default, choices, added
  std::string flag;
  std::string before;  ///< the default, the choices or the kind; of a renamed one its old name
  std::string after;   ///< of a removed one what replaces it, "" when the engine names nothing
};

/// All changes from one version to another, also to an earlier one: first what is removed, then what is
/// renamed, deprecated, of another kind, with other choices, with another default, then what is added.
std::vector<FlagChange> changes(const FlagTable& table, const VersionPlace& from, const VersionPlace& to);

}  // namespace mlib::cards
