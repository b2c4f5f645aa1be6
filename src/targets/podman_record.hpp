#pragma once
#include <string>
#include <vector>

#include "targets/target.hpp"

namespace mlib::targets {

/// What was applied of one object: kept as a label of the main container, so that it lives and dies with it.
/// `hash` is SHA-256 over a salt and the whole object; `masked` is the object with its secrets as `***`.
struct Recorded {
  std::string object;  ///< "Deployment team-a/llama"
  std::string hash;
  Node masked;

  template <class D>
  void describe(D& d) {
    d.field("object", object, {.required = true});
    d.field("hash", hash, {.required = true});
    d.field("masked", masked, {});
  }
};

std::vector<Recorded> record_of(const Desired& desired, const std::string& salt);

/// As and from the label's text; a text that is no record (an older program's) gives none.
std::string to_label(const std::vector<Recorded>& record);
std::vector<Recorded> from_label(const std::string& text);

/// What applying `after` would change; `before` was made with the same salt. Claims that are no longer asked
/// for stay, so they are no change.
std::vector<Change> compare(const std::vector<Recorded>& before, const std::vector<Recorded>& after);

}  // namespace mlib::targets
