#include <fmt/format.h>

#include <algorithm>

#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

Node namespace_object(const std::string& name) {
  Node labels = Node::map();
  labels.set(managed_by, us);
  Node metadata = Node::map();
  metadata.set("name", name);
  metadata.set("labels", std::move(labels));
  Node object = Node::map();
  object.set("apiVersion", "v1");
  object.set("kind", "Namespace");
  object.set("metadata", std::move(metadata));
  return object;
}

/// True when the namespace is there; Problem{conflict} when it is going.
bool namespace_exists(kube::Client& client, const std::string& name, const Cancel* cancel) {
  std::optional<Node> found;
  try {
    found = client.get({"v1", "Namespace", "", name}, cancel);
  } catch (const Problem& problem) {
    // Whoever may not read namespaces works in one that was made for them.
    if (problem.kind() == Kind::forbidden) return true;
    throw;
  }
  if (found && found->text_at({"status", "phase"}) == "Terminating")
    throw Problem(Kind::conflict, fmt::format("namespace {} is being deleted", name),
                  "wait until it is gone, or use another one");
  return found.has_value();
}

/// Why the object that is there may not be changed by us, or nothing.
std::optional<Problem> not_ours(const Item& item, const Desired& desired) {
  if (!item.live) return std::nullopt;
  const std::string object = kube::to_text(item.id);
  if (!is_ours(*item.live, desired.ref))
    return Problem(Kind::conflict, fmt::format("{} exists and is not managed by the Model Library", object),
                   "choose another --name or namespace, or remove that object yourself");
  if (!item.live->text_at({"metadata", "deletionTimestamp"}).empty())
    return Problem(Kind::conflict, fmt::format("{} is being deleted", object), "try again when it is gone");
  const bool recorded = carries_id(*item.live, desired.ref) || is_among(desired.known, *item.live);
  if (recorded || desired.force_conflicts || is_claim(item.id)) return std::nullopt;
  return Problem(Kind::conflict,
                 fmt::format("{} exists, made by a Model Library whose records are elsewhere", object),
                 "choose another --name, or take it over with --force-conflicts");
}

/// What a workload's pods read when they start: a change of it has to restart them. The annotation holds the
/// versions of those objects, nothing of what is in them.
constexpr std::string_view configuration = "model-library/configuration";

class Configuration {
 public:
  /// Notes the version of a Secret or ConfigMap; "new" for one that is not there as it will be.
  void note(const Id& id, const std::string& version) {
    if (id.kind != "Secret" && id.kind != "ConfigMap") return;
    versions_ += (versions_.empty() ? "" : ",") + (version.empty() ? "new" : version);
  }
  /// Puts the versions noted so far on the pods of a workload.
  void put_on(const Id& id, Node& object) const {
    if (versions_.empty() || (id.kind != "Deployment" && id.kind != "StatefulSet")) return;
    Node& pods = object.child("spec").child("template");
    pods.child("metadata").child("annotations").set(configuration, versions_);
  }

 private:
  std::string versions_;
};

std::string version_of(const Node& object) { return object.text_at({"metadata", "resourceVersion"}); }

bool stays(const Item& item) {
  return item.live && item.after && cleaned(*item.live) == cleaned(*item.after);
}

/// Refusals are of one object; what is not is thrown on.
bool is_refusal(Kind kind) {
  return kind == Kind::invalid || kind == Kind::forbidden || kind == Kind::conflict ||
         kind == Kind::not_found || kind == Kind::failed || kind == Kind::unsupported ||
         kind == Kind::too_large;
}

/// Gives a masked Secret the values of the one that runs; the refusal when that lacks a key.
std::optional<Problem> fill(Item& item) {
  if (item.id.kind != "Secret") return std::nullopt;
  const Node* wanted = item.object.find("data");
  const Node* running = item.live ? item.live->find("data") : nullptr;
  if (wanted != nullptr && wanted->is_map())
    for (const schema::Entry& entry : wanted->entries())
      if (running == nullptr || running->find(entry.key) == nullptr)
        return no_running_secret(item.id.name, entry.key);
  if (running != nullptr) {
    item.object.set("data", *running);
  } else {
    item.object.erase("data");
  }
  return std::nullopt;
}

