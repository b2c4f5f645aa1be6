#pragma once
#include <string>
#include <string_view>

#include "loadgen/result.hpp"

/// The forms that a result is shown in. None shows a figure without the verdict.
namespace mlib::loadgen {

/// At most 80 columns, for a terminal.
std::string people_text(const Result& result);
/// RFC 4180, one metric a row; of a result that was not measured one row with the cause.
std::string csv_text(const Result& result);
std::string markdown_text(const Result& result);
/// One page that needs nothing else: styles and plots are in it, no script runs, light and dark.
std::string html_text(const Result& result);
/// llm-d's benchmark report 0.2 (github.com/llm-d/llm-d-benchmark), as JSON. Of an invalid result it has no
/// latencies and throughputs, since who reads those looks for no verdict.
std::string llm_d_text(const Result& result);
/// Prometheus text format 0.0.4, for a textfile collector or a push gateway; times in seconds. Of an invalid
/// result only that it is, and its requests.
std::string prometheus_text(const Result& result);

/// All but people_text by the name of their output: csv, html, llm-d, markdown, prometheus.
Dict<std::string> forms_of(const Result& result);
/// Those that several results have together: csv and markdown.
Dict<std::string> forms_of(const std::vector<Result>& results);

// --- what they share

/// The metric of that name; null pointer when there is none.
const Measured* find_metric(const Result& result, std::string_view name);
/// Three digits that count, without an exponent: 1234, 12.3, 0.123.
std::string digits(double value);
/// `1 user`, `8 users`.
std::string users_text(double users);
/// Controls made visible, in one line.
std::string one_line(std::string_view text);
/// `12.3`, or why there is none: `needs 459`.
std::string cell_of(const std::optional<Quantile>& quantile);
/// Why there is no figure, or no percentile: `p99: not enough samples (needs 459)`; "" when all are there.
std::string why_none(const Measured& metric);
/// The metrics that are distributions, in the order people read them, with the title of each.
const std::vector<std::pair<std::string_view, std::string_view>>& latency_titles();
/// `chat of gemma…`: `valid`, `SUSPECT` or `INVALID: do not use these figures`.
std::string verdict_title(const Result& result);
/// Sentences beside the figures: whether the network is part of them, where token counts come from, what
/// the intervals are.
std::vector<std::string> remarks(const Result& result);
/// How many requests kept a limit: `97.6 % [94.4, 99.0]`, or that nobody saw.
std::string share_text(const LimitText& limit);
/// `200 of 205 requests had a good answer, 5 failed: 5 × HTTP 503`.
std::string counts_text(const Result& result);

}  // namespace mlib::loadgen
