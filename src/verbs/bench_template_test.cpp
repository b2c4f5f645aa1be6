#include "verbs/bench_template.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "cards/benchmark.hpp"
#include "loadgen/made_result.hpp"
#include "loadgen/stub_server.hpp"
#include "net/client.hpp"
#include "verbs/bench_facts.hpp"
#include "verbs/bench_inside.hpp"
#include "verbs/bench_points.hpp"
#include "verbs/deployments.hpp"
#include "verbs/names.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

constexpr const char* tiny = "tiny-llama-test";

/// Keeps results where a test sees them.
struct Kept final : Results {
  void check() override {
    if (readonly) throw Problem(Kind::unavailable, "it is read-only");
  }
  std::string save(const cards::BenchmarkCard& card) override {
    saved.push_back(card);
    return card.metadata.name + ".yaml";
  }
  void tidy() override { ++tidied; }
  std::vector<cards::BenchmarkCard> saved;
  int tidied = 0;
  bool readonly = false;
};

struct Test : ScriptedWorld {
  Test() {
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
  /// The library with what was kept, as the next start reads it.
  void reload() {
    std::vector<cards::File> files = cards::embedded();
    std::erase_if(files, [](const cards::File& each) {  // the whole catalogue takes its time
      return each.path.find(tiny) == std::string::npos && !each.path.starts_with("hardware/cpu-") &&
             !each.path.starts_with("frameworks/llama-cpp-server/") && each.path != "flags/llama-cpp.yaml";
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
  Kept kept;
  BenchTemplateArguments arguments;
  Cancel cancel;
  std::string told, text;
  Node result;
  std::function<void(const Node&)> on_event;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// A record as a killed run leaves it.
store::Deployment left(const std::string& name, const std::string& user) {
  store::Deployment record;
  record.namespace_name = "model-library";
  record.name = name;
  record.target = "podman";
  record.template_name = tiny;
  record.user = user;
  record.state = "deploying";
  return record;
}

}  // namespace

TEST_CASE("a template is deployed, measured, its result kept, and everything removed") {
  Test test;
  test.run();
  CHECK(test.nothing_left());
  REQUIRE(test.kept.saved.size() == 1);
  const cards::FoundBenchmark found =
      cards::get_benchmark(*test.shelf.library(), test.kept.saved[0].metadata.name);
  CHECK(found.measured->metadata.name == tiny);
  CHECK(cards::verdict_of(*found.benchmark) == "suspect");  // five requests are few
  CHECK(found.benchmark->results.find("ttft_p50")->number() >= 1);
  CHECK(found.benchmark->results.find("ttft_p99") == nullptr);
  CHECK(has(cards::headline(*found.benchmark), "TTFT p50"));
  const loadgen::Result kept = result_of(*found.benchmark);
  CHECK(kept.counts.good == 5);
  CHECK(kept.subject.target == "podman");
  CHECK(kept.subject.revisions.size() == 4);
  CHECK(has(test.text, "mlib bench repeat " + found.benchmark->id));
  CHECK(test.result.text_at({"id"}) == found.benchmark->id);
}

TEST_CASE("the old deployment goes first, and the record stands before anything is deployed") {
  Test test;
  test.store->put(left(trial_name(tiny), "benchmark"), {});
  test.podman.running[{"model-library", trial_name(tiny)}] = {};
  bool recorded = false;
  test.on_event = [&](const Node& event) {
    if (event.find("progress") != nullptr && event.text_at({"progress"}) == "applying")
      recorded = test.store->get("model-library", trial_name(tiny)).has_value();
  };
  test.run();
  CHECK(has(test.told, "removing the old " + trial_name(tiny)));
  CHECK(recorded);
  CHECK(test.nothing_left());
}

TEST_CASE("what killed benchmarks left goes, and nothing else") {
  Test test;
  test.store->put(left("benchmark-other", "benchmark"), {});
  test.store->put(left("benchmark-of-ann", "ann"), {});
  test.store->put(left("demo", "benchmark"), {});
  test.store->put(left("benchmark-alive", "benchmark"), {});
  for (const char* name : {"benchmark-other", "benchmark-of-ann", "demo", "benchmark-alive"})
    test.podman.running[{"model-library", name}] = {};
  const auto alive = hold_trial(test.world, {"model-library", "benchmark-alive"});
  std::string told;
  remove_leftovers(test.world, test.ann, {}, [&](const std::string& line) { told += line; });
  CHECK(told == "removed `benchmark-other`, which a benchmark left that did not end well");
  CHECK(test.store->list().size() == 3);
  CHECK(test.podman.running.size() == 3);
  CHECK(test.kept.tidied == 1);
}

TEST_CASE("a target that does not answer keeps the record for the next start") {
  Test test;
  test.store->put(left("benchmark-other", "benchmark"), {});
  test.world.targets.clear();
  std::string told;
  remove_leftovers(test.world, test.ann, {}, [&](const std::string& line) { told += line; });
  CHECK(has(told, "`benchmark-other`, which a benchmark left, cannot be removed now"));
  CHECK(test.store->list().size() == 1);
}

TEST_CASE("one that fails is kept with its cause, told, and removed") {
  Test test;
  targets::Status failed;
  failed.phase = targets::Phase::failed;
  failed.cause = "out of memory";
  failed.hint = "give it more";
  test.podman.statuses = {failed};
  const Problem problem = failure([&] { test.run(); });
  CHECK(problem.kind() == Kind::failed);
  CHECK(has(problem.message(), "out of memory"));
  CHECK(has(problem.hint(), "give it more; kept as"));
  CHECK(test.nothing_left());
  REQUIRE(test.kept.saved.size() == 1);
  CHECK(test.kept.saved[0].spec.results.text_at({"verdict"}) == "failed");
  CHECK(test.kept.saved[0].spec.results.find("ttft_p50") == nullptr);
}

TEST_CASE("one that is interrupted leaves nothing") {
  for (const char* when : {"applying", "measuring "}) {
    Test test;
    test.on_event = [&](const Node& event) {
      if (has(event.text_at({"progress"}), when)) test.cancel.ask();
    };
    CHECK(failure([&] { test.run(); }).kind() == Kind::cancelled);
    CHECK(test.nothing_left());
    CHECK(test.kept.saved.empty());
  }
}

TEST_CASE("nothing is deployed where nothing can be kept, or another one runs") {
  Test test;
  test.kept.readonly = true;
  CHECK(failure([&] { test.run(); }).kind() == Kind::unavailable);
  test.kept.readonly = false;
  {
    const auto other = hold_trial(test.world, {"model-library", trial_name(tiny)});
    CHECK(failure([&] { test.run(); }).kind() == Kind::conflict);
  }
  test.arguments.sweep = {"threds=1,2"};
  CHECK(has(failure([&] { test.run(); }).hint(), "threads"));
  test.arguments.sweep = {"API_key=1,2"};
  CHECK(failure([&] { test.run(); }).kind() == Kind::usage);
  CHECK(test.podman.observed == 0);
}

TEST_CASE("a sweep keeps each point, failures too, and repeats only those") {
  Test test;
  test.arguments.sweep = {"parallel=1,0,2"};
  test.run();
  CHECK(test.nothing_left());
  REQUIRE(test.kept.saved.size() == 3);
  CHECK(test.kept.saved[1].spec.results.text_at({"verdict"}) == "failed");
  CHECK(test.result.items().size() == 3);
  CHECK(has(test.text, "parallel=2: TTFT p50"));
  CHECK(has(test.text, "parallel=0: failed: "));
  const auto asked = test.stub.requests();
  test.arguments.sweep = {"parallel=1,0,2,3"};
  test.run();
  CHECK(test.kept.saved.size() == 5);
  CHECK(test.stub.requests() - asked == 6);  // one warm-up, five that count
  CHECK(has(test.told, "[1/4] parallel=1: measured already"));
  CHECK(has(test.told, "[2/4] parallel=0: failed: "));
  CHECK(has(test.told, "[3/4] parallel=2: measured already"));
  test.arguments.load.seed = 2;
  test.arguments.sweep = {"parallel=1"};
  test.run();
  CHECK(test.kept.saved.size() == 6);
  test.arguments.again = true;
  test.run();
  CHECK(test.kept.saved.size() == 7);
}

TEST_CASE("a sweep has the forms that several results have together, and says which before it deploys") {
  Test test;
  test.arguments.sweep = {"parallel=1,0"};
  Node forms, outputs;
  test.on_event = [&](const Node& event) {
    if (const Node* found = event.find("forms")) forms = *found;
    if (const Node* found = event.find("outputs")) {
      outputs = *found;
      CHECK(test.told.empty());
    }
  };
  test.run();
  REQUIRE(outputs.is_list());
  CHECK(outputs.items().size() == 2);
  const std::string csv = forms.text_at({"csv"});
  CHECK(csv.starts_with("id,when,validity,ended,"));
  CHECK(csv.find("id,when", 1) == std::string::npos);
  CHECK(has(csv, ",complete,ttft,ms,5,"));
  CHECK(has(csv, ",invalid,failed,,,"));
  CHECK(has(forms.text_at({"markdown"}), "# Benchmark "));
  CHECK(forms.find("html") == nullptr);
}

TEST_CASE("a sweep goes on after what belongs to a point, and ends with what does not") {
  for (const Kind kind : {Kind::unsupported, Kind::not_found, Kind::failed, Kind::timeout}) {
    Test test;
    test.arguments.sweep = {"parallel=1,2"};
    test.podman.apply_fails = Problem(kind, "not that one");
    test.run();
    CHECK(test.kept.saved.size() == 2);
    CHECK(has(test.text, "parallel=2: failed: not that one"));
  }
  for (const Kind kind : {Kind::unavailable, Kind::conflict, Kind::unauthorized}) {
    Test test;
    test.arguments.sweep = {"parallel=1,2"};
    test.podman.apply_fails = Problem(kind, "not now");
    CHECK(failure([&] { test.run(); }).kind() == kind);
    CHECK(test.kept.saved.empty());
  }
}

TEST_CASE("an engine that came up and does not answer is a failed point, its target is not") {
  /// Refuses every call.
  class Silent final : public net::Client {
   public:
    net::Answer call(const net::Call&, const Cancel*) override {
      throw Problem(Kind::unavailable, "connection refused");
    }
    net::Answer stream(const net::Call& one, const net::BodySink&, const Cancel* cancel) override {
      return call(one, cancel);
    }
  };
  Test test;
  Silent http;
  test.world.http = &http;
  test.arguments.sweep = {"parallel=1"};
  test.run();
  REQUIRE(test.kept.saved.size() == 1);
  CHECK(test.kept.saved[0].spec.results.text_at({"verdict"}) == "failed");
  CHECK(test.nothing_left());
}

TEST_CASE("a result is kept when the target does not tell afterwards what runs") {
  Test test;
  test.on_event = [&](const Node& event) {
    if (event.find("live") != nullptr) test.podman.running_fails = Problem(Kind::unavailable, "gone away");
  };
  test.run();
  REQUIRE(test.kept.saved.size() == 1);
  const loadgen::Result kept = loadgen::result_from(test.kept.saved[0].spec.run);
  CHECK(kept.counts.good == 5);
  CHECK(kept.verdict.validity == "suspect");
  CHECK(kept.verdict.reasons.back() ==
        "whether its containers were started anew during the run is not known: gone away");
}

TEST_CASE("a card keeps at most a thousand single requests, each with its instant") {
  loadgen::Result result = loadgen::made_result();
  loadgen::SamplesText& samples = result.samples.emplace();
  for (int i = 0; i < 2500; ++i) {
    samples.at.push_back(i);
    samples.ttft.push_back(i + 0.25);
    samples.e2e.push_back(i + 0.5);
  }
  const loadgen::Result back = loadgen::result_from(card_of(result).spec.run);
  const loadgen::SamplesText& kept = back.samples.value();
  CHECK(kept.every == 3);
  REQUIRE(kept.at.size() == 834);
  REQUIRE(kept.ttft.size() == 834);
  REQUIRE(kept.e2e.size() == 834);
  for (std::size_t i = 0; i < kept.at.size(); ++i) {
    CHECK(kept.ttft[i] == kept.at[i] + 0.25);
    CHECK(kept.e2e[i] == kept.at[i] + 0.5);
  }
}

TEST_CASE("repeat does the same again") {
  Test test;
  test.arguments.set = {{"threads", Node(2)}};
  test.arguments.load.seed = 7;
  test.run();
  test.repeat(test.kept.saved[0].metadata.name);
  REQUIRE(test.kept.saved.size() == 2);
  CHECK(test.nothing_left());
  const loadgen::Result first = loadgen::result_from(test.kept.saved[0].spec.run);
  const cards::Template& card = test.shelf.library()->get_template(tiny);
  REQUIRE(done_already(card, first) != nullptr);
  CHECK(schema::encode(loadgen::result_from(test.kept.saved[1].spec.run).load) == schema::encode(first.load));
  CHECK(schema::encode(loadgen::result_from(test.kept.saved[1].spec.run).subject.values) ==
        schema::encode(first.subject.values));
  CHECK(failure([&] { test.repeat("b2026"); }).kind() == Kind::not_found);
}

TEST_CASE("kept results are compared by their identity, with another or with a file") {
  Test test;
  test.run();
  const std::string id = test.kept.saved.at(0).metadata.name;
  BenchCompareArguments arguments;
  arguments.id = {id};
  arguments.files = {{"after.json", schema::to_json(loadgen::to_node(loadgen::made_result()))}};
  const Response mixed = bench_compare(test.world, test.ann, arguments);
  CHECK(mixed.value.text_at({"a"}) == id);
  CHECK(mixed.value.text_at({"b"}) == loadgen::made_result().id);
  arguments.files.clear();
  CHECK(failure([&] { bench_compare(test.world, test.ann, arguments); }).message() ==
        "bench compare takes two results, not 1");
  arguments.id = {id, "b2026"};
  CHECK(failure([&] { bench_compare(test.world, test.ann, arguments); }).kind() == Kind::not_found);
}

TEST_CASE("containers that were started anew are counted") {
  const targets::Running one{"engine", "x", "", {}, "n", 0, 0, "10:00", 0};
  targets::Running other = one;
  other.started = "10:01";
  CHECK(restarts_between({one}, {one}) == 0);
  CHECK(restarts_between({one}, {other}) == 1);
  CHECK(restarts_between({one}, {}) == 1);
}

TEST_CASE("a long template's deployment has a name of its own") {
  const std::string a = trial_name(std::string(60, 'a') + "b"), b = trial_name(std::string(60, 'a') + "c");
  CHECK(a.size() == 50);
  CHECK(a != b);
  CHECK(trial_name("t") == "benchmark-t");
}

TEST_CASE("inside the cluster a Job measures, and its log holds the result") {
  Test test;
  test.arguments.where.target = "kubernetes";
  test.arguments.in_cluster = "registry/mlib:1";
  test.arguments.api_key = "canary-of-the-key";
  targets::Status ready = test.podman.statuses.front();
  ready.forward = "kubectl port-forward";  // nobody needs to reach it from here
  test.kubernetes.statuses = {ready};
  test.kubernetes.log = {"measuring http://x", "{not this}"};
  const std::string json = schema::to_json(loadgen::to_node(loadgen::made_result()), 2);
  for (const std::string& line : split(json, '\n')) test.kubernetes.log.push_back(line);
  std::vector<Node> objects;
  test.on_event = [&](const Node& event) {
    if (has(event.text_at({"progress"}), "measuring inside the cluster"))
      objects = test.kubernetes.running[{"model-library", client_name(trial_name(tiny))}];
  };
  test.run();
  CHECK(test.store->list().empty());
  CHECK(test.kubernetes.running.empty());
  REQUIRE(test.kept.saved.size() == 1);
  const loadgen::Result kept = loadgen::result_from(test.kept.saved[0].spec.run);
  CHECK(kept.client.position == "in-cluster");
  CHECK(kept.subject.template_name == tiny);
  CHECK(kept.subject.url == "http://benchmark-tiny-llama-test.model-library.svc:8080");
  std::string all;
  for (const Node& each : objects) {
    if (each.text_at({"kind"}) != "Secret") all += schema::to_json(each);
    if (each.text_at({"kind"}) == "Job")
      CHECK(each.text_at({"spec", "template", "metadata", "labels", "app.kubernetes.io/instance"}) ==
            client_name(trial_name(tiny)));
  }
  CHECK(has(all, "--api-key-file"));
  CHECK(has(all, "plan.json"));
  CHECK_FALSE(has(all, "canary"));
}

TEST_CASE("what only the one who deploys knows is added to a result from inside the cluster") {
  loadgen::Setting setting = loadgen::made_setting();
  loadgen::Result result = loadgen::made_result();
  std::erase_if(result.metrics, [](const auto& each) { return each.first.starts_with("cost_"); });
  result.price.reset();
  setting.known.step_bytes = 16e9;
  setting.known.bandwidth = 1000e9;
  loadgen::add_known(result, setting);
  CHECK(result.price->per_hour == 0.36);
  REQUIRE(result.metrics.back().first == "cost_per_million_output_tokens");
  CHECK(result.metrics.back().second.value.value() == doctest::Approx(0.30367).epsilon(0.001));
  CHECK(result.metrics.back().second.unit == "EUR");
  CHECK(result.verdict.validity == "invalid");
  CHECK(has(result.verdict.reasons.front(), "the hardware has 1e+03 GB/s"));
  const std::size_t metrics = result.metrics.size();
  loadgen::add_known(result, setting);
  CHECK(result.metrics.size() == metrics);
}

TEST_CASE("texts of one's own are refused before anything is deployed for a client inside the cluster") {
  Test test;
  test.arguments.where.target = "kubernetes";
  test.arguments.in_cluster = "registry/mlib:1";
  test.arguments.load.prompts = "\"mine\"";
  const Problem refused = failure([&] { test.run(); });
  CHECK(refused.kind() == Kind::usage);
  CHECK(has(refused.message(), "are not carried into the cluster"));
  CHECK(test.kubernetes.observed == 0);
}

TEST_CASE("a client that cannot measure is told with what it said or waits for") {
  Test test;
  test.arguments.where.target = "kubernetes";
  test.arguments.in_cluster = "registry/mlib:1";
  test.kubernetes.statuses = test.podman.statuses;
  test.kubernetes.log = {"error: nobody answers", "  hint: is it there?"};
  const Problem said = failure([&] { test.run(); });
  CHECK(has(said.message(), "the client in the cluster failed: nobody answers"));
  CHECK(test.kubernetes.running.empty());
  test.kubernetes.log = {};
  CHECK(failure([&] { test.run(); }).kind() == Kind::timeout);
  test.arguments.where.target = "podman";
  CHECK(failure([&] { test.run(); }).kind() == Kind::usage);
}

TEST_CASE("a result is found in a log") {
  CHECK(json_of_log({"a", "{", "  \"x\": 1", "}", "b"}) == "{\n  \"x\": 1\n}");
  CHECK(json_of_log({"{", "a"}) == "");
  CHECK(json_of_log({}) == "");
}
