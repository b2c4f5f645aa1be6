#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

Owned owned_of(const Node& object, const Ref& ref) {
  Owned owned{object.text_at({"kind"}), object.text_at({"apiVersion"}), ref.namespace_name,
              object.text_at({"metadata", "name"}), ""};
  if (owned.kind != "Namespace") owned.content = content_of(object);
  return owned;
}

/// What Kubernetes deletes along with the Service: what this Kube Watcher cannot delete by itself.
bool goes_along(const std::string& kind, Generation generation) {
  return kind == "ConfigMap" || kind == "Job" || (kind == "Secret" && generation == Generation::early);
}

/// A Namespace first, claims (which stay whatever becomes of the rest), the Service that others can belong
/// to.
std::vector<const Node*> in_order(const Desired& desired) {
  std::vector<const Node*> objects;
  for (const Node& each : desired.rendered->objects)
    if (!stays(desired, each)) objects.push_back(&each);
  const auto rank = [&](const Node* each) {
    const std::string kind = each->text_at({"kind"});
    if (kind == "Namespace") return 0;
    if (is_claim(*each)) return 1;
    return kind == "Service" && each->text_at({"metadata", "name"}) == desired.ref.name ? 2 : 3;
  };
  std::stable_sort(objects.begin(), objects.end(),
                   [&](const Node* a, const Node* b) { return rank(a) < rank(b); });
  return objects;
}

/// One apply on its way.
class Creation {
 public:
  Creation(const Life& life, const Desired& desired, const Found& before)
      : life_(life), desired_(desired), before_(before), generation_(life.watcher.generation(&life.cancel)) {
    replaces_owned_ = desired.replace && std::any_of(desired.known.begin(), desired.known.end(), is_owner);
  }

  void create_all() {
    for (const Node* object : in_order(desired_)) {
      life_.cancel.check();
      // What would run waits for what it needs; the early one cannot take back what is left alone.
      if (!failures_.empty() && (is_workload(*object) || generation_ == Generation::early)) continue;
      create(*object);
    }
  }
  bool failed() const { return !failures_.empty(); }
  /// With those that may have been made, since nobody answered.
  std::vector<Owned> made() const {
    std::vector<Owned> all = made_;
    all.insert(all.end(), doubtful_.begin(), doubtful_.end());
    return all;
  }

  /// What it says that it made must be there; gives all that belongs to the deployment now.
  std::vector<Owned> checked() {
    const Found after = look(life_.watcher, life_.ref, &life_.cancel);
    std::vector<Owned> now = made_;
    for (const Owned& each : made_) {
      const bool shown = each.kind == "Deployment" || (!after.blind && each.kind == "Service");
      if (shown && !after.has(each.kind, each.name))
        add_failure(called(each), "Kube Watcher says that it was created, and it is not there");
    }
    now.insert(now.end(), used_.begin(), used_.end());
    for (const Owned& each : desired_.known)
      if (desired_.keeps_secrets && each.kind == "Secret" && !is_among(now, each)) now.push_back(each);
    for (Owned& each : now)
      for (const std::vector<Owned>* found : {&after.objects, &after.storage})
        for (const Owned& live : *found)
          if (live.kind == each.kind && live.name == each.name && !live.uid.empty()) each.uid = live.uid;
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
    Owned owned = owned_of(object, life_.ref);
    if (is_claim(object) && is_among(before_.storage, owned)) return use(owned);
    Node body = Node::map();
    Node sent = marked(object, life_.ref);
    if (!owner_.uid.empty() && goes_along(owned.kind, generation_)) sent = belonging(std::move(sent), owner_);
    body.set("config", config_of(sent));
    if (generation_ == Generation::today) body.set("force_namespace", life_.ref.namespace_name);
    Verdict verdict = send(body, owned);
    // What Kubernetes deletes along with the Service of before goes a moment after it.
    for (int tries = 1; verdict.exists && replaces_owned_ && tries < 7 && may_be_going(owned); ++tries) {
      life_.watcher.pause(tries, &life_.cancel);
      verdict = send(body, owned);
    }
    if (verdict.made) return made(owned, verdict);
    if (verdict.exists && owned.kind == "Namespace") return;
    if (verdict.exists && may_stay(object, owned)) return use(owned);
    refused(object, owned, verdict);
  }

