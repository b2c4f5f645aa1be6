#pragma once
#include <optional>
#include <string>
#include <vector>

#include "loadgen/protocol.hpp"

/// Whether a run had come to its steady state and stayed in it, told by its answers in the order in which
/// they were due.
namespace mlib::loadgen {

/// Where a series goes, by the slope test with which GuideLLM tells a saturated run (least squares, Student's
/// t), here over the medians of 20 windows of equally many arrivals: single slow ones do not move them, and
/// they hang together less than requests do.
struct Trend {
  double first = 0, last = 0;  ///< medians of the first and of the last quarter
  double rise = 0;             ///< of the fitted line, from the series' beginning to its end
  bool certain = false;        ///< p < 0.001: the slope is above 3.922 of its standard errors (18 degrees)
};
/// Nothing below 60 values.
std::optional<Trend> trend_of(const std::vector<double>& series);

/// How many values at the beginning belong to a warm-up: where MSER-5 (White, Cobb and Spratt 2000) cuts the
/// series off, the marginal standard error of means of five then being least. That cut is only believed when
/// it leaves out ten values or more and at most a fifth, whose median is off that of the rest by more than a
/// quarter, and off the medians of blocks of the same length in the rest by more than these vary (Student's
/// t, p < 0.001): a queue comes and goes in any run. 0: none, or below 60 values.
std::size_t warm_up_of(const std::vector<double>& series);

/// In plain words with their numbers, why a run of an even load was not steady; "" when nothing says so. The
/// first that applies: an open loop in which the requests that are out grow by a twentieth of the arrivals or
/// more while answers take longer (overload: latencies then depend on how long was measured); a trend by more
/// than a quarter of the median answer, also without the warm-up; a warm-up. Of 200 series of flat noise at
/// most four are called unsteady, of 200 of a queue at 80 % load at most six (steady_test.cpp).
std::string unsteady(const std::vector<Sample>& samples, bool open_loop);

}  // namespace mlib::loadgen
