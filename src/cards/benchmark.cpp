#include "cards/benchmark.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

/// Three digits that matter: 0.123, 12.3, 1234.
std::string digits(double value) {
  if (value >= 100) return fmt::format("{:.0f}", value);
  return value >= 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.3g}", value);
}

struct Shown {
  std::string_view name, before, after;
};
/// The first of each line that there is stands for it.
constexpr std::array<std::array<Shown, 3>, 4> lines{{
    {{{"ttft_p95", "TTFT p95 ", " ms"}, {"ttft_p50", "TTFT p50 ", " ms"}, {"ttft_mean", "TTFT ", " ms"}}},
    {{{"tpot_p50", "TPOT p50 ", " ms"}, {"tpot_mean", "TPOT ", " ms"}, {"", "", ""}}},
    {{{"tps_mean", "", " tokens/s"}, {"tps", "", " tokens/s"}, {"", "", ""}}},
    {{{"requests_per_second", "", " requests/s"}, {"", "", ""}, {"", "", ""}}},
}};

std::string reasons_of(const Node& results) {
  const Node* list = results.find(results_reasons);
  std::vector<std::string> all;
  if (list != nullptr && list->is_list())
    for (const Node& each : list->items())
      if (each.is_string()) all.push_back(each.string());
  return join(all, "; ");
}

constexpr std::array<std::string_view, 6> times{"ttft_", "ttfo_", "e2e_", "itl_", "tpot_", "ntpot_"};

std::vector<std::string> made_figure_names() {
  std::vector<std::string> names{"requests_per_second",
                                 "hardware_type",
                                 "hardware_count",
                                 "use_case",
                                 "goodput",
                                 "attainment",
                                 "prompt_token_throughput",
                                 "cost_per_million_output_tokens",
                                 "cost_per_million_prompt_tokens",
                                 std::string(results_verdict)};
  std::vector<std::string_view> of(times.begin(), times.end());
  of.push_back("tps_");
  for (const std::string_view each : of)
    for (const std::string_view what : {"mean", "p50", "p90", "p95", "p99"})
      names.push_back(fmt::format("{}{}", each, what));
  return names;
}

}  // namespace

const std::vector<std::string>& figure_names() {
  static const std::vector<std::string> names = made_figure_names();
  return names;
}

std::string_view unit_of_figure(std::string_view name) {
  const bool time =
      std::any_of(times.begin(), times.end(), [&](std::string_view each) { return name.starts_with(each); });
  return time ? "ms" : "";
}

std::string verdict_of(const Benchmark& benchmark) {
  // What was written by hand may lack it; how it was measured says it all the same.
  return benchmark.results.text_at({results_verdict}, benchmark.run.text_at({"verdict", "validity"}));
}

bool counts(const Benchmark& benchmark) {
  const std::string verdict = verdict_of(benchmark);
  return verdict.empty() || verdict == "valid" || verdict == "suspect";
}

std::string headline(const Benchmark& benchmark) {
  const std::string verdict = verdict_of(benchmark);
  const std::string reasons = reasons_of(benchmark.results);
  if (!counts(benchmark)) return reasons.empty() ? verdict : verdict + ": " + reasons;
  std::vector<std::string> figures;
  for (const auto& line : lines)
    for (const Shown& each : line) {
      const Node* value = each.name.empty() ? nullptr : benchmark.results.find(each.name);
      if (value == nullptr || !value->is_number()) continue;
      figures.push_back(fmt::format("{}{}{}", each.before, digits(value->number()), each.after));
      break;
    }
  std::string text = figures.empty() ? benchmark.description : join(figures, ", ");
  if (verdict.empty()) return text;
  return text +
         (reasons.empty() ? fmt::format(" ({})", verdict) : fmt::format(" ({}: {})", verdict, reasons));
}

FoundBenchmark find_benchmark(const Library& library, std::string_view id) {
  for (const Template& card : library.templates)
    for (const Benchmark& each : card.spec.benchmarks)
      if (each.id == id) return {&card, &each};
  return {};
}

FoundBenchmark get_benchmark(const Library& library, std::string_view id) {
  if (const FoundBenchmark found = find_benchmark(library, id); found.benchmark != nullptr) return found;
  std::vector<std::string> known;
  for (const Template& card : library.templates)
    for (const Benchmark& each : card.spec.benchmarks) known.push_back(each.id);
  throw Problem(Kind::not_found, fmt::format("there is no benchmark `{}`", shortened(id, 80)),
                known.empty() ? "mlib bench template NAME makes one" : suggestion(std::string(id), known));
}

}  // namespace mlib::cards
