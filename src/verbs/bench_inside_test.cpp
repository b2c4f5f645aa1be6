#include "verbs/bench_inside.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "verbs/bench_testing.hpp"

using namespace mlib;
using namespace mlib::verbs;
using Test = BenchTest;

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
