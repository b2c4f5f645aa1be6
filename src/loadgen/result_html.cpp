#include <fmt/format.h>

#include "base/text.hpp"
#include "loadgen/result_forms.hpp"
#include "loadgen/result_plots.hpp"
#include "schema/document.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::string_view style = R"css(
:root{--text:#1c2330;--soft:#5a6475;--back:#fff;--card:#f4f6f9;--grid:#dfe4ea;--line:#1f6feb;--limit:#b3261e;
--good:#1a7f37;--doubt:#9a6700;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--text:#e6e9ef;--soft:#9aa5b5;--back:#12161c;--card:#1b2129;
--grid:#2c343f;--line:#6cb0ff;--limit:#ff8a80;--good:#56d364;--doubt:#e3b341;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .5rem}p{margin:.3rem 0}
.soft,figcaption,th{color:var(--soft)}
.verdict{border-left:5px solid;background:var(--card);border-radius:4px;padding:.7rem 1rem;margin:1rem 0}
.verdict strong{font-size:1.05rem}.verdict ul{margin:.3rem 0 0;padding-left:1.2rem}
.valid{border-color:var(--good)}.suspect{border-color:var(--doubt)}.invalid{border-color:var(--bad)}
.valid strong{color:var(--good)}.suspect strong{color:var(--doubt)}.invalid strong{color:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem}
.tiles div{background:var(--card);border-radius:6px;padding:.6rem .8rem}
.doubted b{opacity:.45}.tiles b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--grid);text-align:right;vertical-align:top}
th:first-child,td:first-child,.words td,.words th{text-align:left}
.words td:first-child{white-space:nowrap;color:var(--soft)}.words td{overflow-wrap:anywhere}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(19rem,1fr));gap:1rem}
figure{margin:0;background:var(--card);border-radius:6px;padding:.6rem}svg{display:block;width:100%;height:auto}
svg text{font:9.5px system-ui,sans-serif;fill:var(--soft)}svg text.limit{fill:var(--limit)}
.grid{stroke:var(--grid)}.curve{fill:none;stroke:var(--line);stroke-width:1.8}
.limit{stroke:var(--limit);stroke-dasharray:4 3}text.limit{stroke:none}.dot{fill:var(--line);opacity:.65}
@media print{body{max-width:none}}
)css";

std::string escaped(const std::string& text) { return html_escaped(one_line(text)); }

std::string verdict_box(const Result& result) {
  std::string html = fmt::format("<div class=\"verdict {}\"><strong>{}</strong>", result.verdict.validity,
                                 escaped(verdict_title(result)));
  if (!result.verdict.reasons.empty()) {
    html += "<ul>";
    for (const std::string& reason : result.verdict.reasons) html += "<li>" + escaped(reason) + "</li>";
    html += "</ul>";
  }
  return html + "</div>\n";
}

std::string tile(const std::string& title, const std::string& value) {
  return fmt::format("<div><span class=\"soft\">{}</span><b>{}</b></div>", escaped(title), escaped(value));
}

std::string tiles(const Result& result) {
  std::string html =
      fmt::format("<div class=\"tiles{}\">", result.verdict.validity == "invalid" ? " doubted" : "");
  const std::pair<std::string_view, std::string_view> latencies[] = {
      {"ttft", "TTFT"}, {"tpot", "TPOT"}, {"e2e", "E2E"}};
  const Measured* first = find_metric(result, "ttft");
  for (const auto& [name, title] : latencies) {
    const Measured* metric = find_metric(result, name);
    if (name == "e2e" && first != nullptr && first->count > 0) continue;  // of whole answers it says all
    if (metric == nullptr || !metric->p50 || !metric->p50->value) continue;
    html += tile(fmt::format("{}, median", title), digits(*metric->p50->value) + " ms");
    if (metric->p95 && metric->p95->value)
      html += tile(fmt::format("{}, 95th percentile", title), digits(*metric->p95->value) + " ms");
  }
  const std::pair<std::string_view, std::string_view> figures[] = {
      {"request_throughput", "requests/s"},
      {"prompt_token_throughput", "prompt tokens/s"},
      {"output_token_throughput", "output tokens/s"},
      {"goodput", "requests/s within limits"}};
  for (const auto& [name, title] : figures)
    if (const Measured* metric = find_metric(result, name); metric != nullptr && metric->value)
      html += tile(std::string(title), digits(*metric->value));
  for (const std::string_view of : {"output", "prompt"})
    if (const Measured* cost = find_metric(result, fmt::format("cost_per_million_{}_tokens", of)))
      html += tile(fmt::format("per million {} tokens", of), digits(*cost->value) + " " + cost->unit);
  return html + "</div>\n";
}

std::string with_interval(const std::string& value, const std::optional<double>& low,
                          const std::optional<double>& high) {
  if (!low || !high) return value;
  return fmt::format("{}<br><span class=\"soft\">{}–{}</span>", value, digits(*low), digits(*high));
}

