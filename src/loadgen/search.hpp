#pragma once
#include <functional>

#include "loadgen/result.hpp"

namespace mlib::loadgen {

/// One load that was tried.
struct Try {
  double load = 0;
  std::string holds, why;
  double seconds = 0;
  std::string validity;
  std::vector<LimitText> objective;

  template <class D>
  void describe(D& d) {
    d.field("load", load, {.help = "Requests a second, or users", .required = true});
    d.field("holds", holds,
            {.help = "Every limit held with confidence, one did not, or it stayed undecided",
             .required = true,
             .one_of = {"yes", "no", "undecided"}});
    d.field("why", why, {.help = "Why it does not"});
    d.field("seconds", seconds, {.help = "How long it was measured", .unit = "s"});
    d.field("validity", validity, {.help = "Of its result"});
    d.field("objective", objective, {.help = "Each limit"});
  }
};

/// The highest load at which an objective holds, and how it was found.
struct Found {
  std::string kind = "BenchmarkSearch", over = "rate", objective, conclusion;
  std::optional<double> holds_at, fails_at, unmeasured_at;
  bool interrupted = false;
  std::vector<Try> tries;
  std::optional<Result> best;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "What this is", .required = true, .one_of = {"BenchmarkSearch"}});
    d.field("over", over, {.help = "What was varied", .required = true, .one_of = {"rate", "users"}});
    d.field("objective", objective, {.help = "What had to hold", .required = true});
    d.field("conclusion", conclusion, {.help = "In words", .required = true});
    d.field("holds_at", holds_at, {.help = "The highest load at which it held"});
    d.field("fails_at", fails_at, {.help = "The lowest at which it did not"});
    d.field("unmeasured_at", unmeasured_at,
            {.help = "The load at which it ended, since twice the result was invalid"});
    d.field("interrupted", interrupted, {.help = "Somebody ended the search"});
    d.field("tries", tries, {.help = "In their order", .required = true});
    d.field("best", best, {.help = "The result at the highest load at which it held"});
  }
};

struct SearchRange {
  bool users = false;     ///< whole numbers of users, not rates
  double start = 1;       ///< the first load
  bool near = false;      ///< it is thought to be near the limit
  double most = 100'000;  ///< no load above
  double within = 0.1;    ///< ends when the two loads around the limit differ by less than this share
  int tries = 30;         ///< at most
  Instant duration = 30 * second;  ///< of one try; longer where the limits need more requests to be decided
};

/// Measures one load for so long.
using MeasureLoad = std::function<Result(double load, Instant duration)>;

/// Doubles the load until the objective fails (or halves it until it holds), then halves the gap between the
/// two, by geometric mean (LoadGen's FindPeakPerformance). From a start that is near the first step is
/// `within`, and each is the square of the one before until they double: a good guess costs few tries, a bad
/// one a few more. A load holds when every limit's interval lies
/// above its percentile; one that stays undecided is measured twice as long, at most twice, and then counts
/// as failed, so that what is found holds with confidence. An invalid result says nothing of the objective,
/// unless so many requests failed that it cannot hold: that load is measured once more, and then the search
/// ends without a limit.
Found search(const SearchRange& range, const Objective& objective, const MeasureLoad& measure);

/// At most 80 columns.
std::string people_text(const Found& found);

}  // namespace mlib::loadgen
