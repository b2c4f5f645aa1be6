#include "targets/kube_watcher.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets {
namespace {

using kube_watcher::Generation;

std::string masked(Node object) {
  if (object.text_at({"kind"}) == "Secret")
    for (const std::string_view part : {"data", "stringData"})
      if (Node* data = object.find(part); data != nullptr && data->is_map())
        for (schema::Entry& entry : data->entries()) entry.value = "***";
  return schema::to_yaml(object);
}

class KubeWatcher final : public Target {
 public:
  KubeWatcher(net::Client& http, Clock& clock, KubeWatcherOptions options)
      : causes_(options.causes), watcher_(http, std::move(options)), clock_(clock) {}

  std::string_view name() const override { return "kube-watcher"; }

  std::vector<Change> plan(const Desired& desired) override {
    const kube_watcher::Found before = look(watcher_, desired.ref, nullptr);
    require_free(watcher_, desired, before, nullptr);
    std::vector<Change> changes;
    for (const Node& object : desired.rendered->objects) {
      const std::string name = object.text_at({"metadata", "name"});
      const bool there = before.has(object.text_at({"kind"}), name);
      if (there && kube_watcher::is_claim(object)) continue;
      Change change;
      change.action = there ? Change::Action::update : Change::Action::create;
      change.object = kube_watcher::called(object);
      if (there) change.before = "# deleted and created anew: Kube Watcher does not tell what it holds\n";
      change.after = masked(kube_watcher::marked(object, desired.ref));
      changes.push_back(std::move(change));
    }
    return changes;
  }

  std::vector<Owned> apply(const Desired& desired, const LineSink& progress, const Cancel& cancel) override {
    if (desired.keeps_secrets)
      cannot("go back to an earlier revision: it does not give the Secrets that run");
    return kube_watcher::apply({watcher_, clock_, desired.ref, progress, cancel}, desired);
  }

  Status observe(const Ref& ref) override { return kube_watcher::observe(watcher_, ref, causes_); }

  void logs(const Ref& ref, const LogOptions& options, const LineSink& sink, const Cancel& cancel) override {
    if (watcher_.generation(&cancel) == Generation::early)
      throw Problem(
          Kind::unsupported, "the Kube Watcher of January 2024 gives no logs",
          fmt::format("kubectl -n {} logs -l app.kubernetes.io/instance={}", ref.namespace_name, ref.name));
    if (options.follow || options.previous)
      throw Problem(
          Kind::unsupported,
          fmt::format("Kube Watcher gives no log {}", options.follow ? "that goes on" : "of an earlier run"),
          "ask for what is there: mlib logs " + ref.name);
    constexpr int all = 100'000;
    const auto pods = logs_of(watcher_, ref, options.tail < 0 ? all : options.tail, &cancel);
    for (const auto& [pod, text] : pods) {
      std::vector<std::string> lines = split(text, '\n');
      if (!lines.empty() && lines.back().empty()) lines.pop_back();
      for (const std::string& line : lines)
        if (!sink(pods.size() > 1 ? fmt::format("{} | {}", pod, line) : line)) return;
    }
  }

  Removed remove(const Ref& ref, const RemoveOptions& options, const LineSink& progress,
                 const Cancel& cancel) override {
    return kube_watcher::remove({watcher_, clock_, ref, progress, cancel}, options);
  }

 private:
  cards::Causes causes_;
  kube_watcher::Watcher watcher_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<Target> kube_watcher_target(net::Client& http, Clock& clock, KubeWatcherOptions options) {
  return std::make_unique<KubeWatcher>(http, clock, std::move(options));
}

}  // namespace mlib::targets
