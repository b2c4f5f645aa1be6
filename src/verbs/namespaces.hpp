#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct DeleteNamespaceArguments {
  std::string name, target, confirm;
  TargetOptions reach;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Namespace to delete with everything in it", .required = true});
    d.field("target", target, {.help = "podman (this machine) or kubernetes; podman when left out"});
    reach.describe(d);
    d.field("confirm", confirm, {.help = "The namespace's name again; without it nothing is deleted"});
  }
};

/// Without `confirm` tells what would go and changes nothing; with the name again deletes the namespace with
/// everything in it, storage and records too, and waits for the end. Problem{usage} for another `confirm`,
/// Problem{forbidden} for a namespace that is not ours to delete.
void delete_namespace(const World&, const Caller&, const DeleteNamespaceArguments&, const Sink&,
                      const Cancel&);

}  // namespace mlib::verbs
