#include "verbs/bench_facts.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "verbs/bench_testing.hpp"

using namespace mlib;
using namespace mlib::verbs;
using Test = BenchTest;

namespace {

using targets::Capacity;
using targets::Running;

/// An engine's container on that machine, which has worked for so many core-seconds and uses so many cores.
Running engine(const std::string& machine, std::optional<double> worked = {},
               std::optional<double> used = {}) {
  Running made;
  made.container = "engine";
  made.machine = machine;
  made.started = "10:00";
  made.worked = worked;
  made.used = used;
  return made;
}

/// A machine of eight cores.
Capacity eight(const std::string& name, double requested = 0, std::optional<double> used = {},
               std::optional<double> worked = {}) {
  Capacity made;
  made.name = name;
  made.cpus = {8, requested, used};
  made.memory.has = 64e9;
  made.worked = worked;
  return made;
}

Look look(std::vector<Capacity> machines, std::vector<Running> ours, int second, double client = 0) {
  Look made;
  made.machines = std::move(machines);
  made.ours = std::move(ours);
  made.when += std::chrono::seconds(second);
  made.client = client;
  return made;
}

cards::HardwareSpec with_gpus(int count, const std::string& product,
                              const std::string& resource = "nvidia.com/gpu") {
  cards::HardwareSpec card;
  card.gpu.emplace();
  card.gpu->count = count;
  card.gpu->product = product;
  card.gpu->resource = resource;
  return card;
}

Capacity with(const std::string& resource, const std::string& product, double has) {
  Capacity made = eight("n");
  made.gpus = {{product, resource, {has}}};
  return made;
}

}  // namespace

TEST_CASE("a node that others use or have been promised before the run makes it suspect") {
  const auto other = [](const Capacity& machine) {
    loadgen::Setting setting;
    add_running(setting, {engine("n")}, {machine});
    return setting.known.other_load;
  };
  CHECK(other(eight("n", 4, 1.5)) == "");
  CHECK(other(eight("n", 0, 1.7)) == "1.7 of 8 cores of n were in use before");
  CHECK(other(eight("n", 9)) == "9 of 8 cores of n are promised to others");
  CHECK(other(eight("n", 0, 8, 100)) == "");  // the whole run is told afterwards
}

TEST_CASE("what others worked while it was measured is what is neither the engine's nor the client's") {
  const Look before = look({eight("here", 0, 0, 100)}, {engine("", 10)}, 0, 1);
  // In ten seconds 70 core-seconds, of which the engine worked 40 and the client 9.
  const auto after = [&](double all) {
    return others_between(before, look({eight("here", 0, 0, all)}, {engine("", 50)}, 10, 10), 0);
  };
  CHECK(after(170) == "2.1 of 8 cores of here were in use by others during the run");
  CHECK(after(164.5) == "");  // 1.55 cores are less than a fifth
  // Where podman does not tell what a container worked nothing is concluded.
  CHECK(others_between(before, look({eight("here", 0, 0, 170)}, {engine("")}, 10, 10), 0) == "");
}

TEST_CASE("a node's use at the end of a run is held against that of its pods there") {
  const Look before = look({eight("a"), eight("b")}, {engine("a"), engine("b")}, 0);
  const auto after = [&](double used_of_b, std::optional<double> ours, double client = 0) {
    return others_between(
        before,
        look({eight("a", 0, 4), eight("b", 0, used_of_b)}, {engine("a", {}, 4), engine("b", {}, ours)}, 10),
        client);
  };
  CHECK(after(5, 3) == "2.0 of 8 cores of b were in use by others at its end");
  CHECK(after(5, 3.5) == "");
  CHECK(after(5, 3, 0.5) == "");  // the client's, which ran there
  CHECK(after(5, {}) == "");      // whose use it is nobody knows
}

TEST_CASE("what was promised to others since it began is told where nobody measures") {
  const Look before = look({eight("a", 4)}, {engine("a")}, 0);
  const auto after = [&](double requested) {
    return others_between(before, look({eight("a", requested)}, {engine("a")}, 10), 0);
  };
  CHECK(after(4) == "");
  CHECK(after(2) == "");
  CHECK(after(5) == "");
  CHECK(after(6) == "2 of 8 cores of a were promised to others during the run");
  CHECK(others_between(look({eight("a", 7.5)}, {engine("a")}, 0), look({eight("a", 8.5)}, {engine("a")}, 10),
                       0) == "1 of 8 cores of a were promised to others during the run");
  CHECK(others_between(before, look({eight("c", 8)}, {engine("a")}, 10), 0) == "");
}

