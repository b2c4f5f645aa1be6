#include "loadgen/lateness.hpp"

#include <algorithm>
#include <utility>

namespace mlib::loadgen {
namespace {

/// The share of a histogram's values above a duration, for many durations.
class Above {
 public:
  explicit Above(const Histogram& of) {
    std::uint64_t below = 0;
    of.each([&](double duration, std::uint64_t count) {
      below += count;
      upto_.emplace_back(duration, static_cast<double>(below) / static_cast<double>(of.count()));
    });
  }
  double operator()(double duration) const {
    const auto after = std::upper_bound(
        upto_.begin(), upto_.end(), duration,
        [](double value, const std::pair<double, double>& each) { return value < each.first; });
    return after == upto_.begin() ? 1 : 1 - (after - 1)->second;
  }

 private:
  std::vector<std::pair<double, double>> upto_;  ///< a duration, and the share of the values up to it
};

}  // namespace

double late_by(const Histogram& gaps, const Histogram& looks, double p) {
  if (gaps.count() == 0 || looks.count() == 0) return 0;
  const Above above(gaps);
  const double highest = gaps.percentile(p), gap = gaps.percentile(0.5), usual = looks.percentile(0.5);
  double longer = 0;
  looks.each([&](double look, std::uint64_t count) {
    const double late = look - usual;
    if (late <= 0) return;
    const double first_of_answer = std::min(1.0, gap / late);
    longer += static_cast<double>(count) * first_of_answer * (above(highest - late) - above(highest));
  });
  const double share = 2 * longer / static_cast<double>(looks.count());
  return highest - gaps.percentile(std::max(p - share, 0.5));
}

}  // namespace mlib::loadgen
