#include "loadgen/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "base/wrapped.hpp"
#include "loadgen/random.hpp"
#include "loadgen/result_forms.hpp"
#include "schema/document.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::size_t least_samples = 20;
constexpr int resamples = 1000;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Two-sided p of the rank-sum test, normal approximation with the correction for ties.
double mann_whitney(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<std::pair<double, bool>> all;
  for (const double value : a) all.emplace_back(value, true);
  for (const double value : b) all.emplace_back(value, false);
  std::sort(all.begin(), all.end());
  const auto n = static_cast<double>(all.size()), of_a = static_cast<double>(a.size()),
             of_b = static_cast<double>(b.size());
  double ranks = 0, ties = 0;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end].first == all[i].first) ++end;
    const double rank = (static_cast<double>(i + 1) + static_cast<double>(end)) / 2;
    for (std::size_t k = i; k < end; ++k) ranks += all[k].second ? rank : 0;
    const auto equal = static_cast<double>(end - i);
    ties += equal * equal * equal - equal;
    i = end;
  }
  const double u = ranks - of_a * (of_a + 1) / 2;
  const double variance = of_a * of_b / 12 * ((n + 1) - ties / (n * (n - 1)));
  if (!(variance > 0)) return 1;
  const double z = (std::abs(u - of_a * of_b / 2) - 0.5) / std::sqrt(variance);
  return z <= 0 ? 1 : std::erfc(z / std::sqrt(2.0));
}

/// The values of blocks drawn with repetition, as many as there were.
std::vector<double> resampled(const std::vector<double>& values, Random& random) {
  const auto block = std::max<std::size_t>(1, static_cast<std::size_t>(std::cbrt(values.size())));
  std::vector<double> out;
  out.reserve(values.size() + block);
  while (out.size() < values.size()) {
    const std::size_t begin = random.below(values.size());
    for (std::size_t i = 0; i < block; ++i) out.push_back(values[(begin + i) % values.size()]);
  }
  out.resize(values.size());
  return out;
}

Interval ratio_interval(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (int i = 0; i < resamples; ++i) {
    Random random(1, 21, static_cast<std::uint64_t>(i));
    const double of_a = median(resampled(a, random)), of_b = median(resampled(b, random));
    ratios.push_back(of_a > 0 ? of_b / of_a : 1);
  }
  std::sort(ratios.begin(), ratios.end());
  return {ratios[resamples / 200], ratios[resamples - 1 - resamples / 200]};
}

double short_of(double value) { return std::round(value * 1e5) / 1e5; }

void add_samples(Comparison& to, std::string metric, const std::vector<double>& a,
                 const std::vector<double>& b) {
  if (a.size() < least_samples || b.size() < least_samples) return;
  Difference made;
  made.metric = std::move(metric);
  made.unit = "ms";
  made.a = median(a);
  made.b = median(b);
  const double p = mann_whitney(a, b);
  const Interval ratio = ratio_interval(a, b);
  if (made.a > 0) made.change = short_of(made.b / made.a - 1);
  made.low = short_of(ratio.low - 1);
  made.high = short_of(ratio.high - 1);
  made.p = p < 1e-6 ? 0 : short_of(p);
  made.differs = p < 0.01 && (ratio.low > 1 || ratio.high < 1);
  made.method = "medians: Mann-Whitney p < 0.01, and the block bootstrap's 99 % interval is without 0";
  to.differences.push_back(std::move(made));
}

void add_figure(Comparison& to, const Result& a, const Result& b, std::string_view name) {
  const Measured *of_a = find_metric(a, name), *of_b = find_metric(b, name);
  const auto whole = [](const Measured* each) {  // a file may hold an interval alone
    return each != nullptr && each->value && each->low && each->high;
  };
  if (!whole(of_a) || !whole(of_b)) return;
  Difference made;
  made.metric = name;
  made.unit = of_a->unit;
  made.a = *of_a->value;
  made.b = *of_b->value;
  if (made.a > 0) made.change = short_of(made.b / made.a - 1);
  made.differs = *of_a->low > *of_b->high || *of_b->low > *of_a->high;
  made.method = "95 % intervals do not overlap";
  to.differences.push_back(std::move(made));
}

/// What is another in each run and says nothing.
bool of_one_run(std::string_view key) {
  constexpr std::string_view keys[] = {"schedule_sha256", "seed",        "url",           "deployment",
                                       "cpu_seconds",     "connections", "most_in_flight"};
  return std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
}

