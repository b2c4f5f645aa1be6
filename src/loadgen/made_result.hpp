#pragma once
#include "loadgen/random.hpp"
#include "loadgen/result.hpp"

/// A result whose figures are made, the same each time, for tests of what is made of it.
namespace mlib::loadgen {

inline Plan made_plan() {
  Plan plan;
  plan.endpoint.url = "http://engine.example:8080";
  plan.path = "/base/v1/chat/completions";
  plan.asking.model = "gemma-3-270m";
  plan.workload.prompt = {Length::Kind::lognormal, 256, 64};
  plan.workload.output.mean = 33;
  plan.workload.ignore_end = true;
  plan.arrivals = {.kind = Arrivals::Kind::gamma, .rate = 10, .burstiness = 0.5};
  plan.stop.duration = 20 * second;
  plan.timeout = 90 * second;
  plan.seed = 42;
  plan.objective = objective_of("ttft_p95=500ms,tpot_p95=50ms");
  return plan;
}

/// 200 good answers of 33 tokens, first after 50 to 150 ms, then each 9 to 11 ms, and five failures.
inline Outcome made_outcome(const Plan& plan) {
  Outcome outcome;
  Histogram gaps;
  for (std::uint64_t index = 0; index < 205; ++index) {
    Random random(plan.seed, 9, index);
    Sample sample;
    sample.index = index;
    sample.scheduled = static_cast<Instant>(index) * 97'000'000;
    sample.begun = sample.sent = sample.scheduled + 20'000 + static_cast<Instant>(random.below(30'000));
    sample.reused = true;
    if (index % 41 == 40) {
      sample.end = sample.sent + 5'000'000;
      sample.status = 503;
      sample.error = "HTTP 503: the queue is full";
      outcome.samples.push_back(sample);
      continue;
    }
    sample.status = 200;
    sample.streamed = sample.usage = true;
    sample.tokens = sample.events = sample.asked_tokens = 33;
    sample.prompt_tokens = 256;
    sample.cached_tokens = 0;
    sample.first = sample.first_output =
        sample.sent + 50'000'000 + static_cast<Instant>(random.below(100'000'000));
    sample.head = sample.first;
    Instant at = sample.first;
    for (int i = 1; i < 33; ++i) {
      const auto gap = 9'000'000 + static_cast<Instant>(random.below(2'000'000));
      gaps.add(gap);
      sample.longest_gap = std::max(sample.longest_gap, gap);
      at += gap;
    }
    sample.last = sample.end = at;
    sample.finish = "length";
    outcome.samples.push_back(sample);
  }
  outcome.client.ended = 20 * second + 200'000'000;
  outcome.client.cpu_seconds = 0.4;
  outcome.client.connections = 9;
  outcome.client.reads = 6600;
  outcome.client.most_in_flight = 9;
  outcome.schedule = std::string(64, 'a');
  outcome.engine_tokens_per_second = 99.5;
  outcome.metrics = measure(outcome.samples, gaps, 20 * second, plan.objective);
  outcome.verdict = judge(outcome.metrics, outcome.samples, outcome.client, {});
  return outcome;
}

inline Setting made_setting() {
  Setting setting;
  setting.id = "20261128T120000Z-abc123";
  setting.when = std::chrono::system_clock::from_time_t(1'795'867'200);
  setting.subject.template_name = "gemma-3-270m-cpu";
  setting.subject.hardware = "cpu-small";
  setting.subject.revisions = {{"model", "1f2e3d"}, {"template", "4c5b6a"}};
  setting.subject.engine = "llama.cpp";
  setting.subject.engine_version = "b4000";
  setting.subject.engine_flags = {"--threads", "4"};
  setting.subject.image = "ghcr.io/ggml-org/llama.cpp:server";
  setting.subject.image_digest = "sha256:0123";
  setting.subject.hardware_seen = {{"cpu", "Some Processor"}, {"cores", "4"}};
  setting.price = PriceText{0.36, "EUR", "given"};
  return setting;
}

inline Result made_result() {
  const Plan plan = made_plan();
  Result result = result_of(plan, made_outcome(plan), made_setting());
  result.client.version = "0.0.0";
  result.client.cpu = "Test Processor";
  result.client.kernel = "Linux 6";
  result.client.cores = 2;
  return result;
}

}  // namespace mlib::loadgen
