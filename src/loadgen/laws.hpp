#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

/// Whether values follow a distribution, for tests: each would refuse one in a thousand sets of values that
/// do follow it. (With a fixed seed a test always comes to the same; the rate says how much chance a seed
/// had.)
namespace mlib::loadgen {

/// Kolmogorov and Smirnov: the greatest distance between the share of values up to x and `law` of x. Of whole
/// numbers, `law` is asked half a step higher, and only where a step ends.
inline double distance(std::vector<double> values, const std::function<double(double)>& law,
                       double step = 0) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool ends = step == 0 || i + 1 == values.size() || values[i + 1] != values[i];
    const double at = law(values[i] + step / 2);
    if (ends) worst = std::max(worst, std::abs(static_cast<double>(i + 1) / count - at));
    if (step == 0) worst = std::max(worst, std::abs(at - static_cast<double>(i) / count));
  }
  return worst;
}

/// What one in a thousand such distances is above, for many values: sqrt(-ln(0.0005) / 2 / n).
inline double distance_limit(std::size_t count) { return 1.9495 / std::sqrt(static_cast<double>(count)); }

/// Pearson: how far counts are from those expected.
inline double chi_square(const std::vector<double>& counts, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
  return sum;
}

/// What one in a thousand of those is above, with so many degrees of freedom (Wilson and Hilferty).
inline double chi_square_limit(std::size_t freedom) {
  const double part = 2.0 / (9.0 * static_cast<double>(freedom));
  return static_cast<double>(freedom) * std::pow(1 - part + 3.0902 * std::sqrt(part), 3);
}

/// The correlation of each value with the next; of independent ones, one in a thousand is beyond
/// 3.29 / sqrt(n).
inline double correlation(const std::vector<double>& values) {
  double mean = 0, squares = 0, products = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    squares += (values[i] - mean) * (values[i] - mean);
    if (i > 0) products += (values[i] - mean) * (values[i - 1] - mean);
  }
  return products / squares;
}

inline double normal_law(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
inline double exponential_law(double x) { return 1 - std::exp(-x); }

/// Of the gamma distribution of scale 1: its series, which is quick enough for the x of a test.
inline double gamma_law(double shape, double x) {
  if (x <= 0) return 0;
  double term = 1 / shape, sum = term;
  for (int n = 1; n < 10'000 && term > sum * 1e-15; ++n) sum += term *= x / (shape + n);
  return sum * std::exp(shape * std::log(x) - x - std::lgamma(shape));
}

}  // namespace mlib::loadgen
