// Ways in which load generators are known to have been wrong, each with the tool it was seen in: the figure
// as that tool comes to it is wrong on the same engine (or the same samples), ours is right. These are of
// when is asked, and of what is counted; known_stream_bugs_test.cpp has those of how an answer is read.
#include <doctest/doctest.h>

#include <cmath>

#include "loadgen/known_bugs.hpp"
#include "loadgen/random.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

double variation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size())) / mean;
}

/// Variance over mean of the counts of each second: 1 for a Poisson process.
double dispersion(const std::vector<Instant>& arrivals, std::size_t seconds) {
  std::vector<double> counts(seconds);
  for (const Instant at : arrivals)
    if (static_cast<std::size_t>(at / second) < seconds) ++counts[static_cast<std::size_t>(at / second)];
  double sum = 0;
  for (const double count : counts) sum += count;
  return variation(counts) * variation(counts) * sum / static_cast<double>(seconds);
}

}  // namespace

TEST_CASE("B1 vllm bench serve: a cap on what is out hides the queue (coordinated omission)") {
  const StubServer one({.ttft = 20 * ms, .gap = 0, .tokens = 1, .slots = 4}),
      two({.ttft = 20 * ms, .gap = 0, .tokens = 1, .slots = 4});
  const double naive = capped(one, 4, 200).metrics.e2e_service.p50;
  Plan plan = plan_for(two, 800, 200);  // four times what it can do
  plan.warm_up = 0;
  const Metrics ours = measured(plan).metrics;
  CHECK(ours.good == 200);
  CHECK(ours.e2e.p50 > 3 * naive);
}

TEST_CASE("B1' inference-perf: a client that falls behind its schedule reports the time since it sent") {
  std::vector<Sample> samples;
  std::vector<double> naive;
  for (int i = 0; i < 400; ++i) {
    samples.push_back(late(static_cast<std::uint64_t>(i), i * 10 * ms, i * 15 * ms, 40 * ms));
    naive.push_back(static_cast<double>(samples.back().first - samples.back().sent) / 1e6);
  }
  CHECK(middle(naive) == 40);
  const Metrics ours = measure(samples, {}, 4 * second, {});
  CHECK(ours.ttft.p50 == doctest::Approx(40 + 1000).epsilon(0.01));
  CHECK(ours.ttft_service.p50 == 40);
  const Verdict verdict = judge(ours, samples, {}, {});
  CHECK(verdict.validity == Validity::invalid);
  CHECK(verdict.reasons.at(0).starts_with("the client was late: "));
}

TEST_CASE("B1'' perf_analyzer: the clock starts when the thread gets round to it") {
  /// Takes long over one request.
  class Busy final : public Source {
   public:
    explicit Busy(Collector& inner) : inner_(inner) {}
    std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
      timespec now{};
      const auto clock = [&now] {
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * second + now.tv_nsec;
      };
      for (const Instant begin = clock(); index == 5 && clock() - begin < 100 * ms;) {
      }
      return inner_.next(index, user);
    }
    void done(Exchange&& exchange) override { inner_.done(std::move(exchange)); }

   private:
    Collector& inner_;
  };
  const StubServer server({.ttft = ms, .gap = 0, .tokens = 1});
  Collector collector(server);
  Busy busy(collector);
  Load load;
  for (int i = 0; i < 10; ++i) load.arrivals.push_back(i * 10 * ms);
  const Cancel never;
  run({server.url()}, load, busy, never);
  double naive = 0, ours = 0;
  for (const Exchange& exchange : collector.exchanges) {
    const Sample sample = decode(exchange, shipped("chat"), nullptr);
    if (sample.index != 5) continue;
    naive = static_cast<double>(sample.first - sample.sent) / 1e6;
    ours = *ttft_of(sample);
  }
  CHECK(ours > 80);
  CHECK(naive < ours - 70);
}

TEST_CASE("B4 GuideLLM: workers that all have the same seed make bursts of what should be Poisson") {
  constexpr int workers = 10, per_worker = 4000;
  std::vector<Instant> naive;
  double at = 0;
  for (int i = 0; i < per_worker; ++i) {
    const double gap = Random(42, 1, static_cast<std::uint64_t>(i)).exponential() / 100;
    for (int worker = 0; worker < workers; ++worker)  // each takes the same draw from the same place
      naive.push_back(static_cast<Instant>((at += gap) * 1e9));
  }
  const auto ours =
      schedule({.kind = Arrivals::Kind::poisson, .rate = 100}, {.requests = workers * per_worker}, 42);
  CHECK(dispersion(naive, 390) > 5);
  CHECK(dispersion(ours, 390) == doctest::Approx(1).epsilon(0.25));
}