void try_item(kube::Client& client, Item& item, const Desired& desired, Survey& survey) {
  try {
    item.live = client.get(item.id);
    std::optional<Problem> refusal = not_ours(item, desired);
    if (!refusal && desired.keeps_secrets) refusal = fill(item);
    if (refusal) return survey.refusals.push_back(*refusal);
    item.after = client.apply(item.object, {.dry_run = true, .force = desired.force_conflicts});
  } catch (const Problem& problem) {
    if (!is_refusal(problem.kind())) throw;
    survey.refusals.push_back(problem);
  }
}

/// A pod as the workload's controller will make it; a null for what has no pods.
Node pod_of(const Item& item) {
  const Node* given = item.object.at({"spec", "template"});
  if (given == nullptr) return {};
  Node pod = *given;
  pod.set("apiVersion", "v1");
  pod.set("kind", "Pod");
  Node& metadata = pod.child("metadata");
  metadata.set("name", item.id.name + "-dry-run");
  metadata.set("namespace", item.id.namespace_name);
  if (const Node* claims = item.object.at({"spec", "volumeClaimTemplates"}); claims && claims->is_list())
    for (const Node& claim : claims->items()) {
      const std::string name = claim.text_at({"metadata", "name"});
      Node volume = Node::map();
      volume.set("name", name);
      volume.child("persistentVolumeClaim").set("claimName", name);
      Node& volumes = pod.child("spec").child("volumes");
      if (!volumes.is_list()) volumes = Node::list();
      volumes.push(std::move(volume));
    }
  return pod;
}

/// What says nothing of the pod itself: one may make workloads and no pods; a namespace that was made just
/// now has no service account yet; an update first frees what the running pod has of a quota.
bool says_nothing(const Problem& refusal, const Item& item, const Node& pod) {
  const auto says = [&](std::string_view words) {
    return refusal.message().find(words) != std::string::npos;
  };
  return says("cannot create resource") || says("does not support dry run") ||
         refusal.kind() == Kind::conflict || (item.live && says("exceeded quota")) ||
         (says("error looking up service account") &&
          pod.text_at({"spec", "serviceAccountName"}, "default") == "default");
}

/// A workload passes the server's dry run whatever its pods are: Pod Security, quotas, LimitRanges and
/// webhooks for pods speak when the pod itself is tried.
void try_pod(kube::Client& client, const Item& item, Survey& survey, const Cancel* cancel) {
  const Node pod = pod_of(item);
  if (pod.is_null() || !item.after) return;
  try {
    client.create(pod, true, cancel);
  } catch (const Problem& problem) {
    if (!is_refusal(problem.kind())) throw;
    if (!says_nothing(problem, item, pod))
      survey.refusals.emplace_back(
          problem.kind(), fmt::format("{} would have no pod: {}", kube::to_text(item.id), problem.message()),
          problem.hint(), problem.findings());
  }
}

/// What deploying, looking and removing need.
std::vector<kube::Right> rights_for(const Survey& survey, const Ref& ref) {
  std::vector<kube::Right> rights;
  const std::string& space = ref.namespace_name;
  if (survey.missing_namespace) rights.push_back({"create", {"v1", "Namespace", "", ""}});
  for (const Item& item : survey.items)
    for (const std::string_view verb : {"get", "create", "patch", "delete"})
      rights.push_back({std::string(verb), {item.id.api_version, item.id.kind, item.id.namespace_name, ""}});
  for (const std::string_view kind : {"Pod", "Service", "PersistentVolumeClaim", "Event"})
    rights.push_back({"list", {"v1", std::string(kind), space, ""}});
  for (const std::string_view kind : {"Deployment", "StatefulSet"})
    rights.push_back({"list", {"apps/v1", std::string(kind), space, ""}});
  rights.push_back({"get", {"v1", "Pod", space, ""}, "log"});
  return rights;
}

