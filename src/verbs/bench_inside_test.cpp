#include "verbs/bench_inside.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "verbs/bench_testing.hpp"
#include "verbs/made_tokenizer.hpp"

using namespace mlib;
using namespace mlib::verbs;
using Test = BenchTest;

namespace {

constexpr const char* texts = "{\"prompt\": \"a canary\", \"output_tokens\": 3}\n\"and another\"\n";

/// Measures by a Job whose log says that it did; gives the objects that it was made of.
std::vector<Node> inside(Test& test, const std::function<void()>& change) {
  test.arguments.where.target = "kubernetes";
  test.arguments.in_cluster = "registry/mlib:1";
  change();
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
  return objects;
}

/// The client's object of that kind whose name ends so.
Node object(const std::vector<Node>& objects, const std::string& kind, const std::string& end) {
  for (const Node& each : objects)
    if (each.text_at({"kind"}) == kind && each.text_at({"metadata", "name"}).ends_with("-client-" + end))
      return each;
  FAIL("there is no " << kind << " of that name: " << end);
  return {};
}

/// What the Job's command says behind that option; "" when it has none.
std::string option(const std::vector<Node>& objects, const std::string& flag) {
  for (const Node& each : objects) {
    if (each.text_at({"kind"}) != "Job") continue;
    const auto& words = each.at({"spec", "template", "spec", "containers", "0", "command"})->items();
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i].string() == flag) return words[i + 1].string();
  }
  return "";
}

}  // namespace

TEST_CASE("inside the cluster a Job measures, and its log holds the result") {
  Test test;
  const std::vector<Node> objects = inside(test, [&] { test.arguments.api_key = "canary-of-the-key"; });
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

TEST_CASE("requests of one's own go into the cluster as a Secret, and go with the rest") {
  Test test;
  const std::vector<Node> objects = inside(test, [&] {
    test.arguments.load.prompts = CardFile{"mine.jsonl", texts};
  });
  CHECK(option(objects, "--prompts") == "/bench/requests/requests");
  CHECK(object(objects, "Secret", "requests").text_at({"data", "requests"}) == base64(texts));
  CHECK_FALSE(has(object(objects, "ConfigMap", "plan").text_at({"data", "plan.json"}), "canary"));
  CHECK(test.kubernetes.running.empty());
  CHECK(test.store->list().empty());
  REQUIRE(test.kept.saved.size() == 1);
  CHECK_FALSE(has(schema::to_json(test.kept.saved[0].spec.run), "canary"));
}

TEST_CASE("a trace goes with the plan, and so does what a tokenizer counted") {
  Test trace;
  std::vector<Node> objects = inside(trace, [&] {
    trace.arguments.load.users.reset();
    trace.arguments.load.requests.reset();
    trace.arguments.load.prompts =
        CardFile{"trace.jsonl", "{\"timestamp\": 0, \"input_length\": 9, \"output_length\": 5}\n"};
  });
  CHECK(option(objects, "--prompts") == "");
  CHECK(has(object(objects, "ConfigMap", "plan").text_at({"data", "plan.json"}), "\"requests\""));
  const Folder folder;
  Test exact;
  objects = inside(
      exact, [&] { exact.arguments.load.tokenizer = folder.write("tokenizer.json", made_tokenizer()); });
  const loadgen::Plan plan = loadgen::plan_of(loadgen::result_from(
      schema::read_json(object(objects, "ConfigMap", "plan").text_at({"data", "plan.json"}))));
  REQUIRE(plan.workload.exact != nullptr);
  CHECK(plan.workload.exact->sha256() == sha256_hex(made_tokenizer()));
}

TEST_CASE("more requests than a Secret holds are refused before anything is deployed") {
  Test test;
  test.arguments.where.target = "kubernetes";
  test.arguments.in_cluster = "registry/mlib:1";
  test.kubernetes.statuses = test.podman.statuses;
  test.arguments.load.prompts = CardFile{"mine.jsonl", "\"" + std::string((1U << 20U) - 2, 'x') + "\""};
  CHECK(failure([&] { test.run(); }).kind() == Kind::timeout);  // the last that fits: nobody measures
  test.arguments.load.prompts->text += "\n";
  const int observed = test.kubernetes.observed;
  const Problem refused = failure([&] { test.run(); });
  CHECK(refused.kind() == Kind::too_large);
  CHECK(refused.message() ==
        "--prompts has 1048577 bytes, and a Secret, by which they go into the cluster, holds 1048576");
  CHECK(has(refused.hint(), "leave out --in-cluster"));
  CHECK(test.kubernetes.observed == observed);
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
