#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds patience{60'000};
constexpr milliseconds look_every{500};

/// Kinds among which objects of ours that nobody recorded are looked for.
const std::vector<Id>& owned_kinds() {
  static const std::vector<Id> kinds{{"apps/v1", "Deployment", "", ""},
                                     {"apps/v1", "StatefulSet", "", ""},
                                     {"batch/v1", "Job", "", ""},
                                     {"v1", "Service", "", ""},
                                     {"v1", "Secret", "", ""},
                                     {"v1", "ConfigMap", "", ""},
                                     {"policy/v1", "PodDisruptionBudget", "", ""},
                                     {"autoscaling/v2", "HorizontalPodAutoscaler", "", ""},
                                     {"networking.k8s.io/v1", "Ingress", "", ""},
                                     {"v1", "PersistentVolumeClaim", "", ""}};
  return kinds;
}

std::string with_size(const Id& id, const Node& claim) {
  const std::string size = size_of(claim);
  return size.empty() ? kube::to_text(id) : fmt::format("{} ({})", kube::to_text(id), size);
}

/// What an object that does not go waits for.
Problem hanging(kube::Client& client, const Ref& ref, const Id& id, const Node& object) {
  const std::string finalizers = finalizers_of(object);
  std::string text = fmt::format("{} is still there after {} s", kube::to_text(id), patience.count() / 1000);
  if (!finalizers.empty()) text += "; it waits for its finalizer " + finalizers;
  const std::vector<Node> pods =
      client.list({"v1", "Pod", ref.namespace_name, ""}, {.labels = selector_of(ref)});
  for (const Node& pod : pods) {
    const std::string own = finalizers_of(pod);
    text += fmt::format("; pod {} on {} is still there{}", pod.text_at({"metadata", "name"}),
                        pod.text_at({"spec", "nodeName"}, "no node"),
                        own.empty() ? "" : " (finalizer " + own + ")");
  }
  return {Kind::timeout, std::move(text),
          "it goes on by itself; when it hangs, whoever set the finalizer (or the node) is down"};
}

void wait_gone(kube::Client& client, const Ref& ref, const std::vector<Owned>& going, const Cancel& cancel) {
  const auto end = client.clock().now() + patience;
  for (const Owned& owned : going)
    for (;;) {
      const std::optional<Node> live = client.get(id_of(owned), &cancel);
      if (!live || uid_of(*live) != owned.uid) break;
      if (client.clock().now() >= end) throw hanging(client, ref, id_of(owned), *live);
      kube::pause(client.clock(), look_every, &cancel);
    }
}

struct Work {
  kube::Client& client;
  const Ref& ref;
  const LineSink& progress;
  const Cancel& cancel;
  Removed result = {};
};

/// A recorded object that somebody took our labels from is left, and told.
void tell_disowned(Work& work, const Owned& owned) {
  const std::optional<Node> live = work.client.get(id_of(owned), &work.cancel);
  if (live && uid_of(*live) == owned.uid && !is_ours(*live, work.ref))
    work.result.kept.push_back(kube::to_text(id_of(owned)) + " (without our labels now, so not touched)");
}

/// Deletes what of `chosen` is still ours, the last made first, and waits until it is gone.
void remove_all(Work& work, const std::vector<Owned>& chosen) {
  std::vector<Owned> going;
  for (auto owned = chosen.rbegin(); owned != chosen.rend(); ++owned) {
    work.cancel.check();
    std::string what = kube::to_text(id_of(*owned));
    if (is_claim(id_of(*owned)))
      if (const std::optional<Node> live = work.client.get(id_of(*owned), &work.cancel))
        what = with_size(id_of(*owned), *live);
    if (!remove_owned(work.client, *owned, work.ref, &work.cancel)) {
      tell_disowned(work, *owned);
      continue;
    }
    going.push_back(*owned);
    if (work.progress) work.progress("removing " + what);
  }
  wait_gone(work.client, work.ref, going, work.cancel);
  for (const Owned& owned : going) work.result.removed.push_back(kube::to_text(id_of(owned)));
}

void keep_claims(Work& work, const std::vector<Owned>& claims) {
  for (const Owned& owned : claims) {
    const std::optional<Node> live = work.client.get(id_of(owned), &work.cancel);
    if (live && uid_of(*live) == owned.uid) work.result.kept.push_back(with_size(id_of(owned), *live));
  }
}

