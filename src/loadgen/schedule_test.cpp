#include "loadgen/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/problem.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

std::vector<double> gaps_of(const std::vector<Instant>& all) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < all.size(); ++i) gaps.push_back(static_cast<double>(all[i] - all[i - 1]) / 1e9);
  return gaps;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double variation(const std::vector<double>& values) {
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / static_cast<double>(values.size())) / middle;
}

}  // namespace

TEST_CASE(
    "constant arrivals are evenly spaced, Poisson's have exponential gaps, gamma's are as bursty as asked") {
  const Stop stop{.requests = 20'000};
  struct Case {
    Arrivals::Kind kind;
    double burstiness, variation;
  };
  for (const auto& [kind, burstiness, expected] :
       {Case{Arrivals::Kind::constant, 1, 0}, Case{Arrivals::Kind::poisson, 1, 1},
        Case{Arrivals::Kind::gamma, 0.25, 2}, Case{Arrivals::Kind::gamma, 4, 0.5}}) {
    Arrivals arrivals{.kind = kind, .rate = 100, .burstiness = burstiness};
    const std::vector<double> gaps = gaps_of(schedule(arrivals, stop, 7));
    CHECK(mean(gaps) == doctest::Approx(0.01).epsilon(0.05));
    CHECK(variation(gaps) == doctest::Approx(expected).epsilon(0.05).scale(1));
  }
}

TEST_CASE(
    "Poisson gaps follow the exponential distribution (Kolmogorov-Smirnov), and counts have an index of "
    "dispersion of 1") {
  const std::vector<Instant> all =
      schedule({.kind = Arrivals::Kind::poisson, .rate = 50}, {.duration = 400 * second}, 3);
  std::vector<double> gaps = gaps_of(all);
  std::sort(gaps.begin(), gaps.end());
  double worst = 0;
  for (std::size_t i = 0; i < gaps.size(); ++i)
    worst = std::max(worst, std::abs(1 - std::exp(-50 * gaps[i]) -
                                     (static_cast<double>(i) + 0.5) / static_cast<double>(gaps.size())));
  CHECK(worst < 1.63 / std::sqrt(static_cast<double>(gaps.size())));  // 1 % level
  std::vector<double> counts(400);
  for (const Instant at : all) ++counts[static_cast<std::size_t>(at / second)];
  const double dispersion = variation(counts) * variation(counts) * mean(counts);
  CHECK(dispersion > 0.8);
  CHECK(dispersion < 1.25);
}

TEST_CASE("a ramp and on/off bring the load when it was asked for") {
  const auto ramp = schedule({.kind = Arrivals::Kind::ramp, .rate = 1, .end_rate = 199, .span = 100 * second},
                             {.duration = 100 * second}, 1);
  CHECK(ramp.size() == doctest::Approx(10'000).epsilon(0.05));
  const auto half = std::count_if(ramp.begin(), ramp.end(), [](Instant at) { return at < 50 * second; });
  CHECK(half == doctest::Approx(2'525).epsilon(0.1));
  const auto pulses = schedule({.kind = Arrivals::Kind::on_off, .rate = 100, .on = second, .off = 3 * second},
                               {.duration = 40 * second}, 1);
  CHECK(pulses.size() == doctest::Approx(1'000).epsilon(0.12));
  for (const Instant at : pulses) CHECK(at % (4 * second) <= second);
}

TEST_CASE(
    "the same seed gives the same schedule, a longer one begins like a shorter one, another seed another") {
  const Arrivals arrivals{.kind = Arrivals::Kind::poisson, .rate = 10};
  const auto one = schedule(arrivals, {.requests = 100}, 1);
  auto longer = schedule(arrivals, {.requests = 1'000}, 1);
  CHECK(fingerprint(one) == fingerprint(schedule(arrivals, {.requests = 100}, 1)));
  longer.resize(100);
  CHECK(longer == one);
  CHECK(fingerprint(one) != fingerprint(schedule(arrivals, {.requests = 100}, 2)));
}

TEST_CASE("a schedule that makes no sense names the field") {
  CHECK_THROWS_WITH_AS(schedule({.rate = 0}, {.requests = 1}, 1), "`rate` has to be above 0, not 0", Problem);
  CHECK_THROWS_WITH_AS(schedule({}, {}, 1), "nothing says when the run ends", Problem);
  CHECK_THROWS_WITH_AS(schedule({.kind = Arrivals::Kind::trace, .trace = {2, 1}}, {.requests = 1}, 1),
                       "the instants of the trace have to rise", Problem);
}
