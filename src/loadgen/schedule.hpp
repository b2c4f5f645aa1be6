#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlib::loadgen {

/// Nanoseconds since the run began.
using Instant = std::int64_t;
inline constexpr Instant second = 1'000'000'000;

/// When a run ends: after so many requests, or so long, whatever is first; at least one is set.
struct Stop {
  std::optional<std::uint64_t> requests = {};
  std::optional<Instant> duration = {};
};

/// When requests arrive, whatever becomes of those before them (open loop).
struct Arrivals {
  enum class Kind { constant, poisson, gamma, ramp, on_off, trace };
  Kind kind = Kind::poisson;
  double rate = 1;        ///< requests per second; of ramp: at its beginning; of on_off: while on
  double burstiness = 1;  ///< of gamma: shape of the gaps; 1 is Poisson, below 1 burstier, above 1 steadier
  double end_rate = 1;    ///< of ramp: at the end of `span`
  Instant span = 60 * second;  ///< of ramp
  Instant on = 10 * second, off = 10 * second;
  std::vector<Instant> trace = {};  ///< of trace: the instants, rising
};

/// Problem{usage} naming the field that makes no sense.
void check(const Arrivals& arrivals, const Stop& stop);

/// All arrivals of a run, rising, computed before it begins: the same for the same seed, whatever runs it.
/// Gaps: constant 1/rate; poisson exponential; gamma Gamma(burstiness)/(rate·burstiness); ramp and on_off a
/// Poisson process of that rate over time (by inversion of its integral). At most 50 million:
/// Problem{too_large}.
std::vector<Instant> schedule(const Arrivals& arrivals, const Stop& stop, std::uint64_t seed);

/// SHA-256 over the instants, so that two runs can be told to have had the same.
std::string fingerprint(const std::vector<Instant>& schedule);

}  // namespace mlib::loadgen
