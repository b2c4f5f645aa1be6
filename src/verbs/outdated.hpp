#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct OutdatedArguments {
  std::string name, namespace_name;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Only this deployment, with what changed in its cards"});
    d.field("namespace", namespace_name, {.help = "Only of this namespace"});
  }
};

/// Deployments one of whose cards is now another revision than the one that they were made from, or is gone.
Response outdated(const World&, const Caller&, const OutdatedArguments&);

}  // namespace mlib::verbs
