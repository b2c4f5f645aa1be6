#pragma once
#include <cstdint>
#include <vector>

#include "loadgen/schedule.hpp"

namespace mlib::loadgen {

/// Counts of durations in buckets of at most 0.1 % width, so that a million gaps need 100 KB: 1 ns to 2^42 ns
/// (73 min), longer ones count as that.
class Histogram {
 public:
  Histogram() : counts_(buckets) {}
  void add(Instant duration);
  std::uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  /// The nearest-rank percentile (0 < p <= 1), exact to 0.1 %; 0 without samples.
  double percentile(double p) const;
  /// How many are longer than that, exact to a bucket.
  std::uint64_t above(double duration) const;
  Instant most() const { return most_; }

 private:
  static constexpr std::size_t steps = 1024;  // per octave beyond the first 1024 ns
  static constexpr std::size_t buckets = steps * 33;
  static double middle_of(std::size_t bucket);
  std::vector<std::uint32_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  Instant most_ = 0;
};

}  // namespace mlib::loadgen
