#pragma once
#include "verbs/deploying.hpp"

namespace mlib::verbs {

/// One deployment, on the target that its record names.
struct DeploymentArguments {
  std::string name, namespace_name;
  TargetOptions reach;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name of the deployment", .required = true});
    d.field("namespace", namespace_name, {.help = "Namespace (model-library)"});
    reach.describe(d);
  }
};

struct ListArguments {
  std::string name, namespace_name;
  TargetOptions reach;
  std::vector<std::string> filter;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Only the one of this name"});
    d.field("namespace", namespace_name, {.help = "Only of this namespace (all)"});
    d.field("filter", filter, {.help = "FIELD=VALUE or FIELD!=VALUE; repeat it to narrow down"});
    reach.describe(d);
  }
};

struct LogsArguments : DeploymentArguments {
  bool follow = false;
  bool previous = false;
  int tail = -1;

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("follow", follow, {.help = "Go on with new lines until Ctrl-C"});
    d.field("tail", tail, {.help = "Only this many lines from the end", .min = -1});
    d.field("previous", previous, {.help = "Of the container before the last restart"});
  }
};

struct DeleteArguments : DeploymentArguments {
  bool with_storage = false;
  std::string target;

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("target", target, {.help = "Where storage was left, when the deployment itself is gone"});
    d.field("with_storage", with_storage, {.help = "Remove its storage (weights) too"});
  }
};

/// A record and what its target says of it now.
struct Observed {
  std::string name, namespace_name, template_name, model, hardware, target, user, state, phase, summary,
      cause, evidence, hint, since, endpoint, created, updated;
  int revision = 0;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.required = true});
    d.field("namespace", namespace_name, {.required = true});
    d.field("template", template_name, {.required = true});
    d.field("model", model);
    d.field("hardware", hardware);
    d.field("target", target, {.required = true});
    d.field("user", user);
    d.field("state", state, {.help = "What was asked for last and how it went"});
    d.field("phase", phase, {.help = "What the target says now", .required = true});
    d.field("summary", summary);
    d.field("cause", cause);
    d.field("evidence", evidence);
    d.field("hint", hint);
    d.field("since", since);
    d.field("endpoint", endpoint);
    d.field("created", created);
    d.field("updated", updated);
    d.field("revision", revision);
  }
};

/// The record with its status from the target; a target that does not answer makes phase `unknown` and says
/// why.
Observed observed(const store::Deployment& record, targets::Target& target);

Response get_deployments(const World&, const Caller&, const ListArguments&);
Response status(const World&, const Caller&, const DeploymentArguments&);
void logs(const World&, const Caller&, const LogsArguments&, const Sink&, const Cancel&);
/// The URL alone; Problem{unavailable} while there is none.
Response endpoint(const World&, const Caller&, const DeploymentArguments&);
/// Removes it from its target and its record; storage is kept unless asked. With `with_storage` also removes
/// what an earlier deployment of that name left.
void delete_deployment(const World&, const Caller&, const DeleteArguments&, const Sink&, const Cancel&);

}  // namespace mlib::verbs
