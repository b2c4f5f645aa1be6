#pragma once
#include "verbs/deploying.hpp"
#include "verbs/narrow.hpp"

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
    d.field("filter", filter, {.help = filter_help});
    reach.describe(d);
  }
};

struct StatusArguments : DeploymentArguments {
  bool watch = false;

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("watch", watch, {.help = "Go on with each change until Ctrl-C", .format = "local"});
  }
};

struct WaitArguments : DeploymentArguments {
  std::string condition = "ready", timeout = "10m";

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("for", condition, {.help = "What to wait for (ready)", .one_of = {"ready", "deleted"}});
    d.field("timeout", timeout, {.help = "How long to wait, e.g. 90s, 10m, 1h (10m)"});
  }
};

struct LogsArguments : DeploymentArguments {
  bool follow = false;
  bool previous = false;
  int tail = -1;
  std::string since, container;
  bool timestamps = false;
  bool all_pods = false;

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("follow", follow, {.help = "Go on with new lines until Ctrl-C"});
    d.field("tail", tail, {.help = "Only this many lines from the end", .min = -1});
    d.field("since", since, {.help = "Only of the last while, e.g. 90s, 10m, 1h"});
    d.field("container", container, {.help = "Of this container only"});
    d.field("timestamps", timestamps, {.help = "Begin each line with its time"});
    d.field("all_pods", all_pods, {.help = "Of every replica, each line begun by its pod and container"});
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

/// Whether it is in one of the phases (Pending … Deleting), for programs: exactly one is True.
struct Condition {
  std::string type, status, since, reason, message;

  template <class D>
  void describe(D& d) {
    d.field("type", type, {.required = true});
    d.field("status", status, {.required = true, .one_of = {"True", "False"}});
    d.field("since", since, {.help = "UTC, of the phase that it is in"});
    d.field("reason", reason, {.help = "Name of the cause, of catalog/causes"});
    d.field("message", message);
  }
};

/// A record and what its target says of it now.
struct Observed {
  std::string name, namespace_name, template_name, model, hardware, target, user, state, phase, summary,
      cause, evidence, hint, since, endpoint, created, updated;
  std::vector<Condition> conditions = {};  ///< empty when the target does not answer
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
    d.field("conditions", conditions, {.help = "The phase for programs"});
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
Response status(const World&, const Caller&, const StatusArguments&);
/// Tells each change until the condition holds. Problem{failed} with the cause when it fails first,
/// Problem{timeout}, Problem{not_found} (to wait until something is deleted that is not there ends at once).
void wait_for(const World&, const Caller&, const WaitArguments&, const Sink&, const Cancel&);
/// What happened to its objects and how its containers are, the oldest first.
Response events(const World&, const Caller&, const DeploymentArguments&);
void logs(const World&, const Caller&, const LogsArguments&, const Sink&, const Cancel&);
/// What delete asks first: names the deployment, and with `with_storage` the storage with its size.
/// Problem{not_found}.
std::string delete_question(const World&, const Caller&, const DeleteArguments&);
/// Removes it from its target and its record; storage is kept unless asked. With `with_storage` also removes
/// what an earlier deployment of that name left.
void delete_deployment(const World&, const Caller&, const DeleteArguments&, const Sink&, const Cancel&);

}  // namespace mlib::verbs
