#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct AuditArguments {
  int newest = 50;

  template <class D>
  void describe(D& d) {
    d.field("newest", newest, {.help = "How many entries, from the newest (50)", .min = 1, .max = 10000});
  }
};

/// Who changed what, the newest first.
Response audit(const World&, const Caller&, const AuditArguments&);

}  // namespace mlib::verbs
