#include "loadgen/interval.hpp"

#include <algorithm>
#include <cmath>

namespace mlib::loadgen {
namespace {

constexpr double z = 1.959964, t_9 = 2.262157;
constexpr std::size_t batches = 10;

/// The least k whose P(X <= k) reaches `tail`, X binomial(n, p).
std::int64_t binomial_quantile(std::size_t n, double p, double tail) {
  const double mean = static_cast<double>(n) * p, variance = mean * (1 - p);
  if (variance > 100)
    return static_cast<std::int64_t>(std::ceil(mean + (tail < 0.5 ? -z : z) * std::sqrt(variance) - 0.5));
  double below = 0;
  const double whole = std::lgamma(static_cast<double>(n) + 1);
  for (std::size_t k = 0; k <= n; ++k) {
    const auto hits = static_cast<double>(k), misses = static_cast<double>(n - k);
    below += std::exp(whole - std::lgamma(hits + 1) - std::lgamma(misses + 1) + hits * std::log(p) +
                      misses * std::log1p(-p));
    if (below >= tail) return static_cast<std::int64_t>(k);
  }
  return static_cast<std::int64_t>(n);
}

Interval of_batches(const std::array<double, batches>& means) {
  double sum = 0, squares = 0;
  for (const double each : means) sum += each;
  const double mean = sum / batches;
  for (const double each : means) squares += (each - mean) * (each - mean);
  const double half = t_9 * std::sqrt(squares / (batches - 1) / batches);
  return {mean - half, mean + half};
}

}  // namespace

std::optional<Interval> percentile_interval(const std::vector<double>& sorted, double p) {
  // The percentile lies at or above the k-th sample with P(X >= k), X the number of samples below it.
  const std::int64_t low = binomial_quantile(sorted.size(), p, 0.025);
  const std::int64_t high = binomial_quantile(sorted.size(), p, 0.975) + 1;
  if (low < 1 || high > static_cast<std::int64_t>(sorted.size())) return {};
  return Interval{sorted[static_cast<std::size_t>(low - 1)], sorted[static_cast<std::size_t>(high - 1)]};
}

std::optional<Interval> mean_interval(const std::vector<double>& in_order) {
  if (in_order.size() < 2 * batches) return {};
  std::array<double, batches> means{};
  for (std::size_t batch = 0; batch < batches; ++batch) {
    const std::size_t from = in_order.size() * batch / batches, to = in_order.size() * (batch + 1) / batches;
    for (std::size_t i = from; i < to; ++i) means[batch] += in_order[i];
    means[batch] /= static_cast<double>(to - from);
  }
  return of_batches(means);
}

std::optional<Interval> ratio_interval(const std::vector<std::pair<double, double>>& in_order) {
  if (in_order.size() < 2 * batches) return {};
  std::array<double, batches> ratios{};
  for (std::size_t batch = 0; batch < batches; ++batch) {
    const std::size_t from = in_order.size() * batch / batches, to = in_order.size() * (batch + 1) / batches;
    double above = 0, below = 0;
    for (std::size_t i = from; i < to; ++i) {
      above += in_order[i].first;
      below += in_order[i].second;
    }
    if (below <= 0) return {};
    ratios[batch] = above / below;
  }
  return of_batches(ratios);
}

void Rate::add(Instant from, Instant to, double amount) {
  if (window_ <= 0) return;
  const double part = static_cast<double>(window_) / parts;
  if (to <= from) {
    if (to < 0 || to > window_) return;
    amounts_[std::min(parts - 1, static_cast<std::size_t>(static_cast<double>(to) / part))] += amount;
    return;
  }
  const double each = amount / static_cast<double>(to - from);
  for (std::size_t i = 0; i < parts; ++i) {
    const double begin = std::max(static_cast<double>(from), part * static_cast<double>(i));
    const double end = std::min(static_cast<double>(to), part * static_cast<double>(i + 1));
    if (end > begin) amounts_[i] += each * (end - begin);
  }
}

double Rate::per_second() const {
  double sum = 0;
  for (const double each : amounts_) sum += each;
  return window_ <= 0 ? 0 : sum / (static_cast<double>(window_) / 1e9);
}

std::optional<Interval> Rate::interval() const {
  if (window_ <= 0) return {};
  std::array<double, batches> rates{};
  for (std::size_t i = 0; i < parts; ++i)
    rates[i] = amounts_[i] / (static_cast<double>(window_) / 1e9 / parts);
  Interval made = of_batches(rates);
  made.low = std::max(made.low, 0.0);
  return made;
}

}  // namespace mlib::loadgen
