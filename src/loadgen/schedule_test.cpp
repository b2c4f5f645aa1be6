#include "loadgen/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <future>

#include "base/problem.hpp"
#include "loadgen/laws.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// The gaps of a schedule, by a clock that runs as `of` says.
std::vector<double> gaps_of(const std::vector<Instant>& all, const std::function<double(double)>& of) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < all.size(); ++i)
    gaps.push_back(of(static_cast<double>(all[i]) / 1e9) - of(static_cast<double>(all[i - 1]) / 1e9));
  return gaps;
}

/// The gaps are drawn from `law`, each by itself.
void follow(const std::vector<double>& gaps, const std::function<double(double)>& law) {
  CHECK(distance(gaps, law) < distance_limit(gaps.size()));
  CHECK(std::abs(correlation(gaps)) < 3.29 / std::sqrt(static_cast<double>(gaps.size())));
}

/// One of each kind, with a number of arrivals or the time for them.
std::vector<std::pair<Arrivals, Stop>> all_kinds() {
  std::vector<std::pair<Arrivals, Stop>> all;
  const Stop many{.requests = 20'000};
  all.push_back({{.kind = Arrivals::Kind::constant, .rate = 70}, many});
  all.push_back({{.kind = Arrivals::Kind::poisson, .rate = 50}, many});
  all.push_back({{.kind = Arrivals::Kind::gamma, .rate = 100, .burstiness = 0.25}, many});
  all.push_back({{.kind = Arrivals::Kind::gamma, .rate = 100, .burstiness = 4}, many});
  all.push_back({{.kind = Arrivals::Kind::ramp, .rate = 1, .end_rate = 199, .span = 100 * second},
                 {.duration = 150 * second}});
  all.push_back({{.kind = Arrivals::Kind::on_off, .rate = 100, .on = second, .off = 3 * second},
                 {.duration = 400 * second}});
  Arrivals trace{.kind = Arrivals::Kind::trace};
  for (Instant i = 0; i < 1000; ++i) trace.trace.push_back(i * i);
  all.push_back({trace, {.requests = 900}});
  return all;
}

}  // namespace

TEST_CASE("constant arrivals are evenly spaced, to the nanosecond") {
  const std::vector<Instant> all =
      schedule({.kind = Arrivals::Kind::constant, .rate = 70}, {.requests = 20'000}, 7);
  Instant worst = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    worst = std::max(worst, std::abs(all[i] - static_cast<Instant>(i) * second / 70));
  CHECK(all.size() == 20'000);
  CHECK(worst <= 1);
}

TEST_CASE("gaps of Poisson's and gamma's arrivals follow their distributions (Kolmogorov-Smirnov)") {
  const Stop stop{.requests = 20'000};
  const auto seconds = [](double at) { return at; };
  follow(gaps_of(schedule({.kind = Arrivals::Kind::poisson, .rate = 50}, stop, 3), seconds),
         [](double x) { return exponential_law(50 * x); });
  // So rarely that hardly a gap of the burstiest is below the nanosecond that instants have.
  for (const double shape : {0.25, 1.0, 4.0}) {
    const Arrivals arrivals{.kind = Arrivals::Kind::gamma, .rate = 0.01, .burstiness = shape};
    follow(gaps_of(schedule(arrivals, stop, 7), seconds),
           [shape](double x) { return gamma_law(shape, 0.01 * shape * x); });
  }
}

TEST_CASE("counts of Poisson's arrivals in each second are Poisson's (chi-square)") {
  const std::vector<Instant> all =
      schedule({.kind = Arrivals::Kind::poisson, .rate = 4}, {.duration = 4000 * second}, 3);
  std::vector<double> per_second(4000);
  for (const Instant at : all) ++per_second[static_cast<std::size_t>(at / second)];
  std::vector<double> counts(10), expected(10);  // the last is of nine and more
  for (const double count : per_second) ++counts[std::min<std::size_t>(9, static_cast<std::size_t>(count))];
  double left = 4000;
  for (std::size_t k = 0; k < 9; ++k) {
    expected[k] =
        4000 * std::exp(static_cast<double>(k) * std::log(4.0) - 4 - std::lgamma(static_cast<double>(k) + 1));
    left -= expected[k];
  }
  expected[9] = left;
  CHECK(chi_square(counts, expected) < chi_square_limit(9));
}

TEST_CASE("a ramp and on/off are a Poisson process by a clock that runs as fast as their rate") {
  const auto ramp = schedule({.kind = Arrivals::Kind::ramp, .rate = 1, .end_rate = 199, .span = 100 * second},
                             {.duration = 150 * second}, 1);
  follow(gaps_of(ramp, [](double at) { return at < 100 ? at + 0.99 * at * at : 10'000 + 199 * (at - 100); }),
         exponential_law);
  CHECK(ramp.back() > 149 * second);
  const auto falling =
      schedule({.kind = Arrivals::Kind::ramp, .rate = 199, .end_rate = 1, .span = 100 * second},
               {.duration = 100 * second}, 1);
  follow(gaps_of(falling, [](double at) { return 199 * at - 0.99 * at * at; }), exponential_law);

  const auto pulses = schedule({.kind = Arrivals::Kind::on_off, .rate = 100, .on = second, .off = 3 * second},
                               {.duration = 400 * second}, 1);
  for (const Instant at : pulses) CHECK(at % (4 * second) <= second);
  follow(gaps_of(pulses,
                 [](double at) {
                   const double cycles = std::floor(at / 4);
                   return 100 * (cycles + std::min(at - 4 * cycles, 1.0));
                 }),
         exponential_law);
}

TEST_CASE("a trace is replayed at its own instants") {
  const Arrivals trace{.kind = Arrivals::Kind::trace, .trace = {0, 5, 5, 70}};
  CHECK(schedule(trace, {.requests = 9}, 1) == trace.trace);
  CHECK(schedule(trace, {.duration = 70}, 2) == std::vector<Instant>{0, 5, 5});
}

TEST_CASE("the same seed gives the same schedule on whatever thread, and however many run") {
  for (const auto& [arrivals, stop] : all_kinds()) {
    const std::vector<Instant> alone = schedule(arrivals, stop, 5);
    CHECK(std::is_sorted(alone.begin(), alone.end()));
    std::vector<std::future<std::vector<Instant>>> threads;
    for (int i = 0; i < 8; ++i)
      threads.push_back(std::async(
          std::launch::async, [&arrivals = arrivals, &stop = stop] { return schedule(arrivals, stop, 5); }));
    for (auto& each : threads) CHECK(each.get() == alone);
    const bool drawn = arrivals.kind != Arrivals::Kind::constant && arrivals.kind != Arrivals::Kind::trace;
    CHECK((schedule(arrivals, stop, 6) != alone) == drawn);
  }
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
