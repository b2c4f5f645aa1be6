#include "store/rules.hpp"

#include <fmt/format.h>

namespace mlib::store {

void check_revision(const Deployment& deployment, int stored) {
  if (deployment.revision == stored) return;
  const std::string what = deployment.namespace_name + "/" + deployment.name;
  if (stored == 0)
    throw Problem(Kind::conflict, fmt::format("`{}` was removed meanwhile", what),
                  "look at it again and repeat");
  throw Problem(
      Kind::conflict,
      fmt::format("`{}` was changed meanwhile (revision {}, expected {})", what, stored, deployment.revision),
      "look at it again and repeat");
}

}  // namespace mlib::store
