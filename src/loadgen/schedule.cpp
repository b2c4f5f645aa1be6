#include "loadgen/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/problem.hpp"
#include "base/text.hpp"
#include "loadgen/random.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::uint64_t most = 50'000'000;
constexpr std::uint64_t gaps = 1;  // stream of Random

/// The instant at which the integral of the rate over time reaches `count`; for the kinds whose rate changes.
double inverse(const Arrivals& arrivals, double count) {
  if (arrivals.kind == Arrivals::Kind::on_off) {
    const double on = static_cast<double>(arrivals.on) / 1e9;
    const double cycle = on + static_cast<double>(arrivals.off) / 1e9;
    const double busy = count / arrivals.rate;
    const double full = std::floor(busy / on);
    return full * cycle + (busy - full * on);
  }
  const double span = static_cast<double>(arrivals.span) / 1e9;
  const double slope = (arrivals.end_rate - arrivals.rate) / span;
  const double total = (arrivals.rate + arrivals.end_rate) / 2 * span;
  if (count >= total) return span + (count - total) / std::max(arrivals.end_rate, 1e-9);
  if (std::abs(slope) < 1e-12) return count / arrivals.rate;
  return (std::sqrt(arrivals.rate * arrivals.rate + 2 * slope * count) - arrivals.rate) / slope;
}

/// The next gap as a number of expected arrivals.
double gap(const Arrivals& arrivals, std::uint64_t seed, std::uint64_t index) {
  if (arrivals.kind == Arrivals::Kind::constant) return 1;
  Random random(seed, gaps, index);
  if (arrivals.kind == Arrivals::Kind::gamma) return random.gamma(arrivals.burstiness) / arrivals.burstiness;
  return random.exponential();
}

void positive(double value, const char* field) {
  if (!(value > 0) || !std::isfinite(value))
    throw Problem(Kind::usage, fmt::format("`{}` has to be above 0, not {}", field, value));
}

}  // namespace

double Random::gamma(double shape) {
  if (shape < 1) {
    const double larger = gamma(shape + 1);  // drawn first, whatever a compiler would choose
    return larger * std::pow(uniform(), 1 / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal();
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

void check(const Arrivals& arrivals, const Stop& stop) {
  if (!stop.requests && !stop.duration)
    throw Problem(Kind::usage, "nothing says when the run ends", "give --requests N or --duration 60s");
  if (stop.duration && *stop.duration <= 0) throw Problem(Kind::usage, "`duration` has to be above 0");
  if (stop.requests && *stop.requests == 0) throw Problem(Kind::usage, "`requests` has to be above 0");
  if (arrivals.kind == Arrivals::Kind::trace) {
    if (!std::is_sorted(arrivals.trace.begin(), arrivals.trace.end()))
      throw Problem(Kind::usage, "the instants of the trace have to rise");
    return;
  }
  positive(arrivals.rate, "rate");
  if (arrivals.kind == Arrivals::Kind::gamma) positive(arrivals.burstiness, "burstiness");
  if (arrivals.kind == Arrivals::Kind::ramp) {
    positive(arrivals.end_rate, "end rate");
    positive(static_cast<double>(arrivals.span), "ramp");
  }
  if (arrivals.kind == Arrivals::Kind::on_off) positive(static_cast<double>(arrivals.on), "on");
}

std::vector<Instant> schedule(const Arrivals& arrivals, const Stop& stop, std::uint64_t seed) {
  check(arrivals, stop);
  const std::uint64_t count = stop.requests.value_or(most + 1);
  std::vector<Instant> all;
  double expected = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Instant at = 0;
    if (arrivals.kind == Arrivals::Kind::trace) {
      if (i >= arrivals.trace.size()) break;
      at = arrivals.trace[i];
    } else {
      const bool steady = arrivals.kind == Arrivals::Kind::constant ||
                          arrivals.kind == Arrivals::Kind::poisson || arrivals.kind == Arrivals::Kind::gamma;
      at = static_cast<Instant>((steady ? expected / arrivals.rate : inverse(arrivals, expected)) * 1e9);
      expected += gap(arrivals, seed, i);
    }
    if (stop.duration && at >= *stop.duration) break;
    if (i >= most)
      throw Problem(Kind::too_large, fmt::format("the schedule has more than {} requests", most),
                    "lower the rate or the duration");
    all.push_back(at);
  }
  return all;
}

std::string fingerprint(const std::vector<Instant>& schedule) {
  return sha256_hex({reinterpret_cast<const char*>(schedule.data()), schedule.size() * sizeof(Instant)});
}

}  // namespace mlib::loadgen
