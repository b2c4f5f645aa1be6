#pragma once
#include <doctest/doctest.h>

#include "cards/benchmark.hpp"
#include "loadgen/made_result.hpp"
#include "loadgen/stub_server.hpp"
#include "verbs/bench_facts.hpp"
#include "verbs/bench_template.hpp"
#include "verbs/names.hpp"
#include "verbs/scripted_world.hpp"

/// What the tests of `bench template` share.
namespace mlib::verbs {

inline constexpr const char* tiny = "tiny-llama-test";

/// Keeps results where a test sees them.
struct KeptResults final : Results {
  void check() override {
    if (readonly) throw Problem(Kind::unavailable, "it is read-only");
  }
  std::string save(const cards::BenchmarkCard& card) override {
    saved.push_back(card);
    return card.metadata.name + ".yaml";
  }
  void remove(const std::string&, const std::string& id) override {
    std::erase_if(saved, [&](const cards::BenchmarkCard& each) { return each.metadata.name == id; });
  }
  void tidy() override { ++tidied; }
  std::vector<cards::BenchmarkCard> saved;
  int tidied = 0;
  bool readonly = false;
};

/// A world whose engine answers at once: five requests of one user.
struct BenchTest : ScriptedWorld {
  BenchTest() {
    world.results = &kept;
    targets::Status ready;
    ready.phase = targets::Phase::ready;
    ready.endpoint = stub.url();
    podman.statuses = {ready};
    podman.kept = {"PersistentVolumeClaim model-library/store"};
    arguments.template_name = tiny;
    arguments.load.requests = 5;
    arguments.load.users = 1;
  }

  /// Runs it; what it told stays in `told`, `result` and `text`.
  void run() {
    bench_template(world, ann, arguments, sink(), cancel);
    reload();
  }
  void repeat(const std::string& id) {
    RepeatArguments again;
    again.id = id;
    bench_repeat(world, ann, again, sink(), cancel);
    reload();
  }
  Sink sink() {
    told.clear();
    return [this](const Node& event) {
      if (const Node* line = event.find("progress")) told += line->string() + "\n";
      if (const Node* found = event.find("result")) result = *found;
      text = event.text_at({"text"});
      if (on_event) on_event(event);
      return !cancel.asked();
    };
  }
  /// Lets the target refuse the points of a sweep that are called `title`, and no others.
  void fail_at(const std::string& title) {
    on_event = [this, title](const Node& event) {
      const std::string line = event.text_at({"progress"});
      if (!line.starts_with("[")) return;
      podman.apply_fails.reset();
      if (line.ends_with("] " + title)) podman.apply_fails = Problem(Kind::failed, "no room");
    };
  }
  /// The library with what was kept, as the next start reads it.
  void reload() {
    std::vector<cards::File> files = cards::embedded();
    std::erase_if(files, [](const cards::File& each) {  // the whole catalogue takes its time
      return each.path.find(tiny) == std::string::npos && !each.path.starts_with("hardware/cpu-") &&
             !each.path.starts_with("protocols/") && !each.path.starts_with("frameworks/llama-cpp-server/") &&
             each.path != "flags/llama-cpp.yaml";
    });
    for (const cards::BenchmarkCard& card : kept.saved)
      files.push_back({"benchmarks/" + card.spec.template_name + "/" + card.metadata.name + ".yaml",
                       schema::to_yaml(schema::encode(card))});
    auto library = cards::load(files, "");
    for (const Finding& finding : library->findings) FAIL_CHECK(to_text(finding));
    shelf.replace(std::move(library));
  }
  bool nothing_left() const { return store->list().empty() && podman.running.empty() && podman.kept.empty(); }

  loadgen::StubServer stub{{.ttft = 1'000'000, .gap = 200'000, .tokens = 4}};
  KeptResults kept;
  BenchTemplateArguments arguments;
  Cancel cancel;
  std::string told, text;
  Node result;
  std::function<void(const Node&)> on_event;
};

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// A record as a killed run leaves it.
inline store::Deployment left(const std::string& name, const std::string& user) {
  store::Deployment record;
  record.namespace_name = "model-library";
  record.name = name;
  record.target = "podman";
  record.template_name = tiny;
  record.user = user;
  record.state = "deploying";
  return record;
}

}  // namespace mlib::verbs