void add_unlike(std::vector<std::string>& to, std::string_view part, const Node& a, const Node& b) {
  for (const schema::Entry& entry : a.entries()) {
    const Node* other = b.find(entry.key);
    if (of_one_run(entry.key)) continue;
    if (other != nullptr && *other == entry.value) continue;
    to.push_back(fmt::format("{} {}: {} and {}", part, entry.key, shortened(schema::to_json(entry.value), 60),
                             other == nullptr ? "none" : shortened(schema::to_json(*other), 60)));
  }
  for (const schema::Entry& entry : b.entries())
    if (a.find(entry.key) == nullptr && !of_one_run(entry.key))
      to.push_back(
          fmt::format("{} {}: none and {}", part, entry.key, shortened(schema::to_json(entry.value), 60)));
}

void conclude(Comparison& made) {
  std::vector<std::string> differing;
  for (const Difference& each : made.differences)
    if (each.differs)
      differing.push_back(each.change ? fmt::format("{} by {:+.1f} %", each.metric, *each.change * 100)
                                      : each.metric);
  if (made.differences.empty())
    made.conclusion = "nothing can be compared: too few good answers in one of them";
  else if (differing.empty())
    made.conclusion = "no difference beyond noise";
  else
    made.conclusion = "they differ beyond noise: " + join(differing, ", ");
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:+.1f} %", *share * 100) : "";
}

}  // namespace

Comparison compare(const Result& a, const Result& b) {
  Comparison made;
  made.a = a.id;
  made.b = b.id;
  add_unlike(made.unlike, "workload", schema::encode(a.workload), schema::encode(b.workload));
  add_unlike(made.unlike, "load", schema::encode(a.load), schema::encode(b.load));
  add_unlike(made.unlike, "subject", schema::encode(a.subject), schema::encode(b.subject));
  add_unlike(made.unlike, "client", schema::encode(a.client), schema::encode(b.client));
  bool invalid = false;
  for (const Result* each : {&a, &b}) {
    if (each->verdict.validity == "valid") continue;
    made.doubts.push_back(fmt::format("{}: {}{}{}", each->id, each->verdict.validity,
                                      each->verdict.reasons.empty() ? "" : ", ",
                                      join(each->verdict.reasons, "; ")));
    invalid = invalid || each->verdict.validity == "invalid";
  }
  if (invalid) {
    made.conclusion = "not compared: the figures of an invalid result say nothing";
    return made;
  }
  if (a.samples && b.samples) {
    add_samples(made, "ttft", a.samples->ttft, b.samples->ttft);
    add_samples(made, "tpot", a.samples->tpot, b.samples->tpot);
    add_samples(made, "e2e", a.samples->e2e, b.samples->e2e);
  }
  add_figure(made, a, b, "request_throughput");
  add_figure(made, a, b, "output_token_throughput");
  if (find_metric(a, "output_token_throughput") == nullptr) add_figure(made, a, b, "prompt_token_throughput");
  conclude(made);
  return made;
}

std::string people_text(const Comparison& comparison) {
  std::string text = wrapped(comparison.conclusion, 0) + "\n";
  for (const std::string& doubt : comparison.doubts) text += "- " + wrapped(one_line(doubt), 2) + "\n";
  if (!comparison.differences.empty()) {
    text += fmt::format("\n{:<24}{:>9}{:>9}{:>10}{:>19}{:>9}\n", "", "A", "B", "CHANGE", "99 % INTERVAL", "");
    for (const Difference& each : comparison.differences)
      text +=
          fmt::format("{:<24}{:>9}{:>9}{:>10}{:>19}{:>9}\n", each.metric, digits(each.a), digits(each.b),
                      percent(each.change), each.low ? percent(each.low) + " to " + percent(each.high) : "",
                      each.differs ? "differs" : "same");
  }
  if (!comparison.unlike.empty()) {
    text += "\nNot the same when they were measured, and so perhaps the cause:\n";
    for (const std::string& each : comparison.unlike) text += "- " + wrapped(one_line(each), 2) + "\n";
  }
  for (std::size_t at = text.find(" \n"); at != std::string::npos; at = text.find(" \n")) text.erase(at, 1);
  return text + fmt::format("\nA is {}, B is {}\n", comparison.a, comparison.b);
}

}  // namespace mlib::loadgen