TEST_CASE("B5 GuideLLM: a pool of 100 connections is all that the engine ever sees") {
  const StubServer one({.ttft = second / 2, .gap = 0, .tokens = 1}),
      two({.ttft = second / 2, .gap = 0, .tokens = 1});
  capped(one, 100, 150);
  CHECK(one.most_active() <= 100);
  CHECK(burst(two, 150).metrics.good == 150);
  CHECK(two.most_active() == 150);
}

TEST_CASE("B6 GuideLLM: a burst does not start together") {
  const StubServer one({.ttft = second / 2, .gap = 0, .tokens = 1}),
      two({.ttft = second / 2, .gap = 0, .tokens = 1});
  capped(one, 46, 50);
  CHECK(one.most_active() == 46);
  const Outcome ours = burst(two, 50);
  CHECK(two.most_active() == 50);
  CHECK(ours.samples.front().sent - ours.samples.front().scheduled < 100 * ms);  // nor does the first wait
}

TEST_CASE(
    "B7 inference-perf: constant arrivals that are not, Poisson whose every second has the same count, no "
    "seed") {
  const Stop stop{.requests = 5'000};
  std::vector<double> naive, ours;
  const auto constant = schedule({.kind = Arrivals::Kind::constant, .rate = 50}, stop, 1);
  for (std::size_t i = 1; i < constant.size(); ++i) {
    naive.push_back(Random(1, 1, i).exponential() / 50);
    ours.push_back(static_cast<double>(constant[i] - constant[i - 1]) / 1e9);
  }
  CHECK(variation(naive) > 0.9);
  CHECK(variation(ours) < 0.001);
  std::vector<Instant> normalised;  // 50 gaps of each second are stretched to fill it
  for (int each = 0; each < 100; ++each) {
    double sum = 0, at = 0;
    for (std::uint64_t i = 0; i <= 50; ++i)
      sum += Random(1, static_cast<std::uint64_t>(each), i).exponential();
    for (std::uint64_t i = 0; i < 50; ++i) {
      at += Random(1, static_cast<std::uint64_t>(each), i).exponential() / sum;
      normalised.push_back(each * second + static_cast<Instant>(at * 1e9));
    }
  }
  const Arrivals poisson{.kind = Arrivals::Kind::poisson, .rate = 50};
  CHECK(dispersion(normalised, 100) < 0.01);
  CHECK(dispersion(schedule(poisson, stop, 1), 95) > 0.6);
  CHECK(fingerprint(schedule(poisson, stop, 1)) == fingerprint(schedule(poisson, stop, 1)));
}

TEST_CASE("B11 AIPerf: each request has a connection of its own to make") {
  const StubRules rules{.ttft = 0, .gap = 0, .tokens = 1};
  const StubServer one(rules), two(rules);
  const Collector collector(one);
  for (int i = 0; i < 40; ++i) CHECK(handled(one, collector.request(), [] {}).size() == 1);
  CHECK(one.connections() == 40);
  const Outcome ours = capped(two, 1, 40);
  CHECK(two.connections() == 1);
  CHECK(ours.metrics.good == 40);
  CHECK(ours.metrics.connect.count == 1);  // and what it took stands apart
  CHECK(std::count_if(ours.samples.begin(), ours.samples.end(),
                      [](const Sample& sample) { return sample.reused; }) == 39);
}

TEST_CASE("B11 AIPerf: on a slow processor the engine seems twice as slow, and nobody is told") {
  /// As a client whose processor is slow: 19 ms of each 20 go into saying what to ask.
  class Slow final : public Source {
   public:
    explicit Slow(Collector& inner) : inner_(inner) {}
    std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
      work_for(19 * ms);
      return inner_.next(index, user);
    }
    void done(Exchange&& exchange) override { inner_.done(std::move(exchange)); }

   private:
    Collector& inner_;
  };
  const StubServer server({.ttft = 5 * ms, .gap = 0, .tokens = 1});
  Collector collector(server);
  Slow slow(collector);
  Load load;
  for (int i = 0; i < 100; ++i) load.arrivals.push_back((i + 1) * 20 * ms);
  const Cancel never;
  const ClientFacts client = run({server.url()}, load, slow, never);
  std::vector<Sample> samples;
  std::vector<double> naive;
  for (const Exchange& exchange : collector.exchanges) {
    samples.push_back(decode(exchange, shipped("chat"), nullptr));
    naive.push_back(static_cast<double>(samples.back().first - samples.back().sent) / 1e6);
  }
  CHECK(middle(naive) > 2 * percentile(server.truth().ttft(), 0.5));
  const Verdict verdict = judge(measure(samples, {}, 2 * second, {}), samples, client, {});
  CHECK(verdict.validity == Validity::invalid);
  CHECK(verdict.reasons.at(0).starts_with("the client "));
}

