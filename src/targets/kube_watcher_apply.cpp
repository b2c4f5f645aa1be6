#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

Owned owned_of(const Node& object, const Ref& ref) {
  return {object.text_at({"kind"}), object.text_at({"apiVersion"}), ref.namespace_name,
          object.text_at({"metadata", "name"}), ""};
}

bool same(const Owned& a, const Owned& b) { return a.kind == b.kind && a.name == b.name; }

bool is_among(const std::vector<Owned>& all, const Owned& one) {
  return std::any_of(all.begin(), all.end(), [&](const Owned& each) { return same(each, one); });
}

std::string list_of(const std::vector<Owned>& all) {
  std::vector<std::string> names;
  for (const Owned& each : all) names.push_back(called(each));
  return join(names, ", ");
}

/// The early Kube Watcher can neither change nor delete these: they must not stand in the way of a
/// replacement.
void require_replaceable(const Desired& desired) {
  for (const Node& object : desired.rendered->objects) {
    const std::string kind = object.text_at({"kind"});
    const bool holds = kind == "ConfigMap" || (kind == "Secret" && !is_empty_secret(object));
    const Owned owned = owned_of(object, desired.ref);
    if (holds && is_among(desired.known, owned))
      throw Problem(Kind::conflict,
                    fmt::format("{} exists already, and this Kube Watcher can neither change nor delete it",
                                called(owned)),
                    fmt::format("remove it yourself first: kubectl -n {} delete {} {}", owned.namespace_name,
                                lower(kind), owned.name));
  }
}

/// One apply on its way.
class Creation {
 public:
  Creation(const Life& life, const Desired& desired, const Found& before)
      : life_(life), desired_(desired), before_(before), generation_(life.watcher.generation(&life.cancel)) {}

  void create_all() {
    for (const Node& object : desired_.rendered->objects) {
      life_.cancel.check();
      // What would run waits for what it needs.
      if (is_workload(object) && !failures_.empty()) continue;
      create(object);
    }
  }
  bool failed() const { return !failures_.empty(); }
  const std::vector<Owned>& made() const { return made_; }

  /// What it says that it made must be there; gives all that belongs to the deployment now.
  std::vector<Owned> checked() {
    const Found after = look(life_.watcher, life_.ref, &life_.cancel);
    std::vector<Owned> now;
    for (const Owned& each : made_) {
      const bool shown = generation_ == Generation::today
                             ? each.kind == "Deployment" || each.kind == "Service"
                             : each.kind == "Deployment";
      if (shown && !after.has(each.kind, each.name))
        add_failure(called(each), "Kube Watcher says that it was created, and it is not there");
      now.push_back(each);
    }
    now.insert(now.end(), used_.begin(), used_.end());
    for (Owned& each : now)
      for (const std::vector<Owned>* found : {&after.objects, &after.storage})
        for (const Owned& live : *found)
          if (same(live, each)) each.uid = live.uid;
    return now;
  }

  [[noreturn]] void fail(const std::vector<std::string>& left) {
    std::string hint = left.empty() ? "nothing of it is left" : "left: " + join(left, ", ");
    if (all_exist_) hint += "; --replace uses or replaces what can be, another --name avoids it";
    throw Problem(all_exist_ && !desired_.replace ? Kind::conflict : Kind::failed,
                  fmt::format("Kube Watcher at {} created {} of {} objects", life_.watcher.origin(),
                              made_.size(), desired_.rendered->objects.size()),
                  hint, std::move(failures_));
  }

