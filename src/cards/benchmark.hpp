#pragma once
#include <string>

#include "cards/library.hpp"

/// How much a result may be believed, and its headline.
///
/// `results` of a Benchmark holds the figures that are compared as plain numbers by name (`ttft_p95` in
/// milliseconds, `tps_mean` in tokens a second, `requests_per_second`, …), `verdict` (valid, suspect,
/// invalid, or failed: nothing was measured) with `reasons`, and under `run` all that is known of the run.
namespace mlib::cards {

/// The keys of `results` that are no figures.
inline constexpr std::string_view results_verdict = "verdict", results_reasons = "reasons";

/// What of a benchmark may be asked for before anybody measured it (by the names of Kubeflow's performance
/// artifacts, where it has them); all but these are plain numbers: hardware_type, use_case, verdict.
const std::vector<std::string>& figure_names();
/// `ms` of a time (ttft_p95), "" of other figures.
std::string_view unit_of_figure(std::string_view name);

/// `valid`, `suspect`, `invalid`, `failed`; "" for figures that somebody wrote down without one.
std::string verdict_of(const Benchmark& benchmark);
/// Whether its figures may be shown as numbers, compared and ranked: those of an invalid or failed one never.
bool counts(const Benchmark& benchmark);
/// For people, one line: `TTFT p95 120 ms, TPOT p50 8.1 ms, 61 tokens/s (valid)`,
/// `invalid: the client was late …`, `failed: …`.
std::string headline(const Benchmark& benchmark);

/// A benchmark with the template that it was measured on; null pointers when there is none of that id.
struct FoundBenchmark {
  const Template* measured = nullptr;
  const Benchmark* benchmark = nullptr;
};
FoundBenchmark find_benchmark(const Library& library, std::string_view id);
/// The same, or Problem{not_found} with the nearest id.
FoundBenchmark get_benchmark(const Library& library, std::string_view id);

}  // namespace mlib::cards