/// What became of each object when `failed` was refused after all had passed the dry run. A conflict is told
/// as a failure once something else was changed.
Problem partial(const Problem& problem, const std::vector<Item>& items, std::size_t failed, bool back) {
  if (problem.kind() == Kind::cancelled) return problem;
  const bool changed = std::any_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(failed),
                                   [&](const Item& item) { return item.live ? !stays(item) : !back; });
  const Kind kind = problem.kind() == Kind::conflict && changed ? Kind::failed : problem.kind();
  std::vector<Finding> findings = problem.findings();
  for (std::size_t i = 0; i < items.size(); ++i) {
    Finding finding;
    finding.fault = Fault::not_allowed;
    const std::string_view became = i > failed        ? "not tried"
                                    : i == failed     ? "refused"
                                    : !items[i].live  ? back ? "created and taken back" : "created"
                                    : stays(items[i]) ? "unchanged"
                                                      : "changed, and left so";
    finding.message = fmt::format("{}: {}", kube::to_text(items[i].id), became);
    findings.push_back(std::move(finding));
  }
  return {kind, problem.message(),
          problem.hint().empty() ? "deploying again goes on from here" : problem.hint(), std::move(findings)};
}

void sort_known(Survey& survey, const Desired& desired) {
  for (const Owned& owned : desired.known) {
    const bool rendered = std::any_of(survey.items.begin(), survey.items.end(), [&](const Item& item) {
      return item.id.kind == owned.kind && item.id.name == owned.name &&
             item.id.namespace_name == owned.namespace_name;
    });
    if (rendered || owned.kind == "Namespace") continue;
    (is_claim(id_of(owned)) ? survey.kept : survey.stale).push_back(owned);
  }
}

void tell(const LineSink& progress, const std::string& line) {
  if (progress) progress(line);
}

/// Takes back what this apply made, the newest first; what fails here is left and told. False when something
/// is left.
bool take_back(kube::Client& client, const std::vector<Owned>& made, const LineSink& progress) {
  bool all = true;
  for (auto owned = made.rbegin(); owned != made.rend(); ++owned) {
    const std::string object = kube::to_text(id_of(*owned));
    try {
      client.remove({id_of(*owned), owned->uid, "Background"});
      tell(progress, "taken back " + object);
    } catch (const Problem& problem) {
      tell(progress, fmt::format("{} could not be taken back: {}", object, problem.message()));
      all = false;
    }
  }
  return all;
}

std::string_view word_of(const Item& item) {
  if (!item.live) return "created";
  return stays(item) ? "unchanged" : "changed";
}

}  // namespace

Survey survey(kube::Client& client, const Desired& desired, const Cancel* cancel) {
  Survey survey;
  if (!namespace_exists(client, desired.ref.namespace_name, cancel)) {
    survey.missing_namespace = namespace_object(desired.ref.namespace_name);
    try {
      survey.missing_namespace = client.create(*survey.missing_namespace, true, cancel);
    } catch (const Problem& problem) {
      if (!is_refusal(problem.kind())) throw;
      survey.refusals.push_back(problem);
    }
  }
  Configuration known;
  for (const Node& object : desired.rendered->objects) {
    if (object.text_at({"kind"}) == "Namespace") continue;
    if (cancel != nullptr) cancel->check();
    Item item{kube::id_of(object), object};
    bool namespaced = true;
    try {
      namespaced = client.resource(item.id.api_version, item.id.kind, cancel).namespaced;
    } catch (const Problem& problem) {  // the cluster has no such kind
      if (!is_refusal(problem.kind())) throw;
      survey.refusals.push_back(problem);
      continue;
    }
    if (namespaced && item.id.namespace_name.empty()) {
      item.id.namespace_name = desired.ref.namespace_name;
      item.object.child("metadata").set("namespace", item.id.namespace_name);
    }
    known.put_on(item.id, item.object);
    if (!desired.ref.id.empty())
      item.object.child("metadata").child("annotations").set(record_id, desired.ref.id);
    // The server cannot try an object whose namespace does not exist.
    if (!survey.missing_namespace || !namespaced) {
      try_item(client, item, desired, survey);
      try_pod(client, item, survey, cancel);
    }
    known.note(item.id, stays(item) ? version_of(*item.live) : "");
    survey.items.push_back(std::move(item));
  }
  // Once: whoever lacks one right mostly lacks others.
  for (Problem& refusal : survey.refusals)
    if (refusal.kind() == Kind::forbidden) {
      refusal = with_missing_rights(client, refusal, rights_for(survey, desired.ref));
      break;
    }
  sort_known(survey, desired);
  return survey;
}

