#include "loadgen/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mlib::loadgen {

void Histogram::add(Instant duration) {
  const auto value = static_cast<std::uint64_t>(std::clamp<Instant>(duration, 0, (Instant{1} << 42U) - 1));
  std::size_t bucket = value;
  if (value >= steps) {
    const auto octave = static_cast<unsigned>(std::bit_width(value)) - 11U;  // value >> octave is 1024 … 2047
    bucket = steps * (octave + 1) + (value >> octave) - steps;
  }
  ++counts_[bucket];
  ++count_;
  sum_ += static_cast<double>(duration);
  most_ = std::max(most_, duration);
}

double Histogram::middle_of(std::size_t bucket) {
  if (bucket < steps) return static_cast<double>(bucket);
  const std::size_t octave = bucket / steps - 1;
  const auto low = static_cast<double>((bucket % steps + steps) << octave);
  return low + static_cast<double>(std::uint64_t{1} << octave) / 2;
}

std::uint64_t Histogram::above(double duration) const {
  std::uint64_t longer = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket)
    if (middle_of(bucket) > duration) longer += counts_[bucket];
  return longer;
}

double Histogram::percentile(double p) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::max(1.0, std::ceil(p * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return middle_of(bucket);
  }
  return static_cast<double>(most_);
}

}  // namespace mlib::loadgen