 private:
  void create(const Node& object) {
    const Owned owned = owned_of(object, life_.ref);
    if (is_claim(object) && is_among(before_.storage, owned)) return use(owned);
    Node body = Node::map();
    body.set("config", config_of(marked(object, life_.ref)));
    if (generation_ == Generation::today) body.set("force_namespace", life_.ref.namespace_name);
    const Verdict verdict = verdict_of(life_.watcher.post("/v1/deploy_generic_model", body, &life_.cancel));
    if (verdict.made) {
      life_.tell("created " + called(object));
      if (owned.kind != "Namespace") made_.push_back(owned);
    } else if (verdict.exists && owned.kind == "Namespace") {
      return;
    } else if (verdict.exists && may_stay(object, owned)) {
      use(owned);
    } else {
      all_exist_ = all_exist_ && verdict.exists;
      std::string reason = verdict.reason;
      if (reason.empty()) reason = "was not created; this Kube Watcher does not say why (it may exist)";
      if (verdict.exists && desired_.replace)
        reason += fmt::format("; Kube Watcher cannot delete it: kubectl -n {} delete {} {}",
                              owned.namespace_name, lower(owned.kind), owned.name);
      add_failure(called(object), reason);
    }
  }

  void use(const Owned& owned) {
    life_.tell(called(owned) + " exists already and is used as it is");
    used_.push_back(owned);
  }

  /// What exists and cannot be told apart by the early Kube Watcher is used when it is recorded as ours, or
  /// when `replace` says so.
  bool may_stay(const Node& object, const Owned& owned) const {
    if (generation_ == Generation::today) return false;
    if (is_claim(object)) return desired_.replace || is_among(desired_.known, owned);
    return desired_.replace && (owned.kind == "Service" || is_empty_secret(object));
  }

  void add_failure(const std::string& object, const std::string& reason) {
    Finding finding;
    finding.fault = Fault::not_allowed;
    finding.message = object + ": " + reason;
    failures_.push_back(std::move(finding));
  }

  const Life& life_;
  const Desired& desired_;
  const Found& before_;
  Generation generation_;
  std::vector<Owned> made_, used_;
  std::vector<Finding> failures_;
  bool all_exist_ = true;
};

}  // namespace

void require_free(Watcher& watcher, const Desired& desired, const Found& before, const Cancel* cancel) {
  if (desired.keeps_secrets)
    throw Problem(Kind::unsupported, "Kube Watcher cannot go back to an earlier rendering: it only creates",
                  "deploy with the earlier values and --replace");
  const std::string name = called(Owned{"Deployment", "", desired.ref.namespace_name, desired.ref.name, ""});
  const bool early = watcher.generation(cancel) == Generation::early;
  const bool there = before.has("Deployment", desired.ref.name);
  const Owned workload{"Deployment", "", desired.ref.namespace_name, desired.ref.name, ""};
  if (before.foreign || (early && there && !is_among(desired.known, workload)))
    throw Problem(Kind::conflict,
                  early ? name + " exists already, and is not recorded here as ours"
                        : name + " exists already and is not managed by the Model Library",
                  "choose another --name or namespace, or remove it yourself");
  if (before.objects.empty() || (early && !there)) return;
  if (!desired.replace)
    throw Problem(Kind::conflict,
                  fmt::format("exists already: {}. Kube Watcher creates objects and never changes them",
                              list_of(before.objects)),
                  "--replace deletes them and creates them anew; storage stays");
  if (early) require_replaceable(desired);
}

std::vector<Owned> apply(const Life& life, const Desired& desired) {
  Found before = look(life.watcher, life.ref, &life.cancel);
  require_free(life.watcher, desired, before, &life.cancel);
  const bool early = life.watcher.generation(&life.cancel) == Generation::early;
  if (!before.objects.empty() && desired.replace && (!early || before.has("Deployment", life.ref.name))) {
    life.tell("replacing: " + list_of(before.objects));
    RemoveOptions options;
    options.known = desired.known;
    remove(life, options);
    before = look(life.watcher, life.ref, &life.cancel);
  }
  Creation creation(life, desired, before);
  try {
    creation.create_all();
  } catch (const Problem&) {
    for (const std::string& each : take_back(life, creation.made())) life.tell("left: " + each);
    throw;
  }
  std::vector<Owned> now;
  if (!creation.failed()) now = creation.checked();
  if (creation.failed()) creation.fail(take_back(life, creation.made()));
  return now;
}

}  // namespace mlib::targets::kube_watcher
