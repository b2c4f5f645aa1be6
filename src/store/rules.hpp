#pragma once
#include "store/store.hpp"

namespace mlib::store {

/// Problem{conflict} unless `deployment.revision` is `stored` (0: there is none).
void check_revision(const Deployment& deployment, int stored);

}  // namespace mlib::store
