#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct TargetsArguments {
  TargetOptions reach;

  template <class D>
  void describe(D& d) {
    reach.describe(d);
  }
};

/// Each target: whether it answers, and what it cannot do.
Response get_targets(const World&, const Caller&, const TargetsArguments&);

}  // namespace mlib::verbs
