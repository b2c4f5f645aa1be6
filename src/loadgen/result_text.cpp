#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "base/wrapped.hpp"
#include "loadgen/result_forms.hpp"

namespace mlib::loadgen {
namespace {

/// A line of a list.
std::string listed(const std::string& text) { return "- " + wrapped(text, 2) + "\n"; }

std::string padded(const std::string& text, std::size_t columns) {
  const std::size_t length = utf8_length(text);
  return length >= columns ? text : std::string(columns - length, ' ') + text;
}

std::string latency_line(std::string_view title, const Measured& metric) {
  std::string line = fmt::format("{:<14}", title);
  if (metric.count == 0 || !metric.mean) return line + "  none: " + metric.none + "\n";
  std::string mean = digits(*metric.mean);
  if (metric.mean_low && metric.mean_high)
    mean += fmt::format(" ±{}", digits((*metric.mean_high - *metric.mean_low) / 2));
  line += padded(std::to_string(metric.count), 8) + padded(mean, 16);
  for (const auto& quantile : {metric.p50, metric.p90, metric.p95, metric.p99})
    line += padded(cell_of(quantile), 10);
  return line + "\n";
}

std::string figure_of(const Result& result, std::string_view name, std::string_view after) {
  const Measured* metric = find_metric(result, name);
  if (metric == nullptr || !metric->value) return "";
  std::string text = digits(*metric->value);
  if (metric->low && metric->high)
    text += fmt::format(" [{}, {}]", digits(*metric->low), digits(*metric->high));
  return text + std::string(after);
}

std::string objective_text(const Result& result) {
  std::string text;
  for (const LimitText& each : result.objective) {
    if (each.of == 0) {
      text += listed(fmt::format("{} is not known: no answer had a first token", each.limit));
      continue;
    }
    const std::string holds = each.holds == "yes"  ? "holds"
                              : each.holds == "no" ? "does NOT hold"
                                                   : "is undecided (measure longer)";
    text += listed(fmt::format("{} {}: {} of the requests kept it", each.limit, holds, share_text(each)));
  }
  return text.empty() ? "" : "\nObjective\n" + text;
}

/// A share as `12.3 % [10.1, 14.8]`; "" when there is none.
std::string percent_of(const Result& result, std::string_view name) {
  const Measured* metric = find_metric(result, name);
  if (metric == nullptr || !metric->value) return "";
  std::string text = fmt::format("{:.3g} %", *metric->value * 100);
  if (metric->low && metric->high)
    text += fmt::format(" [{:.3g}, {:.3g}]", *metric->low * 100, *metric->high * 100);
  return text;
}

bool above_zero(const Result& result, std::string_view name) {
  const Measured* metric = find_metric(result, name);
  return metric != nullptr && metric->value.value_or(0) > 0;
}

/// What is worth a line only where there is something to tell.
std::string rest_text(const Result& result) {
  std::string text;
  if (above_zero(result, "stalls"))
    text += listed(fmt::format(
        "{} of the gaps between events are stalls, above five times their median; {} of the answers have one",
        percent_of(result, "stalls"), percent_of(result, "stalled_answers")));
  if (above_zero(result, "cached_prompt_tokens"))
    text += listed(percent_of(result, "cached_prompt_tokens") + " of the prompts' tokens came from a cache");
  if (find_metric(result, "goodput") != nullptr)
    text += listed(fmt::format("{} of the requests kept every limit, {} each second",
                               percent_of(result, "attainment"), figure_of(result, "goodput", "")));
  if (result.price)
    for (const std::string_view of : {"output", "prompt"})
      if (const std::string cost = figure_of(result, fmt::format("cost_per_million_{}_tokens", of), "");
          !cost.empty())
        text += listed(fmt::format("{} {} per million {} tokens at this load ({} {} an hour)", cost,
                                   result.price->currency, of, digits(result.price->per_hour),
                                   result.price->currency));
  return text;
}

/// What a request really had, as the engine counts; the heading says what was asked for.
std::string lengths_text(const Result& result) {
  std::vector<std::string> lengths{figure_of(result, "mean_prompt_tokens", " tokens in"),
                                   figure_of(result, "mean_output_tokens", " tokens out")};
  std::erase(lengths, "");
  return lengths.empty() ? "" : listed("a request had " + join(lengths, " and ") + ", on average");
}

/// The most important first. What an answer without tokens or stream does not have is told once.
std::string figures_text(const Result& result) {
  constexpr std::string_view always[] = {"ttft", "tpot", "itl", "e2e"};
  std::string text = fmt::format("{:<14}{:>8}{:>16}{:>10}{:>10}{:>10}{:>10}\n", "", "COUNT", "MEAN, ms",
                                 "P50", "P90", "P95", "P99");
  for (const auto& [name, title] : latency_titles()) {
    const Measured* metric = find_metric(result, name);
    const bool needed = std::find(std::begin(always), std::end(always), name) != std::end(always);
    if (metric != nullptr && (needed || metric->count > 0)) text += latency_line(title, *metric);
  }
  if (text.find(" needs ") != std::string::npos)
    text += "needs N: not enough samples for that percentile, it needs N of them\n";
  text += "\n" + listed(counts_text(result));
  std::vector<std::string> figures{
      figure_of(result, "request_throughput", " requests/s"),
      figure_of(result, "prompt_token_throughput", " prompt tokens/s"),
      figure_of(result, "output_token_throughput", " output tokens/s"),
      figure_of(result, "output_token_throughput_per_user", " tokens/s for each user"),
      figure_of(result, "in_flight", " requests out at once")};
  std::erase(figures, "");
  return text + listed(join(figures, ", ")) + lengths_text(result) + rest_text(result);
}

}  // namespace

const Measured* find_metric(const Result& result, std::string_view name) {
  for (const auto& [key, metric] : result.metrics)
    if (key == name) return &metric;
  return nullptr;
}

std::string digits(double value) {
  const double size = std::abs(value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  if (size >= 0.9995) return fmt::format("{:.2f}", value);
  if (size == 0) return "0";
  if (size >= 0.0995) return fmt::format("{:.3f}", value);
  return fmt::format("{:.2g}", value);
}

std::string users_text(double users) { return fmt::format("{:.0f} user{}", users, users == 1 ? "" : "s"); }

std::string one_line(std::string_view text) {
  std::string out = visible(text);
  for (char& c : out)
    if (c == '\n' || c == '\t') c = ' ';
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

std::string cell_of(const std::optional<Quantile>& quantile) {
  if (!quantile) return "-";
  if (quantile->value) return digits(*quantile->value);
  const std::size_t open = quantile->none.find('(');
  return open == std::string::npos ? "-" : quantile->none.substr(open + 1, quantile->none.size() - open - 2);
}

std::string why_none(const Measured& metric) {
  std::string text = metric.none;
  const std::pair<std::string_view, const std::optional<Quantile>*> quantiles[] = {
      {"p50", &metric.p50}, {"p90", &metric.p90}, {"p95", &metric.p95}, {"p99", &metric.p99}};
  for (const auto& [name, quantile] : quantiles)
    if (*quantile && !(*quantile)->value)
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", name, (*quantile)->none);
  return text;
}

const std::vector<std::pair<std::string_view, std::string_view>>& latency_titles() {
  static const std::vector<std::pair<std::string_view, std::string_view>> titles{
      {"ttft", "TTFT"},
      {"ttfo", "TTFO"},
      {"tpot", "TPOT"},
      {"itl", "ITL"},
      {"icl", "ICL"},
      {"e2e", "E2E"},
      {"ntpot", "NTPOT"},
      {"longest_gap", "longest gap"},
      {"ttft_service", "TTFT, service"},
      {"e2e_service", "E2E, service"},
      {"schedule_lag", "schedule lag"}};
  return titles;
}

std::string verdict_title(const Result& result) {
  if (result.ended == "failed") return "FAILED: nothing was measured";
  std::string title = result.verdict.validity == "valid"     ? "valid"
                      : result.verdict.validity == "suspect" ? "SUSPECT: doubt these figures"
                                                             : "INVALID: do not use these figures";
  if (result.ended == "interrupted") title += " (interrupted)";
  return title;
}

std::string counts_text(const Result& result) {
  const Counts& counts = result.counts;
  std::string text = fmt::format("{} of {} requests had a good answer", counts.good, counts.offered);
  if (counts.failed > 0) text += fmt::format(", {} failed", counts.failed);
  if (counts.unfinished > 0) text += fmt::format(", {} had none when the run ended", counts.unfinished);
  std::string causes;
  for (const auto& [cause, count] : counts.errors)
    causes += fmt::format("{}{} × {}", causes.empty() ? "" : "; ", count, shortened(one_line(cause), 120));
  return causes.empty() ? text : text + ": " + causes;
}

std::string share_text(const LimitText& limit) {
  if (limit.of == 0) return "not known";
  return fmt::format("{:.1f} % [{:.1f}, {:.1f}]", limit.share * 100, limit.low * 100, limit.high * 100);
}

std::vector<std::string> remarks(const Result& result) {
  std::vector<std::string> all;
  if (result.client.position == "outside")
    all.push_back("The network from this machine to there is part of what was measured.");
  if (result.client.position == "same-machine")
    all.push_back("Client and engine shared this machine: the client's own work is part of it.");
  const WorkloadText& asked = result.workload;
  if (asked.prompt_length == "estimated")
    all.push_back("Lengths of prompts are estimated: one token for each word.");
  if (asked.tokenizer)
    all.push_back(
        fmt::format("Lengths of prompts are exact by {} (sha256 {}), without what a chat's template or "
                    "the engine adds.",
                    one_line(asked.tokenizer->file), asked.tokenizer->sha256.substr(0, 12)));
  if (result.counts.output_tokens > 0 && !result.counts.usage)
    all.push_back("The engine does not say how many tokens an answer has: events were counted.");
  if (result.ended != "failed")
    all.push_back(
        fmt::format("{} from the instant a request was due, service from when it was sent. ± and "
                    "[ ] are 95 % intervals.",
                    find_metric(result, "ttft") == nullptr ? "E2E counts" : "TTFT and E2E count"));
  return all;
}

std::string people_text(const Result& result) {
  std::string text = wrapped(verdict_title(result) + ". " + one_line(result.description), 0) + "\n";
  for (const std::string& reason : result.verdict.reasons) text += listed(one_line(reason));
  if (result.ended != "failed") text += "\n" + figures_text(result) + objective_text(result);
  text += "\n";
  for (const std::string& remark : remarks(result)) text += wrapped(remark, 0) + "\n";
  return text + fmt::format("Result {}, seed {}\n", result.id, result.load.seed);
}

}  // namespace mlib::loadgen
