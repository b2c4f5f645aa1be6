#include "loadgen/result_forms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

std::string exact(const std::optional<double>& value) { return value ? fmt::format("{}", *value) : ""; }
std::string exact(const std::optional<Quantile>& quantile) { return quantile ? exact(quantile->value) : ""; }

/// RFC 4180; what a spreadsheet would take for a formula is made a text.
std::string csv_cell(std::string text) {
  if (!text.empty() && std::string_view("=+-@\t").find(text[0]) != std::string_view::npos) text = "'" + text;
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_line(const std::vector<std::string>& cells, bool figures_from_6 = true) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    line += figures_from_6 && i >= 6 && i < 17 ? cells[i] : csv_cell(cells[i]);
  }
  return line + "\r\n";
}

/// What Markdown would take for markup, made plain.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : one_line(text)) {
    if (std::string_view("\\|*_`<>[]#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

std::string interval_of(const std::optional<double>& low, const std::optional<double>& high) {
  return low && high ? fmt::format(" [{}, {}]", digits(*low), digits(*high)) : "";
}

std::string markdown_figures(const Result& result) {
  std::string text =
      markdown_row({"", "count", "mean", "p50", "p90", "p95", "p99"}) + "|---|--:|--:|--:|--:|--:|--:|\n";
  const auto cell = [](const std::optional<Quantile>& quantile) {
    if (!quantile) return std::string("-");
    if (!quantile->value) return plain(quantile->none);
    return digits(*quantile->value) + interval_of(quantile->low, quantile->high);
  };
  for (const auto& [name, title] : latency_titles()) {
    const Measured* metric = find_metric(result, name);
    if (metric == nullptr) continue;
    if (!metric->mean) {
      text += markdown_row(
          {fmt::format("{}, ms", title), std::to_string(metric->count), plain(metric->none), "", "", "", ""});
      continue;
    }
    text += markdown_row({fmt::format("{}, ms", title), std::to_string(metric->count),
                          digits(*metric->mean) + interval_of(metric->mean_low, metric->mean_high),
                          cell(metric->p50), cell(metric->p90), cell(metric->p95), cell(metric->p99)});
  }
  text += "\n" + markdown_row({"", "value", "unit"}) + "|---|--:|---|\n";
  for (const auto& [name, metric] : result.metrics)
    if (metric.value)
      text +=
          markdown_row({plain(metric.meaning), digits(*metric.value) + interval_of(metric.low, metric.high),
                        plain(metric.unit)});
  return text;
}

std::string label_value(const std::string& text) {
  std::string out;
  for (const char c : one_line(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

/// Times become seconds, as Prometheus has them.
std::pair<std::string, double> prometheus_unit(const std::string& name, const Measured& metric) {
  if (metric.unit == "ms") return {name + "_seconds", 1e-3};
  return {name, 1};
}

}  // namespace

std::string csv_text(const Result& result) {
  const std::string reasons = join(result.verdict.reasons, "; ");
  std::string text =
      csv_line({"id",   "when", "validity", "reasons",   "ended", "metric", "unit", "count", "value", "low",
                "high", "mean", "mean_low", "mean_high", "p50",   "p90",    "p95",  "p99",   "most",  "none"},
               false);
  if (result.metrics.empty()) {  // nothing was measured: a line that says why
    std::vector<std::string> cells(20);
    cells[0] = result.id;
    cells[1] = result.when;
    cells[2] = result.verdict.validity;
    cells[3] = reasons;
    cells[4] = result.ended;
    cells.back() = result.cause;
    text += csv_line(cells);
  }
  for (const auto& [name, metric] : result.metrics)
    text += csv_line({result.id,
                      result.when,
                      result.verdict.validity,
                      reasons,
                      result.ended,
                      name,
                      metric.unit,
                      std::to_string(metric.count),
                      exact(metric.value),
                      exact(metric.low),
                      exact(metric.high),
                      exact(metric.mean),
                      exact(metric.mean_low),
                      exact(metric.mean_high),
                      exact(metric.p50),
                      exact(metric.p90),
                      exact(metric.p95),
                      exact(metric.p99),
                      exact(metric.most),
                      why_none(metric)});
  return text;
}

std::string markdown_text(const Result& result) {
  std::string text = fmt::format("# Benchmark {}\n\n**{}.** {}\n\n", plain(result.id), verdict_title(result),
                                 plain(result.description));
  for (const std::string& reason : result.verdict.reasons) text += "- " + plain(reason) + "\n";
  if (!result.verdict.reasons.empty()) text += "\n";
  if (result.ended != "failed")
    text += markdown_figures(result) + "\n" + plain(counts_text(result)) + ".\n\n";
  if (!result.objective.empty()) {
    text += markdown_row({"limit", "holds", "share of requests"}) + "|---|---|--:|\n";
    for (const LimitText& each : result.objective)
      text += markdown_row({plain(each.limit), each.holds, share_text(each)});
    text += "\n";
  }
  for (const std::string& remark : remarks(result)) text += plain(remark) + "\n";
  text += fmt::format("\nMeasured {} at {} by mlib {} ({} cores, {}), seed {}.\n", result.when,
                      plain(result.subject.url), plain(result.client.version), result.client.cores,
                      plain(result.client.cpu), result.load.seed);
  return text;
}

std::string prometheus_text(const Result& result) {
  const std::string labels =
      fmt::format(R"(id="{}",validity="{}",model="{}",template="{}",hardware="{}")", label_value(result.id),
                  result.verdict.validity, label_value(result.workload.model),
                  label_value(result.subject.template_name), label_value(result.subject.hardware));
  std::string text;
  const auto head = [&](const std::string& name, const std::string& help) {
    text += fmt::format("# HELP mlib_benchmark_{0} {1}\n# TYPE mlib_benchmark_{0} gauge\n", name, help);
  };
  const auto sample = [&](const std::string& name, std::string_view statistic, double value) {
    text += fmt::format("mlib_benchmark_{}{{{}{}}} {}\n", name, labels,
                        statistic.empty() ? "" : fmt::format(R"(,statistic="{}")", statistic), value);
  };
  head("valid", "1 when the figures may be believed; the label says which verdict");
  sample("valid", "", result.verdict.validity == "valid" ? 1 : 0);
  for (const std::string& reason : result.verdict.reasons)
    text += fmt::format("# {}: {}\n", result.verdict.validity, label_value(reason));
  head("requests", "Requests of the run, by how they ended");
  sample("requests", "good", static_cast<double>(result.counts.good));
  sample("requests", "failed", static_cast<double>(result.counts.failed));
  sample("requests", "unfinished", static_cast<double>(result.counts.unfinished));
  if (result.verdict.validity == "invalid") return text;  // its figures are nobody's, whoever ranks them
  for (const auto& [key, metric] : result.metrics) {
    if (const std::string why = why_none(metric); !why.empty())
      text += fmt::format("# mlib_benchmark_{}: {}\n", key, label_value(why));
    if (!metric.value && !metric.mean) continue;
    const auto [name, factor] = prometheus_unit(key, metric);
    head(name, metric.meaning + (metric.unit == "ms" ? "" : ", " + metric.unit));
    // Milliseconds have three places, seconds then six.
    const auto scaled = [factor = factor](double value) {
      return factor == 1 ? value : std::stod(fmt::format("{:.6f}", value * factor));
    };
    if (metric.value) sample(name, "", scaled(*metric.value));
    if (metric.mean) sample(name, "mean", scaled(*metric.mean));
    const std::pair<std::string_view, const std::optional<Quantile>*> quantiles[] = {
        {"p50", &metric.p50}, {"p90", &metric.p90}, {"p95", &metric.p95}, {"p99", &metric.p99}};
    for (const auto& [statistic, quantile] : quantiles)
      if (*quantile && (*quantile)->value) sample(name, statistic, scaled(*(*quantile)->value));
  }
  return text;
}

Dict<std::string> forms_of(const Result& result) {
  return {{"csv", csv_text(result)},
          {"html", html_text(result)},
          {"llm-d", llm_d_text(result)},
          {"markdown", markdown_text(result)},
          {"prometheus", prometheus_text(result)}};
}

Dict<std::string> forms_of(const std::vector<Result>& results) {
  std::string csv, markdown;
  for (const Result& result : results) {
    const std::string one = csv_text(result);
    csv += csv.empty() ? one : one.substr(one.find("\r\n") + 2);
    markdown += (markdown.empty() ? "" : "\n") + markdown_text(result);
  }
  return {{"csv", csv}, {"markdown", markdown}};
}

}  // namespace mlib::loadgen
