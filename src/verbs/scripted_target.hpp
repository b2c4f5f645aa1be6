#pragma once
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "targets/target.hpp"

namespace mlib::verbs {

/// A target in memory for tests: it holds what was applied, and tells the statuses that a test lays out for
/// it, the last one again and again.
class ScriptedTarget final : public targets::Target {
 public:
  struct Script {
    std::deque<targets::Status> statuses;
    std::vector<std::string> log;
    std::optional<Problem> plan_fails, apply_fails, observe_fails;
    std::map<std::pair<std::string, std::string>, std::vector<schema::Node>> running;
    std::vector<std::string> kept;
    std::vector<targets::Capacity> machines = {};
    int observed = 0;
    int away = 0;  ///< so many observations get no answer
    std::string place = {};
    bool removed_storage = false;
    bool kept_secrets = false;
    targets::LogOptions asked_log = {};
    std::vector<targets::Event> happened = {};
    std::vector<std::string> removed_namespaces = {};
    std::vector<targets::Running> containers = {};
    std::optional<Problem> running_fails = {};
  };
  explicit ScriptedTarget(Script& script) : script_(script) {}

  std::string_view name() const override { return "podman"; }
  std::string place() override { return script_.place; }

  std::vector<targets::Change> plan(const targets::Desired& desired) override {
    if (script_.plan_fails) throw Problem(*script_.plan_fails);
    const auto at = script_.running.find(key(desired.ref));
    std::vector<targets::Change> changes;
    for (std::size_t i = 0; i < desired.rendered->objects.size(); ++i) {
      const schema::Node& object = desired.rendered->objects[i];
      targets::Change change{targets::Change::Action::create, label(object), "", schema::to_yaml(object)};
      if (at != script_.running.end()) {
        change.before = schema::to_yaml(at->second[i]);
        change.action = change.before == change.after ? targets::Change::Action::unchanged
                                                      : targets::Change::Action::update;
      }
      changes.push_back(std::move(change));
    }
    return changes;
  }

  std::vector<targets::Owned> apply(const targets::Desired& desired, const targets::LineSink& progress,
                                    const Cancel& cancel) override {
    cancel.check();
    progress("applying");
    if (script_.apply_fails) throw Problem(*script_.apply_fails);
    script_.kept_secrets = desired.keeps_secrets;
    script_.running[key(desired.ref)] = desired.rendered->objects;
    std::vector<targets::Owned> owned;
    for (const schema::Node& object : desired.rendered->objects)
      owned.push_back({object.text_at({"kind"}), object.text_at({"apiVersion"}), desired.ref.namespace_name,
                       object.text_at({"metadata", "name"}), "uid"});
    return owned;
  }

  targets::Status observe(const targets::Ref& ref) override {
    ++script_.observed;
    if (script_.observe_fails) throw Problem(*script_.observe_fails);
    if (script_.running.count(key(ref)) > 0 && script_.away > 0 && script_.away-- > 0)
      throw Problem(Kind::unavailable, "no answer");
    if (script_.running.count(key(ref)) == 0) return {};
    const targets::Status status = script_.statuses.front();
    if (script_.statuses.size() > 1) script_.statuses.pop_front();
    return status;
  }

  void logs(const targets::Ref&, const targets::LogOptions& options, const targets::LineSink& sink,
            const Cancel&) override {
    script_.asked_log = options;
    const auto count = static_cast<int>(script_.log.size());
    for (int i = options.tail < 0 ? 0 : std::max(0, count - options.tail); i < count; ++i)
      if (!sink(script_.log[static_cast<std::size_t>(i)])) return;
  }

  targets::Removed remove(const targets::Ref& ref, const targets::RemoveOptions& options,
                          const targets::LineSink&, const Cancel&) override {
    targets::Removed removed;
    if (script_.running.erase(key(ref)) > 0)
      removed.removed.push_back("Deployment " + ref.namespace_name + "/" + ref.name);
    script_.removed_storage = options.with_storage;
    if (!options.with_storage) removed.kept = script_.kept;
    if (options.with_storage)
      for (const std::string& each : std::exchange(script_.kept, {})) removed.removed.push_back(each);
    return removed;
  }

  std::vector<std::string> storage(const targets::Ref&, const std::vector<targets::Owned>&) override {
    return script_.kept;
  }
  std::vector<targets::Running> running(const targets::Ref&) override {
    if (script_.running_fails) throw Problem(*script_.running_fails);
    return script_.containers;
  }
  std::vector<targets::Capacity> capacity() override { return script_.machines; }
  std::vector<targets::Event> events(const targets::Ref&) override { return script_.happened; }
  std::vector<std::string> contents(const std::string& namespace_name) override {
    if (namespace_name == "default")
      throw Problem(Kind::forbidden, "namespace default is not deleted: it belongs to the cluster");
    std::vector<std::string> lines;
    for (const auto& [name, objects] : script_.running)
      if (name.first == namespace_name) lines.push_back("Deployment " + name.second + ", of " + name.second);
    return lines;
  }
  void remove_namespace(const std::string& namespace_name, const targets::LineSink& progress,
                        const Cancel&) override {
    progress("removing " + namespace_name);
    std::erase_if(script_.running, [&](const auto& each) { return each.first.first == namespace_name; });
    script_.removed_namespaces.push_back(namespace_name);
  }

 private:
  static std::pair<std::string, std::string> key(const targets::Ref& ref) {
    return {ref.namespace_name, ref.name};
  }
  static std::string label(const schema::Node& object) {
    return object.text_at({"kind"}) + " " + object.text_at({"metadata", "name"});
  }
  Script& script_;
};

}  // namespace mlib::verbs
