#include "loadgen/steady.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "loadgen/metrics.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::size_t least_values = 60, windows = 20, batch = 5, least_warm_up = 10;
constexpr double matters = 0.25;
constexpr double unanswered = 0.05;  // of the arrivals, by which what is out has grown in an overload

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Of the values from `begin` to before `end`.
double median_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  return median({values.begin() + static_cast<std::ptrdiff_t>(begin),
                 values.begin() + static_cast<std::ptrdiff_t>(end)});
}

/// Student's t at p = 0.001, two-sided.
double student(std::size_t degrees) {
  const boost::math::students_t law(static_cast<double>(degrees));
  return boost::math::quantile(boost::math::complement(law, 0.0005));
}

/// Where MSER-5 cuts the series off, in values.
std::size_t least_error_cut(const std::vector<double>& series) {
  const std::size_t batches = series.size() / batch;
  std::vector<double> means(batches);
  for (std::size_t i = 0; i < batches; ++i) {
    for (std::size_t k = 0; k < batch; ++k) means[i] += series[i * batch + k];
    means[i] /= batch;
  }
  double sum = 0, squares = 0, least = 0;
  std::size_t cut = 0;
  // From the end on, so that each step adds a batch; a cut in the second half leaves too little to judge by.
  for (std::size_t from = batches; from-- > 0;) {
    sum += means[from];
    squares += means[from] * means[from];
    if (from > batches / 2) continue;
    const auto kept = static_cast<double>(batches - from);
    const double error = (squares - sum * sum / kept) / (kept * kept);
    if (from == batches / 2 || error <= least) {
      least = error;
      cut = from;
    }
  }
  return cut * batch;
}

std::vector<double> without(const std::vector<double>& series, std::size_t first) {
  return {series.begin() + static_cast<std::ptrdiff_t>(first), series.end()};
}

/// A trend that is certain and by more than a quarter of the median.
bool drifts(const std::optional<Trend>& trend, const std::vector<double>& series) {
  return trend && trend->certain && std::abs(trend->rise) > matters * median(series);
}

/// How many were out when each of them was due.
std::vector<double> out_at_arrivals(const std::vector<const Sample*>& in_order) {
  std::vector<Instant> ends;
  for (const Sample* sample : in_order) ends.push_back(sample->end);
  std::sort(ends.begin(), ends.end());
  std::vector<double> out;
  std::size_t ended = 0;
  for (const Sample* sample : in_order) {
    while (ended < ends.size() && ends[ended] <= sample->scheduled) ++ended;
    out.push_back(static_cast<double>(out.size()) - static_cast<double>(ended));
  }
  return out;
}

std::string overload(const std::vector<const Sample*>& in_order, const Trend& answers) {
  const std::optional<Trend> out = trend_of(out_at_arrivals(in_order));
  const auto arrivals = static_cast<double>(in_order.size());
  if (!out || !out->certain || answers.rise <= 0 || out->rise < unanswered * arrivals) return "";
  return fmt::format(
      "overload: {:.0f} requests were out in the first quarter of the run and {:.0f} in the last, and the "
      "median answer took {:.1f} ms and then {:.1f} ms: more comes than the engine does, and latencies "
      "depend "
      "on how long was measured",
      out->first, out->last, answers.first, answers.last);
}

}  // namespace

std::optional<Trend> trend_of(const std::vector<double>& series) {
  if (series.size() < least_values) return {};
  std::array<double, windows> medians{};
  double mean = 0;
  for (std::size_t i = 0; i < windows; ++i) {
    medians[i] = median_of(series, series.size() * i / windows, series.size() * (i + 1) / windows);
    mean += medians[i] / windows;
  }
  constexpr double middle = (windows - 1) / 2.0;
  double across = 0, spread = 0, all = 0;
  for (std::size_t i = 0; i < windows; ++i) {
    const double at = static_cast<double>(i) - middle, off = medians[i] - mean;
    across += at * off;
    spread += at * at;
    all += off * off;
  }
  Trend trend;
  trend.first = median_of(series, 0, series.size() / 4);
  trend.last = median_of(series, series.size() - series.size() / 4, series.size());
  const double slope = across / spread;
  trend.rise = slope * windows;
  const double left = std::max(all - slope * across, 0.0);  // what the line does not explain
  trend.certain = std::abs(slope) > student(windows - 2) * std::sqrt(left / (windows - 2) / spread);
  return trend;
}

std::size_t warm_up_of(const std::vector<double>& series) {
  if (series.size() < least_values) return 0;
  const std::size_t cut = least_error_cut(series);
  if (cut < least_warm_up || cut > series.size() / 5) return 0;
  std::vector<double> blocks;
  for (std::size_t begin = cut; begin + cut <= series.size(); begin += cut)
    blocks.push_back(median_of(series, begin, begin + cut));
  const auto count = static_cast<double>(blocks.size());
  double mean = 0, squares = 0;
  for (const double each : blocks) mean += each / count;
  for (const double each : blocks) squares += (each - mean) * (each - mean);
  const double deviation = std::sqrt(squares / (count - 1) * (1 + 1 / count));
  const double off = std::abs(median_of(series, 0, cut) - mean);
  const bool certain = off > student(blocks.size() - 1) * deviation;
  return certain && off > matters * median_of(series, cut, series.size()) ? cut : 0;
}

std::string unsteady(const std::vector<Sample>& samples, bool open_loop) {
  std::vector<const Sample*> in_order;
  for (const Sample& sample : samples) in_order.push_back(&sample);
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const Sample* a, const Sample* b) { return a->scheduled < b->scheduled; });
  std::vector<double> took;
  std::vector<Instant> due;
  for (const Sample* sample : in_order)
    if (const auto value = e2e_of(*sample); sample->good() && value) {
      took.push_back(*value);
      due.push_back(sample->scheduled);
    }
  const std::optional<Trend> trend = trend_of(took);
  if (!trend) return "";
  const bool drift = drifts(trend, took);
  if (drift && open_loop)
    if (std::string reason = overload(in_order, *trend); !reason.empty()) return reason;
  const std::size_t warm_up = warm_up_of(took);
  const std::vector<double> rest = without(took, warm_up);
  if (drift && (warm_up == 0 || rest.size() < least_values || drifts(trend_of(rest), rest)))
    return fmt::format(
        "not steady: the median answer took {:.1f} ms in the first quarter of the run and {:.1f} ms in the "
        "last",
        trend->first, trend->last);
  if (warm_up == 0) return "";
  return fmt::format(
      "not steady at first: the median of the {} answers due in the first {:.1f} s took {:.1f} ms, that of "
      "the others {:.1f} ms (warm up by more requests before: --warm-up)",
      warm_up, static_cast<double>(due[warm_up] - due.front()) / 1e9, median_of(took, 0, warm_up),
      median(rest));
}

}  // namespace mlib::loadgen
