#pragma once
#include "verbs/deployments.hpp"

namespace mlib::verbs {

struct HistoryArguments {
  std::string name, namespace_name;
  int revision = 0;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name of the deployment", .required = true});
    d.field("namespace", namespace_name, {.help = "Namespace (model-library)"});
    d.field("revision", revision, {.help = "Print the objects of this revision, secrets masked", .min = 1});
  }
};

struct RollbackArguments : DeploymentArguments {
  int to = 0;
  bool wait = true;
  bool force_conflicts = false;
  bool replace = false;
  std::string timeout = "10m";

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("to", to, {.help = "Revision of `mlib history` (the one before)", .min = 1});
    d.field("wait", wait, {.help = "Do not wait until the endpoint answers"});
    d.field("timeout", timeout, {.help = "How long to wait, e.g. 90s, 10m, 1h (10m)"});
    d.field("force_conflicts", force_conflicts,
            {.help = "Take over fields of other managers, and objects of ours that are not recorded here"});
    d.field("replace", replace,
            {.help = "Delete and create anew what a target cannot change (kube-watcher); storage stays"});
  }
};

/// What is kept of one apply that succeeded: an element of history.
struct Revision {
  int revision = 0;
  std::string time, user, template_name, hardware, note;
  cards::Dict<Node> values;
  bool current = false;

  template <class D>
  void describe(D& d) {
    d.field("revision", revision, {.required = true});
    d.field("time", time, {.required = true});
    d.field("user", user);
    d.field("template", template_name, {.required = true});
    d.field("hardware", hardware);
    d.field("values", values, {.help = "Overrides, without those of secret parameters"});
    d.field("note", note);
    d.field("current", current, {.help = "It was applied last"});
  }
};

/// The renderings that are kept of a deployment (the last ten), the newest first.
Response history(const World&, const Caller&, const HistoryArguments&);
/// Applies the objects of an earlier revision, as they were then, as a new revision. Secrets stay as they
/// run, since their values are never stored. Ends as deploy does.
void rollback(const World&, const Caller&, const RollbackArguments&, const Sink&, const Cancel&);

}  // namespace mlib::verbs
