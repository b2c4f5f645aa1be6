#include "loadgen/steady.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "loadgen/random.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000;
constexpr std::size_t answers = 600;

/// The time that the answer at `share` of a run takes, in milliseconds.
using Shape = std::function<double(double share)>;

/// Of that shape with skewed noise of a fifth (lognormal), the same for the same seed.
std::vector<double> series(const Shape& shape, std::uint64_t seed = 1, std::size_t count = answers) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) {
    Random random(seed, 31, i);
    values.push_back(shape(static_cast<double>(i) / static_cast<double>(count)) *
                     std::exp(0.2 * random.normal()));
  }
  return values;
}

/// Requests due each 10 ms that took so long.
std::string told(const std::vector<double>& took, bool open_loop = false) {
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < took.size(); ++i) {
    Sample sample;
    sample.index = i;
    sample.scheduled = sample.begun = sample.sent = static_cast<Instant>(i) * 10 * ms;
    sample.last = sample.end = sample.scheduled + static_cast<Instant>(took[i] * 1e6);
    samples.push_back(sample);
  }
  return unsteady(samples, open_loop);
}

double flat(double) { return 50; }

/// What a queue of one slot does with random arrivals and random work, `load` of its time.
std::vector<double> queue(double load, std::uint64_t seed, std::size_t count) {
  std::vector<double> took;
  double now = 0, free = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Random random(seed, 32, i);
    now += random.exponential();
    free = std::max(now, free) + load * random.exponential();
    took.push_back(10 * (free - now));
  }
  return took;
}

int alarms(const std::function<std::vector<double>(std::uint64_t seed)>& made) {
  int count = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) count += told(made(seed), true).empty() ? 0 : 1;
  return count;
}

}  // namespace

TEST_CASE("flat noise is steady: at most 4 false alarms of 200, of a queue at 80 % load at most 6") {
  for (const std::size_t count : {60, 200, 600, 2000}) {
    CHECK(alarms([&](std::uint64_t seed) { return series(flat, seed, count); }) <= 4);
    CHECK(alarms([&](std::uint64_t seed) {
            std::vector<double> values;
            for (std::size_t i = 0; i < count; ++i)
              values.push_back(10 + 50 * Random(seed, 33, i).exponential());
            return values;
          }) <= 4);
  }
  CHECK(alarms([](std::uint64_t seed) { return queue(0.8, seed, 1000); }) <= 6);
}

TEST_CASE("a warm-up at the beginning is told with its length, and is no drift") {
  const std::string reason = told(series([](double at) { return at < 0.1 ? 150.0 : 50.0; }));
  CHECK(
      reason.starts_with("not steady at first: the median of the 60 answers due in the first 0.6 s took 1"));
  CHECK(reason.ends_with(" ms (warm up by more requests before: --warm-up)"));
  const std::string fading = told(series([](double at) { return 50 + 150 * std::exp(-at / 0.04); }));
  CHECK(fading.starts_with("not steady at first: "));
  CHECK(warm_up_of(series([](double at) { return at < 0.1 ? 55.0 : 50.0; })) == 0);    // not worth a word
  CHECK(warm_up_of(series([](double at) { return at < 0.01 ? 500.0 : 50.0; })) == 0);  // six answers
}

TEST_CASE("a slow slope and a step in the middle are told with what they came from and went to") {
  const std::string slope = told(series([](double at) { return 50 * (1 + 0.5 * at); }));
  CHECK(slope.starts_with("not steady: the median answer took 5"));
  CHECK(slope.find(" ms in the first quarter of the run and 7") != std::string::npos);
  const std::string falling = told(series([](double at) { return 75 - 25 * at; }));
  CHECK(falling.starts_with("not steady: the median answer took 7"));
  const std::string step = told(series([](double at) { return at < 0.5 ? 50.0 : 80.0; }));
  CHECK(step.starts_with("not steady: the median answer took "));
  CHECK(told(series([](double at) { return at < 0.75 ? 50.0 : 80.0; })).starts_with("not steady: "));
  CHECK(told(series([](double at) { return 50 * (1 + 0.1 * at); })).empty());  // a tenth is no drift
}

TEST_CASE("a sawtooth of many teeth is steady, however high they are") {
  for (const double teeth : {6.0, 12.0, 30.0})
    CHECK(told(series([&](double at) { return 50 * (1 + at * teeth - std::floor(at * teeth)); })) == "");
}

TEST_CASE("an open loop whose requests pile up is overloaded; a closed one cannot be") {
  std::vector<double> took;  // 20 ms of work each 10 ms: the n-th waits for n others
  for (std::size_t i = 0; i < answers; ++i) took.push_back(20 + 10 * static_cast<double>(i));
  CHECK(
      told(took, true) ==
      "overload: 38 requests were out in the first quarter of the run and 263 in the last, and the median "
      "answer took 770.0 ms and then 5270.0 ms: more comes than the engine does, and latencies depend on how "
      "long was measured");
  CHECK(told(took, false).starts_with("not steady: the median answer took 770.0 ms in the first quarter"));
  // Answers that become slower, but as many as come: what is out grows by Little's law only.
  CHECK(told(series([](double at) { return 50 * (1 + 0.5 * at); }), true).starts_with("not steady: "));
}

TEST_CASE("too few answers say nothing") {
  CHECK_FALSE(trend_of(std::vector<double>(59, 1)));
  CHECK(warm_up_of(std::vector<double>(59, 1)) == 0);
  CHECK(told(series([](double at) { return at < 0.5 ? 50.0 : 500.0; }, 1, 59)).empty());
  CHECK(told({}).empty());
  CHECK_FALSE(trend_of(std::vector<double>(60, 1))->certain);
}