std::string quantile_cell(const std::optional<Quantile>& quantile) {
  if (!quantile || !quantile->value)
    return fmt::format("<td class=\"soft\">{}</td>", escaped(quantile ? quantile->none : "-"));
  return "<td>" + with_interval(digits(*quantile->value), quantile->low, quantile->high) + "</td>";
}

std::string figures_table(const Result& result) {
  std::string html =
      "<h2>Latency, ms</h2><div class=\"scroll\"><table><tr><th></th><th>count</th><th>mean</th><th>p50</th>"
      "<th>p90</th><th>p95</th><th>p99</th><th>most</th></tr>";
  for (const auto& [name, title] : latency_titles()) {
    const Measured* metric = find_metric(result, name);
    if (metric == nullptr) continue;
    html += fmt::format("<tr><td>{}<br><span class=\"soft\">{}</span></td><td>{}</td>", title,
                        escaped(metric->meaning), metric->count);
    if (!metric->mean) {
      html += fmt::format("<td colspan=\"6\" class=\"soft\">{}</td></tr>", escaped(metric->none));
      continue;
    }
    html += "<td>" + with_interval(digits(*metric->mean), metric->mean_low, metric->mean_high) + "</td>";
    for (const auto& quantile : {metric->p50, metric->p90, metric->p95, metric->p99})
      html += quantile_cell(quantile);
    html += fmt::format("<td>{}</td></tr>", digits(metric->most.value_or(0)));
  }
  html += "</table></div>\n<h2>The whole run</h2><div class=\"scroll\"><table>";
  for (const auto& [name, metric] : result.metrics)
    if (metric.value)
      html += fmt::format(
          "<tr><td>{}</td><td>{} {}</td></tr>", escaped(metric.meaning),
          digits(*metric.value) + (metric.low && metric.high
                                       ? fmt::format(" [{}, {}]", digits(*metric.low), digits(*metric.high))
                                       : ""),
          escaped(metric.unit));
  return html + "</table></div>\n<p>" + escaped(counts_text(result)) + ".</p>\n";
}

std::vector<Mark> marks_of(const Result& result, std::string_view name) {
  std::vector<Mark> marks;
  for (const LimitText& each : result.objective)
    for (const Limit& limit : objective_of(each.limit))
      if (to_text(limit).rfind(std::string(name) + "_p", 0) == 0) marks.push_back({limit.most, each.limit});
  return marks;
}

std::string plots(const Result& result) {
  if (!result.samples) return "";
  const SamplesText& samples = *result.samples;
  std::string html = share_plot("Time to the first token", samples.ttft, marks_of(result, "ttft")) +
                     share_plot("Time per output token", samples.tpot, marks_of(result, "tpot")) +
                     share_plot("Time to the last token", samples.e2e, marks_of(result, "e2e")) +
                     time_plot("Time to the first token, over the run", samples.at, samples.ttft) +
                     time_plot("Time to the last token, over the run", samples.at, samples.e2e);
  if (html.empty()) return "";
  return "<h2>Distributions and course</h2><div class=\"plots\">" + html + "</div>\n";
}

std::string objective_table(const Result& result) {
  if (result.objective.empty()) return "";
  std::string html =
      "<h2>Objective</h2><table><tr><th>limit</th><th>holds</th><th>share of the requests</th></tr>";
  for (const LimitText& each : result.objective)
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>", escaped(each.limit), each.holds,
                        share_text(each));
  return html + "</table>\n";
}

void add_rows(std::string& html, std::string_view part, const Node& node) {
  if (!node.is_map()) return;
  for (const schema::Entry& entry : node.entries()) {
    const std::string value = entry.value.is_string() ? entry.value.string() : schema::to_json(entry.value);
    html += fmt::format("<tr><td>{} {}</td><td>{}</td></tr>", part, escaped(entry.key), escaped(value));
  }
}

std::string environment_table(const Result& result) {
  std::string html = "<h2>What was measured, how, and by whom</h2><table class=\"words\">";
  add_rows(html, "subject", schema::encode(result.subject));
  add_rows(html, "workload", schema::encode(result.workload));
  add_rows(html, "load", schema::encode(result.load));
  add_rows(html, "client", schema::encode(result.client));
  if (result.price) add_rows(html, "price", schema::encode(*result.price));
  return html + "</table>\n";
}

}  // namespace

std::string html_text(const Result& result) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<meta "
      "name=\"color-scheme\" content=\"light dark\">\n<title>Benchmark {}</title>\n<style>{}</style></head>\n"
      "<body>\n<h1>{}</h1>\n<p class=\"soft\">{} at {}, result {}</p>\n",
      escaped(result.id), style, escaped(result.description), escaped(result.when),
      escaped(result.subject.url), escaped(result.id));
  html += verdict_box(result);
  if (result.ended != "failed")
    html += tiles(result) + objective_table(result) + plots(result) + figures_table(result);
  for (const std::string& remark : remarks(result)) html += "<p class=\"soft\">" + escaped(remark) + "</p>\n";
  return html + environment_table(result) + "</body></html>\n";
}

}  // namespace mlib::loadgen
