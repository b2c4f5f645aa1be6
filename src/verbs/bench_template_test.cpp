#include "verbs/bench_template.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "net/client.hpp"
#include "verbs/bench_points.hpp"
#include "verbs/bench_testing.hpp"
#include "verbs/catalogue.hpp"
#include "verbs/made_tokenizer.hpp"

using namespace mlib;
using namespace mlib::verbs;
using Test = BenchTest;

TEST_CASE("a template is deployed, measured, its result kept, and everything removed") {
  Test test;
  test.arguments.load.requests = 8;
  test.run();
  CHECK(test.nothing_left());
  REQUIRE(test.kept.saved.size() == 1);
  const cards::FoundBenchmark found =
      cards::get_benchmark(*test.shelf.library(), test.kept.saved[0].metadata.name);
  CHECK(found.measured->metadata.name == tiny);
  CHECK(cards::verdict_of(*found.benchmark) == "suspect");  // eight requests are few
  CHECK(found.benchmark->results.find("ttft_p50")->number() >= 1);
  CHECK(found.benchmark->results.find("ttft_p99") == nullptr);
  CHECK(has(cards::headline(*found.benchmark), "TTFT p50"));
  const loadgen::Result kept = result_of(*found.benchmark);
  CHECK(kept.counts.good == 8);
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

TEST_CASE("single requests are written to a file, which a run that is refused leaves as it was") {
  Test test;
  const Folder folder;
  test.arguments.records = folder.write("requests.jsonl", "another's\n");
  const auto text = [&] {
    std::ifstream file(test.arguments.records);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  test.arguments.load.slo = "soon";
  CHECK(has(failure([&] { test.run(); }).message(), "--slo"));
  test.arguments.load.slo.clear();
  {
    const auto other = hold_trial(test.world, {"model-library", trial_name(tiny)});
    CHECK(failure([&] { test.run(); }).kind() == Kind::conflict);
  }
  CHECK(text() == "another's\n");
  test.run();
  const std::string lines = text();
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 5);
  CHECK(has(lines, test.kept.saved.at(0).metadata.name));
  test.arguments.records = folder.path + "/none/requests.jsonl";
  CHECK(has(failure([&] { test.run(); }).message(), "records cannot be written there"));
  CHECK(test.nothing_left());
}

TEST_CASE("a sweep keeps each point, failures too, and repeats only those") {
  Test test;
  test.fail_at("parallel=7");
  test.arguments.sweep = {"parallel=1,7,2"};
  test.run();
  CHECK(test.nothing_left());
  REQUIRE(test.kept.saved.size() == 3);
  CHECK(test.kept.saved[1].spec.results.text_at({"verdict"}) == "failed");
  CHECK(test.result.items().size() == 3);
  CHECK(has(test.text, "parallel=2: TTFT "));
  CHECK(has(test.text, "parallel=7: failed: no room"));
  const auto asked = test.stub.requests();
  test.arguments.sweep = {"parallel=1,7,2,3"};
  test.run();
  CHECK(test.kept.saved.size() == 4);        // what failed again is in the place of what failed before
  CHECK(test.stub.requests() - asked == 6);  // one warm-up, five that count
  CHECK(has(test.told, "[1/4] parallel=1: measured already"));
  CHECK(has(test.told, "[2/4] parallel=7: failed: "));
  CHECK(has(test.told, "[3/4] parallel=2: measured already"));
  test.arguments.load.seed = 2;
  test.arguments.sweep = {"parallel=1"};
  test.run();
  CHECK(test.kept.saved.size() == 5);
  test.arguments.again = true;
  test.run();
  CHECK(test.kept.saved.size() == 6);
}

TEST_CASE("a sweep has the forms that several results have together, and says which before it deploys") {
  Test test;
  test.fail_at("parallel=7");
  test.arguments.sweep = {"parallel=1,7"};
  Node forms, outputs;
  test.on_event = [&, fail = test.on_event](const Node& event) {
    fail(event);
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
  CHECK(csv.starts_with("id,when,validity,reasons,ended,"));
  CHECK(csv.find("id,when", 1) == std::string::npos);
  CHECK(has(csv, ",complete,ttft,ms,5,"));
  CHECK(has(csv, ",invalid,nothing was measured: "));
  CHECK(has(csv, ",failed,,,"));
  CHECK(has(forms.text_at({"markdown"}), "# Benchmark "));
  CHECK(forms.find("html") == nullptr);
}

TEST_CASE("a value that a parameter never takes is refused before anything is deployed or kept") {
  Test test;
  test.arguments.sweep = {"threads=a"};
  const Problem text = failure([&] { test.run(); });
  CHECK(text.kind() == Kind::usage);
  CHECK(text.message() == "--sweep: `threads`: expected an integer, got string \"a\"");
  CHECK(text.hint() == "Threads of one answer");
  test.arguments.sweep = {"parallel=1,0"};
  CHECK(failure([&] { test.run(); }).message() ==
        "--sweep: `parallel`: 0 is out of range: it must be at least 1");
  test.arguments.sweep = {"parallel=1"};
  test.arguments.set = {{"threads", Node("a")}};
  CHECK(has(failure([&] { test.run(); }).message(), "--set: `threads`: expected an integer"));
  CHECK(test.kept.saved.empty());
  CHECK(test.podman.observed == 0);
}

TEST_CASE("a point that the cards refuse is kept with what refused it") {
  Test test;
  test.arguments.sweep = {"extra_args=[--no-such-flag]"};
  test.run();
  REQUIRE(test.kept.saved.size() == 1);
  const std::string cause = loadgen::result_from(test.kept.saved[0].spec.run).cause;
  CHECK(has(cause, "framework llama-cpp-server cannot be rendered with these values: `extra_args`: "));
  CHECK(has(cause, "has no flag `--no-such-flag`"));
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

TEST_CASE("kept results are listed, of all templates or of one") {
  Test test;
  test.run();
  const std::string id = test.kept.saved.at(0).metadata.name;
  for (const char* only : {"", tiny}) {
    const Response all = get_benchmarks(test.world, test.ann, {only});
    REQUIRE(all.value.items().size() == 1);
    CHECK(all.value.items()[0].text_at({"id"}) == id);
    CHECK(all.value.items()[0].text_at({"template"}) == tiny);
    CHECK(all.value.items()[0].text_at({"results", "verdict"}) == "suspect");
    CHECK(all.value.items()[0].find("run") == nullptr);
    CHECK(has(all.table->rows.at(0).at(2), "TTFT "));
  }
  CHECK(failure([&] { get_benchmarks(test.world, test.ann, {"tiny-lama-test"}); }).kind() == Kind::not_found);
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
