#include "loadgen/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "base/wrapped.hpp"
#include "loadgen/result_forms.hpp"

namespace mlib::loadgen {
namespace {

std::string shown(double load, bool users) {
  return users ? users_text(load) : fmt::format("{} requests/s", digits(load));
}

/// So many requests failed that this share of them cannot have kept anything, however fast the others were.
bool fails_by_errors(const Result& result, double share) {
  std::int64_t failed = result.counts.failed;
  for (const auto& [cause, count] : result.counts.errors)
    if (cause == client_full) failed -= count;
  const auto offered = static_cast<std::uint64_t>(result.counts.offered);
  return failed > 0 && wilson(offered - static_cast<std::uint64_t>(failed), offered).high < share;
}

/// What one measurement says of the objective, whose strictest limit is of `share` of the requests.
Try judged(double load, const Result& result, double share) {
  Try made;
  made.load = load;
  made.seconds = result.seconds;
  made.validity = result.verdict.validity;
  made.objective = result.objective;
  made.holds = "yes";
  for (const LimitText& limit : result.objective) {
    if (limit.holds == "yes" || made.holds == "no") continue;
    made.holds = limit.holds;
    made.why =
        limit.limit + ": " + (limit.of == 0 ? "no answer had a first token" : share_text(limit) + " kept it");
  }
  if (result.verdict.validity == "invalid") {
    made.holds = fails_by_errors(result, share) ? "no" : "undecided";
    made.why = result.verdict.reasons.empty() ? "its result is invalid" : result.verdict.reasons.front();
  }
  return made;
}

class Search {
 public:
  Search(const SearchRange& range, const Objective& objective, const MeasureLoad& measure)
      : range_(range), measure_(measure) {
    found_.over = range.users ? "users" : "rate";
    std::vector<std::string> limits;
    for (const Limit& limit : objective) {
      limits.push_back(to_text(limit));
      // All good requests of so many put Wilson's lower end at the share.
      needed_ = std::max(needed_, 3.8415 * limit.share / (1 - limit.share));
      strictest_ = std::max(strictest_, limit.share);
    }
    found_.objective = join(limits, ",");
  }

  Found go() {
    double load = range_.users ? std::max(std::round(range_.start), 1.0) : range_.start;
    double step = range_.near ? 1 + range_.within : 2;
    while (goes_on()) {
      const bool holds = holds_at(load);
      if (found_.interrupted || found_.unmeasured_at) break;
      if (holds) {
        if (found_.fails_at || load >= range_.most) break;
        load =
            std::min(range_.users ? std::max(std::floor(load * step), load + 1) : load * step, range_.most);
      } else {
        if (found_.holds_at) break;
        load = range_.users ? std::min(std::floor(load / step), load - 1) : load / step;
        if (load < (range_.users ? 1 : range_.start / 100)) break;
      }
      step = std::min(step * step, 2.0);
    }
    while (goes_on() && found_.holds_at && found_.fails_at) {
      const double low = *found_.holds_at, high = *found_.fails_at;
      load = range_.users ? std::floor((low + high) / 2) : std::sqrt(low * high);
      if (range_.users ? high - low <= 1 : high / low - 1 <= range_.within * (1 + 1e-9)) break;
      holds_at(load);
    }
    conclude();
    return std::move(found_);
  }

 private:
  bool goes_on() const {
    return !found_.interrupted && !found_.unmeasured_at &&
           static_cast<int>(found_.tries.size()) < range_.tries;
  }

  bool holds_at(double load) {
    Instant duration = range_.duration;
    if (!range_.users) {
      const double seconds = 1.2 * needed_ / load;
      duration = std::max(duration, static_cast<Instant>(std::min(seconds, 3600.0) * 1e9));
    }
    for (int longer = 0, invalid = 0;;) {
      Result result = measure_(load, duration);
      found_.interrupted = result.ended == "interrupted";
      found_.tries.push_back(judged(load, result, strictest_));
      Try& last = found_.tries.back();
      if (found_.interrupted) {
        last.holds = "undecided";
        return false;
      }
      if (last.holds == "yes") {
        found_.holds_at = load;
        found_.best = std::move(result);
        return true;
      }
      if (last.holds == "undecided" && last.validity == "invalid") {
        if (++invalid == 1 && goes_on()) continue;
        found_.unmeasured_at = load;
        return false;
      }
      if (last.holds == "no" || ++longer == 3 || !goes_on()) break;
      duration *= 2;
    }
    found_.fails_at = load;
    return false;
  }

  std::string why_at(const std::optional<double>& load) const {
    std::string why;
    for (const Try& each : found_.tries)
      if (load && each.load == *load) why = each.why;
    return why;
  }

  void conclude() {
    const auto at = [&](double load) { return shown(load, range_.users); };
    if (found_.interrupted)
      found_.conclusion =
          "it was ended before its end" +
          (found_.holds_at ? ": it holds at " + at(*found_.holds_at) + " so far" : std::string());
    else if (found_.unmeasured_at)
      found_.conclusion = fmt::format(
          "it could not be measured at {}, so its limit is not known{}: {}", at(*found_.unmeasured_at),
          found_.holds_at ? "; it holds at " + at(*found_.holds_at) : "", why_at(found_.unmeasured_at));
    else if (!found_.holds_at)
      found_.conclusion =
          fmt::format("it holds at none of the loads that were tried, down to {}: {}",
                      at(found_.tries.empty() ? 0 : found_.tries.back().load), why_at(found_.fails_at));
    else if (!found_.fails_at)
      found_.conclusion =
          fmt::format("it still holds at {}, the highest that was tried", at(*found_.holds_at));
    else
      found_.conclusion = fmt::format("it holds up to {} and not at {}: {}", at(*found_.holds_at),
                                      at(*found_.fails_at), why_at(found_.fails_at));
  }

  const SearchRange& range_;
  const MeasureLoad& measure_;
  double needed_ = 0, strictest_ = 0;
  Found found_;
};

}  // namespace

Found search(const SearchRange& range, const Objective& objective, const MeasureLoad& measure) {
  return Search(range, objective, measure).go();
}

std::string people_text(const Found& found) {
  std::string text = wrapped(fmt::format("{}: {}", found.objective, one_line(found.conclusion)), 0) + "\n\n";
  text += fmt::format("{:>12}  {:<10}{:>8}  {:<9}{}\n", found.over == "users" ? "USERS" : "REQUESTS/S",
                      "HOLDS", "SECONDS", "VERDICT", "WHY NOT");
  for (const Try& each : found.tries) {
    const std::string load = found.over == "users" ? fmt::format("{:.0f}", each.load) : digits(each.load);
    text += fmt::format("{:>12}  {:<10}{:>8}  {:<9}{}\n", load, each.holds, digits(each.seconds),
                        each.validity, wrapped(one_line(each.why), 43));
  }
  if (found.best) text += "\nAt the highest load at which it holds:\n\n" + people_text(*found.best);
  for (std::size_t at = text.find(" \n"); at != std::string::npos; at = text.find(" \n")) text.erase(at, 1);
  return text;
}

}  // namespace mlib::loadgen
