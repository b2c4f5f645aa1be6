#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds patience{60'000};
constexpr milliseconds look_every{500};

std::string kept_line(const Owned& owned) {
  return fmt::format("{} (Kube Watcher cannot delete it: kubectl -n {} delete {} {})", called(owned),
                     owned.namespace_name, lower(owned.kind), owned.name);
}

/// Kinds that today's delete_labeled_resources leaves.
bool is_left(const Owned& owned) { return owned.kind == "ConfigMap" || owned.kind == "Job"; }

std::vector<std::string> texts_of(const Node& answer, std::string_view key) {
  std::vector<std::string> texts;
  if (const Node* list = answer.find(key); list != nullptr && list->is_list())
    for (const Node& each : list->items()) texts.push_back(each.is_string() ? each.string() : "");
  return texts;
}

/// Waits until `done(what is there)`; Problem{timeout} with `what` and what is still there.
template <class Done>
Found wait(const Life& life, const Done& done, const std::vector<std::string>& failures) {
  const auto end = life.clock.now() + patience;
  for (;;) {
    Found found = look(life.watcher, life.ref, &life.cancel);
    if (done(found)) return found;
    if (life.clock.now() >= end) {
      std::vector<std::string> names;
      for (const Owned& each : found.objects) names.push_back(called(each));
      for (const Owned& each : found.storage) names.push_back(called(each));
      if (found.pods > 0) names.push_back(fmt::format("{} pods and replica sets", found.pods));
      const std::string hint =
          failures.empty() ? "it may go on by itself" : shortened(visible(join(failures, "; ")), 400);
      throw Problem(Kind::timeout,
                    fmt::format("still there after {} s: {}", patience.count() / 1000, join(names, ", ")),
                    hint);
    }
    life.cancel.check();
    life.clock.sleep(look_every);
  }
}

/// Today's: everything of its namespace that has the one label, which nobody else's object has.
std::vector<std::string> delete_labelled(const Life& life, std::string_view label) {
  Node body = Node::map();
  body.set("label", label);
  body.set("value", mark_of(life.ref));
  body.set("force_namespace", life.ref.namespace_name);
  const Node answer = life.watcher.post("/v1/delete_labeled_resources", body, &life.cancel);
  std::vector<std::string> failures = texts_of(answer, "failures");
  if (texts_of(answer, "deleted_resources").empty())
    throw Problem(Kind::failed,
                  failures.empty()
                      ? "Kube Watcher deleted nothing"
                      : "Kube Watcher deleted nothing: " + shortened(visible(join(failures, "; ")), 400),
                  "only an admin key reaches other namespaces, and none where STATIC_WORKSPACE is set");
  return failures;
}

Removed remove_today(const Life& life, const RemoveOptions& options) {
  Removed result;
  const Found before = look(life.watcher, life.ref, &life.cancel);
  const bool deletable = !std::all_of(before.objects.begin(), before.objects.end(), is_left);
  if (deletable) {
    life.tell("removing " + life.ref.name);
    const auto failures = delete_labelled(life, deployment_label);
    wait(
        life,
        [](const Found& found) {
          return found.pods == 0 && std::all_of(found.objects.begin(), found.objects.end(), is_left);
        },
        failures);
  }
  for (const Owned& each : before.objects) {
    if (is_left(each)) {
      result.kept.push_back(kept_line(each));
    } else {
      result.removed.push_back(called(each));
    }
  }
  if (options.with_storage && !before.storage.empty()) {
    const auto failures = delete_labelled(life, storage_label);
    wait(
        life, [](const Found& found) { return found.storage.empty(); }, failures);
  }
  for (const Owned& each : before.storage)
    (options.with_storage ? result.removed : result.kept).push_back(called(each));
  return result;
}

/// Asks the early one to delete a Deployment and the Service of its name, and waits until the Deployment is
/// gone. It answers `false` when either fails.
Found delete_early(const Life& life) {
  Node body = Node::map();
  body.set("namespace", life.ref.namespace_name);
  body.set("deployment_name", life.ref.name);
  life.watcher.post("/v1/delete_deepsparse_model", body, &life.cancel);
  return wait(life, [&](const Found& found) { return !found.has("Deployment", life.ref.name); }, {});
}

Removed remove_early(const Life& life, const RemoveOptions& options) {
  Removed result;
  const Found before = look(life.watcher, life.ref, &life.cancel);
  const bool recorded = std::any_of(options.known.begin(), options.known.end(), [&](const Owned& each) {
    return each.kind == "Deployment" && each.name == life.ref.name;
  });
  Found after = before;
  if (before.has("Deployment", life.ref.name)) {
    if (recorded) {
      life.tell("removing " + life.ref.name);
      after = delete_early(life);
    } else {
      result.kept.push_back(fmt::format("Deployment {}/{} (not recorded here as ours, so not touched)",
                                        life.ref.namespace_name, life.ref.name));
    }
  }
  for (const Owned& each : before.objects)
    if (!after.has(each.kind, each.name)) result.removed.push_back(called(each));
  for (const Owned& each : options.known) {
    const bool shown = each.name == life.ref.name && (each.kind == "Deployment" || each.kind == "Service");
    if (!shown || after.has(each.kind, each.name)) result.kept.push_back(kept_line(each));
  }
  return result;
}

}  // namespace

std::vector<std::string> take_back(const Life& life, const std::vector<Owned>& made) {
  std::vector<std::string> left;
  if (made.empty()) return left;
  const Cancel never;
  const Life going{life.watcher, life.clock, life.ref, life.progress, never};
  RemoveOptions options;
  options.known = made;
  // Storage that was there before is never taken back.
  try {
    left = remove(going, options).kept;
    std::vector<std::string> names;
    const Found found = look(life.watcher, life.ref, &never);
    for (const Owned& each : made)
      if (each.kind == "PersistentVolumeClaim") names.push_back(each.name);
    const bool all_new = std::all_of(found.storage.begin(), found.storage.end(), [&](const Owned& each) {
      return std::find(names.begin(), names.end(), each.name) != names.end();
    });
    if (!found.storage.empty() && all_new) {
      options.with_storage = true;
      left = remove(going, options).kept;
    }
  } catch (const Problem& problem) {
    left.push_back(problem.message());
  }
  return left;
}

Removed remove(const Life& life, const RemoveOptions& options) {
  return life.watcher.generation(&life.cancel) == Generation::today ? remove_today(life, options)
                                                                    : remove_early(life, options);
}

}  // namespace mlib::targets::kube_watcher