  /// Sent again when nobody answered and it is not there.
  Verdict send(const Node& body, const Owned& owned) {
    constexpr int most = 3;
    for (int tries = 1;; ++tries) {
      const std::optional<Node> answer =
          life_.watcher.change("/v1/deploy_generic_model", body, &life_.cancel);
      if (answer) {
        const Verdict verdict = verdict_of(*answer);
        if (verdict.exists && tries > 1 && is_there(owned)) return {.made = true};
        if (verdict.made || tries == 1) no_longer_doubtful(owned);
        return verdict;
      }
      if (owned.kind != "Namespace" && tries == 1) doubtful_.push_back(owned);
      life_.watcher.pause(tries, &life_.cancel);
      if (is_there(owned)) {
        no_longer_doubtful(owned);
        return {.made = true};
      }
      if (tries == most)
        throw Problem(Kind::unavailable,
                      fmt::format("Kube Watcher at {} does not say whether it created {}",
                                  life_.watcher.origin(), called(owned)),
                      "deploy it again when Kube Watcher answers");
    }
  }
  void no_longer_doubtful(const Owned& owned) {
    std::erase_if(doubtful_,
                  [&](const Owned& each) { return each.kind == owned.kind && each.name == owned.name; });
  }
  bool is_there(const Owned& owned) {
    return look(life_.watcher, life_.ref, &life_.cancel).has(owned.kind, owned.name);
  }
  bool may_be_going(const Owned& owned) const {
    return goes_along(owned.kind, generation_) && is_among(desired_.known, owned);
  }

  void made(Owned owned, const Verdict& verdict) {
    life_.tell("created " + (owned.kind == "Namespace" ? "Namespace " + owned.name : called(owned)));
    if (owned.kind == "Namespace") return;
    if (owned.kind == "Service" && owned.name == life_.ref.name) {
      owned.uid = generation_ == Generation::early ? verdict.uid : uid_of(owned);
      owner_ = owned;
    }
    made_.push_back(std::move(owned));
  }
  /// As today's shows it, or "".
  std::string uid_of(const Owned& owned) {
    for (const Owned& each : look(life_.watcher, life_.ref, &life_.cancel).objects)
      if (each.kind == owned.kind && each.name == owned.name) return each.uid;
    return "";
  }

  void use(const Owned& owned) {
    life_.tell(called(owned) + " exists already and is used as it is");
    used_.push_back(owned);
  }

  /// What exists and cannot be told apart by the early Kube Watcher is used when it is recorded as ours with
  /// this content, or when `replace` says so.
  bool may_stay(const Node& object, const Owned& owned) const {
    if (generation_ == Generation::today) return false;
    if (is_claim(object)) return desired_.replace || is_among(desired_.known, owned);
    for (const Owned& each : desired_.known)
      if (each.kind == owned.kind && each.name == owned.name && has_content(object, each.content))
        return true;
    return desired_.replace && (owned.kind == "Service" || is_empty_secret(object));
  }

  void refused(const Node& object, const Owned& owned, const Verdict& verdict) {
    all_exist_ = all_exist_ && verdict.exists;
    std::string reason = verdict.reason;
    // Kubernetes repeats what it finds wrong.
    constexpr int forbidden = 403;
    if (owned.kind == "Secret" && !verdict.exists && verdict.code != forbidden)
      reason = "was refused; why is not shown, since it may hold a value";
    if (reason.empty()) reason = "was not created; this Kube Watcher does not say why (it may exist)";
    if (verdict.exists && desired_.replace)
      reason += fmt::format("; Kube Watcher cannot delete it: kubectl -n {} delete {} {}",
                            owned.namespace_name, lower(owned.kind), owned.name);
    add_failure(called(object), reason);
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
  bool replaces_owned_ = false;
  Owned owner_;  ///< the Service that others belong to, when its uid is known
  std::vector<Owned> made_, used_, doubtful_;
  std::vector<Finding> failures_;
  bool all_exist_ = true;
};

}  // namespace

std::vector<Owned> apply(const Life& life, const Desired& desired) {
  Found before = look(life.watcher, life.ref, &life.cancel);
  if (is_settled(desired, before)) {
    life.tell(life.ref.name + " runs already as asked for");
    return desired.known;
  }
  require_free(life.watcher, desired, before, &life.cancel);
  if (!before.objects.empty() && desired.replace &&
      (!before.blind || before.has("Deployment", life.ref.name))) {
    if (before.blind) require_replaceable(desired);
    life.tell("replacing " + life.ref.name);
    clear(life, desired);
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
