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

TEST_CASE("the first token that is no reasoning has its own time, where there was reasoning") {
  Sample thinking = streamed(8), endless = streamed(8);
  CHECK_FALSE(measure({thinking}, {}, second, {}).ttfo);
  thinking.reasoning_events = endless.reasoning_events = 3;
  thinking.first_output = 130 * ms;
  endless.first_output = -1;
  const Metrics metrics = measure({thinking, endless}, {}, second, {});
  REQUIRE(metrics.ttfo);
  CHECK(metrics.ttfo->count == 1);
  CHECK(metrics.ttfo->p50 == 130);
  CHECK(metrics.ttft.p50 == 100);
  CHECK(metrics.no_ttfo == "1 of 2 answers with reasoning ended before anything else");
}

TEST_CASE("normalised time is that of the whole answer over all of its tokens") {
  Sample sample = streamed(8);
  sample.scheduled = -30 * ms;  // it waited for the client
  CHECK(measure({sample}, {}, second, {}).ntpot.p50 == doctest::Approx((30 + 170) / 8.0));
  sample.tokens = 0;  // an embedding's
  CHECK(measure({sample}, {}, second, {}).ntpot.count == 0);
}

TEST_CASE("a stall is a gap above five times the median, of the gaps and of the answers") {
  Histogram gaps;
  std::vector<Sample> samples;
  for (int i = 0; i < 50; ++i) {
    Sample sample = streamed(8);
    for (int k = 0; k < 6; ++k) gaps.add(10 * ms);
    gaps.add(i < 5 ? 70 * ms : i < 10 ? 45 * ms : 10 * ms);
    sample.longest_gap = i < 5 ? 70 * ms : i < 10 ? 45 * ms : 10 * ms;
    samples.push_back(sample);
  }
  const Metrics metrics = measure(samples, gaps, second, {});
  const Stalls& stalls = metrics.stalls;
  CHECK(stalls.limit == doctest::Approx(50).epsilon(0.002));
  CHECK(stalls.gaps == 350);
  CHECK(stalls.stalled == 5);
  CHECK(stalls.answers.good == 5);
  CHECK(stalls.answers.of == 50);
  CHECK(stalls.answers.high == doctest::Approx(wilson(5, 50).high));
  CHECK(stalls.longest.most == 70);
  CHECK(*stalls.longest.p90 == 45);
  CHECK(metrics.icl->mean_in);
  CHECK_FALSE(metrics.icl->p50_in);  // gaps of an answer hang together
  Histogram together;
  for (int i = 0; i < 10; ++i) together.add(i < 6 ? 0 : 10 * ms);
  CHECK(measure(samples, together, second, {}).stalls.none == "half of the events came with the one before");
  CHECK(measure({}, {}, second, {}).stalls.none == "no request had a good answer");
}

TEST_CASE("chunks have their gaps where tokens have none") {
  Sample sample = streamed(4);
  sample.tokens = 16;
  Histogram gaps;
  for (int i = 0; i < 3; ++i) gaps.add(10 * ms);
  const Metrics metrics = measure({sample}, gaps, second, {});
  CHECK_FALSE(metrics.itl);
  CHECK(metrics.icl->p50 == doctest::Approx(10).epsilon(0.002));
}

TEST_CASE("who ends makes room before who begins at the same instant") {
  std::vector<Sample> samples;
  for (int i = 0; i < 4; ++i) {
    Sample sample = streamed(2);
    sample.scheduled = sample.begun = sample.sent = i * 50 * ms;
    sample.end = sample.scheduled + 100 * ms;
    samples.push_back(sample);
  }
  const Metrics metrics = measure(samples, {}, 250 * ms, {});
  CHECK(metrics.most_in_flight == 2);
  CHECK(metrics.in_flight == doctest::Approx(4 * 100 / 250.0));
  CHECK(measure({}, {}, second, {}).most_in_flight == 0);
}

TEST_CASE("goodput has Wilson's interval over what was offered, and counts what ended within the run") {
  std::vector<Sample> samples(100, streamed(8));
  for (std::size_t i = 0; i < 10; ++i) samples[i].error = "status 503";
  for (std::size_t i = 10; i < 20; ++i) samples[i].end = 11 * second;
  const Metrics metrics = measure(samples, {}, 10 * second, objective_of("ttft_p50=150ms"));
  CHECK(metrics.attainment->good == 90);
  CHECK(metrics.goodput == doctest::Approx(8));
  CHECK(metrics.goodput_in->low == doctest::Approx(10 * wilson(80, 100).low));
  CHECK(metrics.goodput_in->high == doctest::Approx(10 * wilson(80, 100).high));
}

TEST_CASE("the share of prompts that a cache answered is of those whose engine says so") {
  std::vector<Sample> samples(40, streamed(8));
  CHECK_FALSE(measure(samples, {}, second, {}).cached);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].prompt_tokens = 100;
    samples[i].cached_tokens = i % 2 == 0 ? 50 : 0;
  }
  const Metrics metrics = measure(samples, {}, second, {});
  CHECK(*metrics.cached == doctest::Approx(0.25));
  CHECK(metrics.cached_in->low == doctest::Approx(0.25));
  CHECK(metrics.cached_in->high == doctest::Approx(0.25));
}

TEST_CASE("causes that are another for each request are told as far as anybody would read them") {
  std::vector<Sample> samples(100, streamed(8));
  for (std::size_t i = 0; i < 60; ++i) samples[i].error = "status 500: request " + std::to_string(i);
  for (std::size_t i = 60; i < 70; ++i) samples[i].error = "status 429";
  samples[70].error = client_full;
  for (std::size_t i = 71; i < 100; ++i) samples[i].finish = "stop " + std::to_string(i);
  const Metrics metrics = measure(samples, {}, second, {});
  CHECK(metrics.failed == 71);
  CHECK(metrics.errors.size() == 12);
  CHECK(metrics.errors.at("status 429") == 10);
  CHECK(metrics.errors.at("status 500: request 0") == 1);
  CHECK(metrics.errors.at("others") == 60 - 9);
  CHECK(metrics.errors.at(std::string(client_full)) == 1);
  CHECK(metrics.finish_reasons.size() == 11);
  CHECK(metrics.finish_reasons.at("others") == 29 - 10);
}
