#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mlib::loadgen {

/// Random numbers that depend on a seed, a stream and an index only, so that they are the same in whatever
/// order and on however many threads they are drawn (SplitMix64 over a mixed counter).
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t index)
      : state_(mix(mix(seed ^ 0x6A09E667F3BCC909ULL) + mix(stream * 0x9E3779B97F4A7C15ULL + 1) +
                   index * 0xD1B54A32D192ED03ULL)) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    return mix(state_);
  }
  /// Uniform over (0, 1]: the highest of its 2^53 values is rounded up to 1.
  double uniform() { return (static_cast<double>(next() >> 11U) + 0.5) * 0x1.0p-53; }
  /// Uniform over 0 … bound-1; `bound` > 0.
  std::uint64_t below(std::uint64_t bound) {
    return std::min(static_cast<std::uint64_t>(uniform() * static_cast<double>(bound)), bound - 1);
  }
  /// Mean 1.
  double exponential() { return -std::log(uniform()); }
  /// Mean 0, standard deviation 1 (Box–Muller).
  double normal() {
    const double radius = std::sqrt(2 * exponential());  // drawn first, whatever a compiler would choose
    return radius * std::cos(2 * 3.14159265358979323846 * uniform());
  }
  /// Mean `shape` (scale 1), by Marsaglia and Tsang 2000.
  double gamma(double shape);

 private:
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31U);
  }
  std::uint64_t state_;
};

}  // namespace mlib::loadgen
