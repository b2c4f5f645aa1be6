#pragma once
#include "verbs/deploying.hpp"

namespace mlib::verbs {

struct TopArguments {
  Where where;

  template <class D>
  void describe(D& d) {
    where.describe(d);
  }
};

/// What a target's machines have, what of it is requested and used, and what is free: in all, on the machine
/// that has most of it, and (wide) machine by machine. A machine that takes nothing new has nothing free.
Response top(const World&, const Caller&, const TopArguments&);

}  // namespace mlib::verbs
