#pragma once
#include "render/adopt.hpp"
#include "verbs/rendering.hpp"

namespace mlib::verbs {

/// Where, and how to get there.
struct Where {
  std::string target;
  TargetOptions reach;

  template <class D>
  void describe(D& d) {
    d.field("target", target,
            {.help = "podman (this machine), kubernetes or kube-watcher; podman when left out"});
    reach.describe(d);
  }
};

struct DeployArguments : Instance {
  Where where;
  std::string dry_run = "none";
  bool wait = true;
  bool keep_failed = false;
  bool force_conflicts = false;
  bool replace = false;
  std::string timeout = "10m";
  bool passing = false;  ///< no option: whoever asked removes it, however this ends

  template <class D>
  void describe(D& d) {
    Instance::describe(d);
    where.describe(d);
    d.field("dry_run", dry_run,
            {.help = "client: print the objects; server: ask the target what would change",
             .one_of = {"none", "client", "server"}});
    d.field("wait", wait, {.help = "Do not wait until the endpoint answers"});
    d.field("timeout", timeout, {.help = "How long to wait, e.g. 90s, 10m, 1h (10m)"});
    d.field("keep_failed", keep_failed, {.help = "Leave a new deployment that fails, to look into it"});
    d.field("force_conflicts", force_conflicts,
            {.help = "Take over fields of other managers, and objects of ours that are not recorded here"});
    d.field("replace", replace,
            {.help = "Delete and create anew what a target cannot change (kube-watcher); storage stays"});
  }
};

struct DiffArguments : Instance {
  Where where;
  bool force_conflicts = false;

  template <class D>
  void describe(D& d) {
    Instance::describe(d);
    where.describe(d);
    d.field("force_conflicts", force_conflicts,
            {.help = "As if deployed with it: fields of other managers would be taken over"});
  }
};

/// What a deploy ended with.
struct Deployed {
  std::string namespace_name, name, target, template_name, phase, summary, endpoint;
  int revision = 0;

  template <class D>
  void describe(D& d) {
    d.field("namespace", namespace_name, {.required = true});
    d.field("name", name, {.required = true});
    d.field("target", target, {.required = true});
    d.field("template", template_name, {.required = true});
    d.field("phase", phase, {.required = true});
    d.field("summary", summary);
    d.field("endpoint", endpoint);
    d.field("revision", revision);
  }
};

/// Renders, records and applies; a deployment of that name is updated (Problem{conflict} when it has another
/// template or target). With `wait` tells how it comes up until it is ready; one that fails is
/// Problem{failed} with cause and evidence, and a new one is then removed.
void deploy(const World&, const Caller&, const DeployArguments&, const Sink&, const Cancel&);
/// A deployment of objects that were not rendered here but adopted (render::adopt), and where it is to run.
struct Adoption {
  render::Adopted objects;
  std::string target;  ///< "": the first
};
/// Records and applies it as deploy does, and does not wait. Problem{conflict} when there is one of that
/// name.
void deploy_adopted(const World&, const Caller&, Adoption, const Cancel&);
/// What deploy would change, object by object; exit code 1 when anything.
Response diff(const World&, const Caller&, const DiffArguments&);

}  // namespace mlib::verbs