/// Claims with our labels that nobody recorded: what a deployment left whose record is gone. Those of a
/// deployment that somebody else's records hold are not among them.
std::vector<Owned> leftover_claims(const Work& work, const std::vector<Owned>& known) {
  std::vector<Owned> found;
  if (!workload_of(work.client, work.ref, &work.cancel).is_null()) return found;
  const Id claims{"v1", "PersistentVolumeClaim", work.ref.namespace_name, ""};
  for (const Node& claim : work.client.list(claims, {.labels = selector_of(work.ref)}, &work.cancel)) {
    const Id id = kube::id_of(claim);
    if (!is_among(known, claim)) found.push_back(owned_of(id, claim));
  }
  return found;
}

/// What has our labels and is not among `known`, without what belongs to another object.
std::vector<Node> others_labelled(const Work& work, const std::vector<Owned>& known) {
  std::vector<Node> found;
  for (Id kind : owned_kinds()) {
    kind.namespace_name = work.ref.namespace_name;
    std::vector<Node> labelled;
    try {
      labelled = work.client.list(kind, {.labels = selector_of(work.ref)}, &work.cancel);
    } catch (const Problem& problem) {
      if (problem.kind() != Kind::forbidden) throw;
    }
    for (Node& object : labelled) {
      if (!is_among(known, object) && object.at({"metadata", "ownerReferences"}) == nullptr)
        found.push_back(std::move(object));
    }
  }
  return found;
}

}  // namespace

std::string size_of(const Node& claim) {
  return claim.text_at({"status", "capacity", "storage"},
                       claim.text_at({"spec", "resources", "requests", "storage"}));
}

std::string finalizers_of(const Node& object) {
  std::vector<std::string> names;
  if (const Node* list = object.at({"metadata", "finalizers"}); list != nullptr && list->is_list())
    for (const Node& each : list->items())
      if (each.is_string()) names.push_back(each.string());
  return join(names, ", ");
}

std::vector<std::string> storage(kube::Client& client, const Ref& ref, const std::vector<Owned>& known) {
  const LineSink silent;
  const Cancel never;
  const Work work{client, ref, silent, never};
  std::vector<Owned> claims;
  for (const Owned& owned : known)
    if (is_claim(id_of(owned))) claims.push_back(owned);
  if (known.empty()) {
    claims = leftover_claims(work, {});
  } else {
    const Id kind{"v1", "PersistentVolumeClaim", ref.namespace_name, ""};
    for (const Node& claim : client.list(kind, {.labels = selector_of(ref)})) {
      const Id id = kube::id_of(claim);
      if (!is_among(claims, claim)) claims.push_back(owned_of(id, claim));
    }
  }
  std::vector<std::string> lines;
  for (const Owned& owned : claims) {
    const std::optional<Node> live = client.get(id_of(owned));
    if (live && uid_of(*live) == owned.uid) lines.push_back(with_size(id_of(owned), *live));
  }
  return lines;
}

Removed remove(kube::Client& client, const Ref& ref, const RemoveOptions& options, const LineSink& progress,
               const Cancel& cancel) {
  std::vector<Owned> others;
  std::vector<Owned> claims;
  for (const Owned& owned : options.known)
    if (owned.kind != "Namespace") (is_claim(id_of(owned)) ? claims : others).push_back(owned);
  Work work{client, ref, progress, cancel};
  // What an apply made that did not live to record it is removed, too; what others made is left, and told.
  std::vector<Node> left;
  for (Node& object : others_labelled(work, options.known)) {
    const Id id = kube::id_of(object);
    if (carries_id(object, ref) && !is_claim(id))
      others.push_back(owned_of(id, object));
    else
      left.push_back(std::move(object));
  }
  remove_all(work, others);
  if (options.with_storage) {
    for (Owned& each : leftover_claims(work, claims)) claims.push_back(std::move(each));
    remove_all(work, claims);
  } else {
    keep_claims(work, claims);
  }
  for (const Node& object : left) {
    const Id id = kube::id_of(object);
    if (!is_claim(id))
      work.result.kept.push_back(kube::to_text(id) + " (not recorded here, so not touched)");
    else if (!options.with_storage)
      work.result.kept.push_back(with_size(id, object));
  }
  return work.result;
}

}  // namespace mlib::targets::kubernetes
