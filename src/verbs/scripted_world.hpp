#pragma once
#include "verbs/scripted_target.hpp"
#include "verbs/verb.hpp"

namespace mlib::verbs {

/// A clock whose sleep moves the time on at once.
class ScriptedClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::time_point(passed_);
  }
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point(std::chrono::seconds{1'795'881'600}) + passed_;
  }
  void sleep(std::chrono::milliseconds span) override {
    passed_ += span;
    if (after_sleep) after_sleep();
  }
  std::function<void()> after_sleep;

 private:
  std::chrono::milliseconds passed_{0};
};

/// The Problem that `work` throws; one of kind internal when it throws none.
inline Problem failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const Problem& problem) {
    return problem;
  }
  return {Kind::internal, "it did not fail"};
}

/// The shipped protocols, rules, flags and causes without any card.
inline const cards::Library& shipped_contract() {
  static const std::shared_ptr<const cards::Library> library = cards::load(cards::over_contract({}), "");
  return *library;
}

/// The shipped cards, but that the engine of tiny-llama-test speaks a protocol `made` with these calls.
inline std::shared_ptr<const cards::Library> library_speaking(const std::string& calls) {
  std::vector<cards::File> files = cards::embedded();
  for (cards::File& file : files)
    if (file.path == "frameworks/llama-cpp-server/framework.yaml")
      file.text.replace(file.text.find("protocol: openai"), 16, "protocol: made");
  files.push_back({"protocols/made.yaml",
                   "apiVersion: model-library/v1\nkind: Protocol\nmetadata: {name: made}\ncalls:\n" + calls});
  return cards::load(std::move(files), "catalog");
}

/// A world for tests: the shipped cards, a memory store, a scripted target as `podman` and another as
/// `kubernetes`.
struct ScriptedWorld {
  Shelf shelf{cards::load(cards::embedded(), "catalog")};
  std::unique_ptr<store::Store> store = store::memory_store();
  ScriptedClock clock;
  render::PolicyFile policy;
  ScriptedTarget::Script podman, kubernetes;
  World world{
      shelf,
      *store,
      clock,
      {{"podman", [this](const TargetOptions&) { return std::make_unique<ScriptedTarget>(podman); }},
       {"kubernetes", [this](const TargetOptions&) { return std::make_unique<ScriptedTarget>(kubernetes); }}},
      policy};
  Caller ann{"ann", Role::admin};
};

}  // namespace mlib::verbs