TEST_CASE("a load that begins in the middle of a run makes it suspect") {
  Test test;
  test.podman.machines = {eight("here", 0, 0.1, 0)};
  test.podman.containers = {engine("", 0)};
  test.on_event = [&](const Node& event) {
    if (!has(event.text_at({"progress"}), "measuring ")) return;
    test.clock.sleep(std::chrono::seconds{10});  // as long as it is measured
    test.podman.machines = {eight("here", 0, 6, 1e6)};
  };
  test.run();
  REQUIRE(test.kept.saved.size() == 1);
  const loadgen::Result kept = loadgen::result_from(test.kept.saved[0].spec.run);
  CHECK(kept.verdict.validity == "suspect");
  CHECK(has(kept.verdict.reasons.back(), "something else ran there: "));
  CHECK(has(kept.verdict.reasons.back(), " cores of here were in use by others during the run"));
  CHECK(kept.counts.good == 5);
  test.podman.machines = {eight("here", 0, 0.1, 1e6)};
  test.on_event = {};
  test.arguments.load.seed = 2;
  test.run();
  for (const std::string& reason : loadgen::result_from(test.kept.saved[1].spec.run).verdict.reasons)
    CHECK_FALSE(has(reason, "something else"));
}

TEST_CASE("a node's GPUs are held against the hardware card's") {
  const auto off = [](const cards::HardwareSpec& card, const Capacity& machine) {
    const std::vector<std::string> all = off_card(card, {engine("n")}, {machine});
    return all.empty() ? "" : all.front();
  };
  const cards::HardwareSpec h100 = with_gpus(2, "H100 SXM5 80GB");
  CHECK(off(h100, with("nvidia.com/gpu", "NVIDIA-H100-80GB-HBM3", 8)) == "");
  CHECK(off(h100, with("nvidia.com/gpu", "nvidia-h100-80gb", 2)) == "");
  CHECK(off(h100, with("nvidia.com/gpu", "", 2)) == "");
  CHECK(off(h100, with("nvidia.com/gpu", "NVIDIA-H200", 8)) ==
        "the hardware card says 2 x H100 SXM5 80GB, n has NVIDIA-H200");
  CHECK(off(h100, with("nvidia.com/gpu", "NVIDIA-H100-80GB-HBM3", 1)) ==
        "the hardware card says 2 x H100 SXM5 80GB, n has 1 nvidia.com/gpu");
  CHECK(off(h100, with("amd.com/gpu", "AMD_Instinct_MI300X_OAM", 8)) ==
        "the hardware card says 2 x H100 SXM5 80GB, n has 0 nvidia.com/gpu");
  CHECK(off(with_gpus(8, "Instinct MI300X", "amd.com/gpu"),
            with("amd.com/gpu", "AMD_Instinct_MI300X_OAM", 8)) == "");
  CHECK(off(with_gpus(1, "L40"), with("nvidia.com/gpu", "NVIDIA-L40S", 1)) ==
        "the hardware card says 1 x L40, n has NVIDIA-L40S");
  CHECK(off(with_gpus(1, ""), with("nvidia.com/gpu", "Tesla-T4", 1)) == "");
  CHECK(off(with_gpus(1, "Cloud TPU v5e (chip)", "google.com/tpu"),
            with("google.com/tpu", "tpu-v5-lite", 1)) == "");
  CHECK(off_card(h100, {engine("")}, {eight("here")}).empty());  // podman tells of no GPUs
}

TEST_CASE("each machine that a deployment runs on is held against the card") {
  cards::HardwareSpec card;
  card.cpus = 16;
  CHECK(off_card(card, {engine("a"), engine("b"), engine("b")}, {eight("a"), eight("b"), eight("c")}) ==
        std::vector<std::string>{"the hardware card says 16 cores, a has 8",
                                 "the hardware card says 16 cores, b has 8"});
}

TEST_CASE("every figure that a result is kept with may be asked for before anybody measured it") {
  loadgen::Result result = loadgen::made_result();
  loadgen::Measured price;
  price.value = 1;
  result.metrics.emplace_back("cost_per_million_prompt_tokens", price);
  const cards::BenchmarkCard card = card_of(result);
  const std::vector<std::string>& known = cards::figure_names();
  int figures = 0;
  for (const schema::Entry& each : card.spec.results.entries()) {
    if (!each.value.is_number()) continue;
    CHECK_MESSAGE(std::find(known.begin(), known.end(), each.key) != known.end(), each.key);
    ++figures;
  }
  CHECK(figures > 20);
}

TEST_CASE("the labels of the shipped cards' own node selectors name their product") {
  const ScriptedWorld w;
  int checked = 0;
  for (const cards::Hardware& each : w.shelf.library()->hardware) {
    if (!each.spec.gpu) continue;
    for (const auto& [label, product] : each.spec.node_selector) {
      if (label != "nvidia.com/gpu.product") continue;
      Capacity node = with(each.spec.gpu->resource, product, each.spec.gpu->count);
      node.cpus.has = node.memory.has = 0;
      const std::vector<std::string> off = off_card(each.spec, {engine("n")}, {node});
      CHECK_MESSAGE(off.empty(), each.metadata.name);
      ++checked;
    }
  }
  CHECK(checked > 20);
}