void require_accepted(const Survey& survey) {
  if (survey.refusals.empty()) return;
  if (survey.refusals.size() == 1) throw survey.refusals.front();
  std::vector<Finding> findings;
  for (const Problem& refusal : survey.refusals) {
    Finding whole;
    whole.fault = Fault::not_allowed;
    whole.message = refusal.message();
    whole.hint = refusal.hint();
    if (refusal.findings().empty()) findings.push_back(std::move(whole));
    for (const Finding& finding : refusal.findings()) findings.push_back(finding);
  }
  throw Problem(survey.refusals.front().kind(),
                fmt::format("the cluster refuses {} of {} objects; nothing was changed",
                            survey.refusals.size(), survey.items.size()),
                survey.refusals.front().hint(), std::move(findings));
}

namespace {

/// Makes the namespace where there is none; gives it then.
std::optional<Owned> make_namespace(kube::Client& client, const std::string& name, const LineSink& progress,
                                    const Cancel& cancel) {
  if (namespace_exists(client, name, &cancel)) return {};
  try {
    const Node made = client.create(namespace_object(name), false, &cancel);
    tell(progress, "created Namespace " + name);
    return owned_of({"v1", "Namespace", "", name}, made);
  } catch (const Problem& problem) {
    // Somebody else was faster; or we may not, which is told with all else that we may not.
    if (problem.kind() != Kind::conflict && problem.kind() != Kind::forbidden) throw;
    return {};
  }
}

/// Takes back a namespace that was made for an apply that failed, and waits a little until it is gone, so
/// that the next one finds none that is going.
void take_back_namespace(kube::Client& client, const Owned& made, const LineSink& progress) {
  if (!take_back(client, {made}, progress)) return;
  const auto end = client.clock().now() + std::chrono::seconds{15};
  try {
    while (client.get(id_of(made)) && client.clock().now() < end)
      kube::pause(client.clock(), std::chrono::milliseconds{200}, nullptr);
  } catch (const Problem&) {
    return;  // whoever may not look does not wait
  }
}

std::vector<Owned> apply_all(kube::Client& client, const Desired& desired, const LineSink& progress,
                             const Cancel& cancel) {
  const Survey found = survey(client, desired, &cancel);
  require_accepted(found);
  std::vector<Owned> now;
  std::vector<Owned> made;
  Configuration applied;
  std::size_t at = 0;
  try {
    for (; at < found.items.size(); ++at) {
      const Item& item = found.items[at];
      cancel.check();
      Node object = item.object;
      applied.put_on(item.id, object);
      const Node result = client.apply(object, {.dry_run = false, .force = desired.force_conflicts}, &cancel);
      applied.note(item.id, version_of(result));
      now.push_back(owned_of(item.id, result));
      if (!item.live) made.push_back(now.back());
      tell(progress, fmt::format("{} {}", word_of(item), kube::to_text(item.id)));
    }
  } catch (const Problem& problem) {
    const bool back = take_back(client, made, progress);
    throw partial(problem, found.items, at, back);
  }
  for (const Owned& owned : found.stale)
    if (remove_owned(client, owned, desired.ref, &cancel))
      tell(progress, "removed " + kube::to_text(id_of(owned)));
  now.insert(now.end(), found.kept.begin(), found.kept.end());
  return now;
}

}  // namespace

std::vector<Owned> apply(kube::Client& client, const Desired& desired, const LineSink& progress,
                         const Cancel& cancel) {
  const std::optional<Owned> made = make_namespace(client, desired.ref.namespace_name, progress, cancel);
  try {
    return apply_all(client, desired, progress, cancel);
  } catch (const Problem&) {
    if (made) take_back_namespace(client, *made, progress);
    throw;
  }
}

bool remove_owned(kube::Client& client, const Owned& owned, const Ref& ref, const Cancel* cancel) {
  const std::optional<Node> live = client.get(id_of(owned), cancel);
  if (!live || uid_of(*live) != owned.uid || !is_ours(*live, ref)) return false;
  return client.remove({id_of(owned), owned.uid}, cancel);
}

}  // namespace mlib::targets::kubernetes
