#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "loadgen/schedule.hpp"

/// Intervals at 95 % confidence.
namespace mlib::loadgen {

struct Interval {
  double low = 0, high = 0;
};

/// Of the percentile p (0 < p < 1) of what `sorted` was drawn from, by order statistics: the ranks whose
/// binomial tails hold at most 2.5 % each. Holds for whatever distribution, for independent samples; nothing
/// where there are too few.
std::optional<Interval> percentile_interval(const std::vector<double>& sorted, double p);

/// Of the mean, by batch means (Law and Kelton): ten batches in the order they came, Student's t with 9
/// degrees of freedom, so that samples that hang together do not make it too narrow. Nothing below 20.
std::optional<Interval> mean_interval(const std::vector<double>& in_order);

/// Of the ratio of two sums (what each request has of one, of the other), by ten batches likewise. Nothing
/// below 20, or where a batch has nothing of the other.
std::optional<Interval> ratio_interval(const std::vector<std::pair<double, double>>& in_order);

/// So much per second over a window, with its interval over ten equal parts of it.
class Rate {
 public:
  /// `window` in nanoseconds.
  explicit Rate(Instant window) : window_(window) {}
  /// Spreads `amount` evenly over from … to, what falls outside the window left out; from == to: then.
  void add(Instant from, Instant to, double amount);
  double per_second() const;
  std::optional<Interval> interval() const;

 private:
  static constexpr std::size_t parts = 10;
  Instant window_;
  std::array<double, parts> amounts_{};
};

}  // namespace mlib::loadgen
