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

/// Today's: everything of its namespace that has the one label, which nobody else's object has. Sent again
/// while nobody answers and `done` does not hold.
template <class Done>
void delete_part(const Life& life, Part part, const Done& done) {
  Node body = Node::map();
  body.set("label", part_label);
  body.set("value", mark_of(life.ref, part));
  body.set("force_namespace", life.ref.namespace_name);
  std::optional<Node> answer;
  for (int tries = 1; !answer && tries <= 3; ++tries) {
    answer = life.watcher.change("/v1/delete_labeled_resources", body, &life.cancel);
    if (answer) break;
    life.watcher.pause(tries, &life.cancel);
    if (done(look(life.watcher, life.ref, &life.cancel))) return;
  }
  const std::vector<std::string> failures =
      answer ? texts_of(*answer, "failures") : std::vector<std::string>{"it did not answer"};
  const std::string said = failures.empty() ? "" : ": " + shortened(visible(join(failures, "; ")), 400);
  if (answer && texts_of(*answer, "deleted_resources").empty() &&
      !done(look(life.watcher, life.ref, &life.cancel)))
    throw Problem(Kind::failed, "Kube Watcher deleted nothing" + said,
                  "only an admin key reaches other namespaces, and none where STATIC_WORKSPACE is set");
  wait(life, done, failures);
}

/// Deletes what runs and, unless they stay, the Secrets; waits until they are gone. Gives what there was.
Found clear_today(const Life& life, bool with_secrets) {
  const Found before = look(life.watcher, life.ref, &life.cancel);
  const auto goes = [](const Found& found, Part part) {
    return std::any_of(found.objects.begin(), found.objects.end(), [&](const Owned& each) {
      return part_of(each.kind) == part && found.stuck.count(called(each)) == 0;
    });
  };
  for (const Part part : {Part::run, Part::secret}) {
    if (part == Part::secret && !with_secrets) continue;
    if (goes(before, part))
      delete_part(life, part, [&](const Found& found) {
        return !goes(found, part) && (part != Part::run || found.pods == 0);
      });
  }
  return before;
}

Removed remove_today(const Life& life, const RemoveOptions& options) {
  Removed result;
  life.tell("removing " + life.ref.name);
  const Found before = clear_today(life, true);
  for (const Owned& each : before.objects) {
    if (before.stuck.count(called(each)) > 0) {
      result.kept.push_back(kept_line(each));
    } else {
      result.removed.push_back(called(each));
    }
  }
  if (options.with_storage && !before.storage.empty())
    delete_part(life, Part::storage, [](const Found& found) { return found.storage.empty(); });
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
  const auto gone = [&](const Found& found) { return !found.has("Deployment", life.ref.name); };
  for (int tries = 1; tries <= 3; ++tries) {
    if (life.watcher.change("/v1/delete_deepsparse_model", body, &life.cancel)) break;
    life.watcher.pause(tries, &life.cancel);
    if (gone(look(life.watcher, life.ref, &life.cancel))) break;
  }
  return wait(life, gone, {});
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
  const bool taken_along = std::any_of(options.known.begin(), options.known.end(), is_owner) &&
                           !after.has("Service", life.ref.name);
  for (const Owned& each : options.known) {
    if (after.shows(each, life.ref)) {
      if (after.has(each.kind, each.name)) result.kept.push_back(kept_line(each));
    } else if (taken_along && (each.kind == "Secret" || each.kind == "ConfigMap" || each.kind == "Job")) {
      result.removed.push_back(called(each) + " (by Kubernetes, with its Service)");
    } else {
      result.kept.push_back(kept_line(each));
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> take_back(const Life& life, const std::vector<Owned>& made) {
  std::vector<std::string> left;
  if (made.empty()) return left;
  const Cancel never;
  const Life going{life.watcher, life.clock, life.ref, life.progress, never};
  const auto has = [&](Part part) {
    return std::any_of(made.begin(), made.end(),
                       [&](const Owned& each) { return part_of(each.kind) == part; });
  };
  try {
    if (life.watcher.generation(&never) == Generation::early) {
      RemoveOptions options;
      options.known = made;
      return remove_early(going, options).kept;
    }
    const Found found = clear_today(going, has(Part::secret));
    for (const Owned& each : found.objects)
      if (found.stuck.count(called(each)) > 0) left.push_back(kept_line(each));
    // Storage that was there before is never taken back.
    const bool all_new = std::all_of(found.storage.begin(), found.storage.end(),
                                     [&](const Owned& each) { return is_among(made, each); });
    if (!found.storage.empty() && all_new) {
      delete_part(going, Part::storage, [](const Found& now) { return now.storage.empty(); });
    } else {
      for (const Owned& each : found.storage)
        if (is_among(made, each)) left.push_back(called(each));
    }
  } catch (const Problem& problem) {
    left.push_back(problem.message());
  }
  return left;
}

void clear(const Life& life, const Desired& desired) {
  if (life.watcher.generation(&life.cancel) == Generation::today) {
    clear_today(life, !desired.keeps_secrets);
    return;
  }
  RemoveOptions options;
  options.known = desired.known;
  remove_early(life, options);
}

Removed remove(const Life& life, const RemoveOptions& options) {
  return life.watcher.generation(&life.cancel) == Generation::today ? remove_today(life, options)
                                                                    : remove_early(life, options);
}

}  // namespace mlib::targets::kube_watcher
