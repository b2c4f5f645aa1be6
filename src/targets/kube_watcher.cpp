#include "targets/kube_watcher.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets {
namespace {

using kube_watcher::Generation;

/// What an object was when it was deployed last, Secrets masked; null when it is not among `last`.
Node last_of(const std::vector<Node>& last, const Node& object) {
  for (const Node& each : last)
    if (each.text_at({"kind"}) == object.text_at({"kind"}) &&
        each.text_at({"metadata", "name"}) == object.text_at({"metadata", "name"}))
      return each;
  return {};
}

void mask(Node& object, std::string_view with) {
  if (object.text_at({"kind"}) != "Secret") return;
  for (const std::string_view part : {"data", "stringData"})
    if (Node* data = object.find(part); data != nullptr && data->is_map())
      for (schema::Entry& entry : data->entries()) entry.value = with;
}

std::string yaml_of(Node object, std::string_view with) {
  mask(object, with);
  return schema::to_yaml(object);
}

class KubeWatcher final : public Target {
 public:
  KubeWatcher(net::Client& http, Clock& clock, KubeWatcherOptions options)
      : causes_(options.causes), watcher_(http, clock, std::move(options)), clock_(clock) {}

  std::string_view name() const override { return "kube-watcher"; }

  std::vector<Ability> lacks() override {
    if (watcher_.generation(nullptr) == Generation::today)
      return {Ability::change, Ability::events, Ability::preparation, Ability::namespaces, Ability::capacity};
    std::vector<Ability> all;
    for (const AbilityText& each : abilities) all.push_back(each.ability);
    return all;
  }

  std::vector<Change> plan(const Desired& desired) override;

  std::vector<Owned> apply(const Desired& desired, const LineSink& progress, const Cancel& cancel) override {
    return kube_watcher::apply({watcher_, clock_, desired.ref, progress, cancel}, desired);
  }

  Status observe(const Ref& ref) override { return kube_watcher::observe(watcher_, ref, causes_); }

  void logs(const Ref& ref, const LogOptions& options, const LineSink& sink, const Cancel& cancel) override {
    if (watcher_.generation(&cancel) == Generation::early) cannot(Ability::logs, ref);
    if (options.previous) cannot(Ability::preparation, ref);
    if (!options.since.empty() || options.timestamps)
      throw Problem(Kind::unsupported, "Kube Watcher does not tell when a line was written",
                    instead_of(Ability::logs, ref) + " --since-time or --timestamps");
    const LineSink nobody;
    kube_watcher::logs({watcher_, clock_, ref, nobody, cancel}, options, sink);
  }

  Removed remove(const Ref& ref, const RemoveOptions& options, const LineSink& progress,
                 const Cancel& cancel) override {
    return kube_watcher::remove({watcher_, clock_, ref, progress, cancel}, options);
  }

 protected:
  std::string title() const override {
    return watcher_.is_early() ? "the Kube Watcher of January 2024" : "Kube Watcher";
  }

 private:
  cards::Causes causes_;
  kube_watcher::Watcher watcher_;
  Clock& clock_;
};

/// What is recorded of the last apply stands for what runs, which Kube Watcher does not tell.
std::vector<Change> KubeWatcher::plan(const Desired& desired) {
  const kube_watcher::Found before = look(watcher_, desired.ref, nullptr);
  Desired replacing = desired;
  replacing.replace = true;
  require_free(watcher_, replacing, before, nullptr);
  std::vector<Node> last;
  if (!desired.last.empty()) last = schema::read_yaml({"the last manifest", desired.last});
  std::vector<Change> changes;
  for (const Node& object : desired.rendered->objects) {
    if (kube_watcher::stays(desired, object)) continue;
    const std::string kind = object.text_at({"kind"}), name = object.text_at({"metadata", "name"});
    const auto known = std::find_if(desired.known.begin(), desired.known.end(), [&](const Owned& each) {
      return each.kind == kind && each.name == name;
    });
    const bool recorded = known != desired.known.end();
    const bool there = before.has(kind, name) || (recorded && !before.shows(*known, desired.ref));
    if (kind == "Namespace" ? !desired.known.empty() : there && kube_watcher::is_claim(object)) continue;
    Change change;
    change.object = kube_watcher::called(object);
    const bool same = there && recorded && kube_watcher::has_content(object, known->content);
    change.action = !there ? Change::Action::create
                    : same ? Change::Action::unchanged
                           : Change::Action::update;
    const Node old = last_of(last, object);
    if (there && old.is_null()) change.before = "# Kube Watcher does not tell what it holds\n";
    if (there && !old.is_null()) change.before = yaml_of(old, same ? "***" : "*** (before)");
    change.after = yaml_of(object, same ? "***" : there ? "*** (after)" : "***");
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

std::unique_ptr<Target> kube_watcher_target(net::Client& http, Clock& clock, KubeWatcherOptions options) {
  return std::make_unique<KubeWatcher>(http, clock, std::move(options));
}

}  // namespace mlib::targets
