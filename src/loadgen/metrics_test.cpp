#include "loadgen/metrics.hpp"

#include <doctest/doctest.h>

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000;

/// A streamed answer of `tokens`, due at 0, the first after 100 ms, then one each 10 ms.
Sample streamed(int tokens) {
  Sample sample;
  sample.begun = sample.sent = 0;
  sample.head = sample.first = sample.first_output = 100 * ms;
  sample.last = sample.end = sample.first + (tokens - 1) * 10 * ms;
  sample.status = 200;
  sample.streamed = sample.usage = true;
  sample.tokens = sample.events = tokens;
  return sample;
}

}  // namespace

TEST_CASE("a request that the end of the run cut off keeps the limit that it had met") {
  Sample cut = streamed(8);
  cut.unfinished = true;
  cut.error = "the run ended before its answer";
  Sample silent = cut;
  silent.first = silent.first_output = silent.last = -1;
  Sample failed = streamed(8);
  failed.error = "status 503";
  const Objective objective = objective_of("ttft_p50=150ms,tpot_p50=50ms,e2e_p50=10s");
  const Metrics metrics = measure({streamed(8), cut, silent, failed}, {}, second, objective);
  CHECK(metrics.unfinished == 2);
  CHECK(metrics.kept.at(0).good == 2);
  CHECK(metrics.kept.at(1).good == 1);
  CHECK(metrics.kept.at(2).good == 1);
  CHECK(metrics.attainment->good == 1);
  const Metrics first_only = measure({streamed(8), cut}, {}, second, objective_of("ttft_p50=150ms"));
  CHECK(first_only.attainment->good == 2);
  CHECK(first_only.goodput == 1);  // what did not end is no good request
  cut.first = 200 * ms;
  CHECK(measure({cut}, {}, second, objective_of("ttft_p50=150ms")).attainment->good == 0);
}

TEST_CASE("reasoning tokens that were counted but never sent take no time between tokens") {
  Sample sample = streamed(4);
  sample.tokens = 10;
  sample.reasoning_tokens = 6;
  CHECK(*tpot_of(sample) == 10);
  Histogram gaps;
  for (int i = 0; i < 3; ++i) gaps.add(10 * ms);
  const Metrics metrics = measure({sample}, gaps, second, objective_of("tpot_p50=15ms"));
  CHECK(metrics.output_tokens == 10);
  CHECK(metrics.tpot.p50 == 10);
  CHECK(metrics.itl);
  CHECK(metrics.kept.at(0).good == 1);
  sample.reasoning_events = 1;  // it was sent
  CHECK(*tpot_of(sample) == doctest::Approx(30.0 / 9));
  sample.reasoning_events = 0;
  sample.reasoning_tokens = 20;  // more than all
  CHECK_FALSE(tpot_of(sample));
}