TEST_CASE("B13 aiohttp: at most 100 connections, so that what comes beyond them waits") {
  const StubRules rules{.ttft = second / 2, .gap = 0, .tokens = 1};
  const StubServer one(rules), two(rules);
  // All 150 are due at once. The naive client has 100 out, and its clocks start when each gets its turn.
  const Outcome naive = capped(one, 100, 150);
  CHECK(one.connections() == 100);
  Instant last = 0;
  for (const Sample& sample : naive.samples) last = std::max(last, sample.last);
  CHECK(last >= second);  // the last fifty waited for half a second, and then for their answer
  CHECK(naive.metrics.ttft_service.most < 990);  // which it does not tell
  const Outcome ours = burst(two, 150);
  CHECK(two.connections() == 150);
  CHECK(ours.metrics.good == 150);
  CHECK(ours.metrics.ttft.p50 >= 500);
  CHECK(ours.metrics.ttft.most < 990);
}

TEST_CASE("B17 the original: failures count as answers, and prompt tokens as output") {
  const StubServer half({.ttft = 0, .gap = 0, .tokens = 8, .error_every = 2});
  Plan plan = plan_for(half, 200, 60);
  plan.warm_up = 0;
  const Outcome outcome = measured(plan);
  std::uint64_t naive_answers = 0;
  int naive_tokens = 0;
  for (const Sample& sample : outcome.samples) {
    naive_answers += sample.status > 0 ? 1 : 0;
    naive_tokens += sample.tokens + std::max(sample.prompt_tokens, 0);
  }
  CHECK(naive_answers == 60);
  CHECK(naive_tokens == 30 * (8 + 5));
  CHECK(outcome.metrics.good == 30);
  CHECK(outcome.metrics.failed == 30);
  CHECK(outcome.metrics.output_tokens == 30 * 8);
  CHECK(outcome.verdict.validity == Validity::invalid);
  CHECK(outcome.verdict.reasons.at(0) == "30 of 60 requests failed");
}

TEST_CASE("B17 the original: no good answer divides by zero") {
  const StubServer none({.error_every = 1});
  Plan plan = plan_for(none, 200, 20);
  plan.warm_up = 0;
  const Outcome nothing = measured(plan);
  double naive = 0;
  for (const Sample& sample : nothing.samples) naive += sample.tokens;
  naive /= static_cast<double>(nothing.metrics.good);
  CHECK(std::isnan(naive));
  CHECK(nothing.metrics.tokens_per_second == 0);
  CHECK(nothing.metrics.requests_per_second == 0);
  CHECK(nothing.metrics.e2e.count == 0);
  CHECK(nothing.metrics.e2e.mean == 0);
  CHECK(nothing.verdict.validity == Validity::invalid);
}

TEST_CASE("B17 the original: it asks for the first line of each answer only") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return answer("application/json", R"({"choices":[{"message":{"content":"one\ntwo\n### three"}}]})");
  };
  const StubServer server(rules);
  const std::vector<Exchange> exchanges = exchanges_of(server, 1, 0);
  std::string ours;
  CHECK(decode(exchanges.at(0), shipped("chat"), nullptr, &ours).good());
  CHECK(ours.size() == 17);
  CHECK(ours.substr(0, std::min(ours.find('\n'), ours.find("###"))).size() == 3);  // what its engine stops at
  CHECK(server.bodies().at(0).find("stop") == std::string::npos);
}

TEST_CASE(
    "B17 the original: all 25 are asked at once, and the queue that they make is taken for the engine's") {
  const StubRules rules{.ttft = 10 * ms, .gap = 0, .tokens = 1, .slots = 1};
  const StubServer one(rules), two(rules);
  CHECK(burst(one, 25).metrics.e2e.mean >= 130);  // 10, 20, … 250 ms
  Plan plan = plan_for(two, 20, 25);
  plan.warm_up = 0;
  const Metrics ours = measured(plan).metrics;
  CHECK(ours.e2e.p50 >= 10);
  CHECK(ours.e2e.p50 < 20);
}
