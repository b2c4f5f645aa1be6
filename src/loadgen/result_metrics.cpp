#include "loadgen/result_metrics.hpp"

#include <fmt/format.h>

#include <cmath>

#include "loadgen/result_forms.hpp"

namespace mlib::loadgen {

double rounded(double value) { return std::round(value * 1000) / 1000; }

double short_of(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double scale = std::pow(10, 5 - std::ceil(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

namespace {

constexpr auto windows = "95 %, over ten parts of the run";
constexpr auto wilson_said = "95 %, Wilson";

Quantile quantile(std::uint64_t count, double p, std::optional<double> value,
                  const std::optional<Interval>& in) {
  Quantile made;
  if (!value || count < samples_needed(p)) {
    made.none = count == 0 ? "no samples" : fmt::format("not enough samples (needs {})", samples_needed(p));
    return made;
  }
  made.value = rounded(*value);
  if (in) {
    made.low = rounded(in->low);
    made.high = rounded(in->high);
  }
  return made;
}

Measured spread(std::string meaning, const Distribution& of, std::string none = "") {
  Measured made;
  made.meaning = std::move(meaning);
  made.unit = "ms";
  made.count = static_cast<std::int64_t>(of.count);
  made.none = std::move(none);
  if (of.count == 0) {
    if (made.none.empty()) made.none = "no samples";
    return made;
  }
  made.mean = rounded(of.mean);
  if (of.mean_in) {
    made.mean_low = rounded(of.mean_in->low);
    made.mean_high = rounded(of.mean_in->high);
    made.interval = of.p50_in ? "95 %: percentiles by order statistics, mean by ten batch means"
                              : "95 %: mean by ten batch means; gaps of an answer hang together";
  }
  made.most = rounded(of.most);
  made.p50 = quantile(of.count, 0.5, of.p50, of.p50_in);
  made.p90 = quantile(of.count, 0.9, of.p90, of.p90_in);
  made.p95 = quantile(of.count, 0.95, of.p95, of.p95_in);
  made.p99 = quantile(of.count, 0.99, of.p99, of.p99_in);
  return made;
}

Measured figure(std::string meaning, std::string unit, std::uint64_t count, double value,
                const std::optional<Interval>& in = {}, std::string interval = "") {
  Measured made;
  made.meaning = std::move(meaning);
  made.unit = std::move(unit);
  made.count = static_cast<std::int64_t>(count);
  made.value = short_of(value);
  if (!in) return made;
  made.low = short_of(in->low);
  made.high = short_of(in->high);
  made.interval = std::move(interval);
  return made;
}

void add_token_times(Dict<Measured>& all, const Metrics& metrics) {
  const std::string whole = metrics.good > 0 && metrics.ttft.count == 0 ? "answers were not streamed" : "";
  all.emplace_back("ttft",
                   spread("time to the first token, from the scheduled instant", metrics.ttft, whole));
  if (metrics.ttfo)
    all.emplace_back("ttfo",
                     spread("time to the first token that is no reasoning, from the scheduled instant",
                            *metrics.ttfo, metrics.no_ttfo));
  all.emplace_back("tpot", spread("time per output token after the first", metrics.tpot, metrics.no_tpot));
  all.emplace_back("itl", spread("gap between two tokens of an answer", metrics.itl.value_or(Distribution{}),
                                 metrics.no_itl));
  if (metrics.icl && !metrics.itl)
    all.emplace_back("icl", spread("gap between two events of an answer, whatever they hold", *metrics.icl));
}

void add_client(Dict<Measured>& all, const Metrics& metrics) {
  all.emplace_back("schedule_lag", spread("how late the client began with a request", metrics.lag));
  if (metrics.connect.count > 0)
    all.emplace_back("connect", spread("from then to the first byte sent, over a new connection: its "
                                       "making and its handshake",
                                       metrics.connect));
}

void add_latencies(Dict<Measured>& all, const Metrics& metrics) {
  const std::string whole = metrics.good > 0 && metrics.ttft.count == 0 ? "answers were not streamed" : "";
  add_token_times(all, metrics);
  all.emplace_back("e2e", spread("time to the last token, from the scheduled instant", metrics.e2e));
  const bool no_tokens = metrics.e2e.count > 0 && metrics.ntpot.count == 0;
  all.emplace_back("ntpot",
                   spread("time to the last token, from the scheduled instant, over all output tokens",
                          metrics.ntpot, no_tokens ? "answers have no tokens" : ""));
  all.emplace_back("ttft_service", spread("time to the first token, from the first byte sent; other tools' "
                                          "TTFT",
                                          metrics.ttft_service, whole));
  all.emplace_back("e2e_service",
                   spread("time to the last token, from the first byte sent", metrics.e2e_service));
  add_client(all, metrics);
}

/// Of answers that are no text: they come whole.
void add_whole_latencies(Dict<Measured>& all, const Metrics& metrics) {
  all.emplace_back("e2e", spread("time to the whole answer, from the scheduled instant", metrics.e2e));
  all.emplace_back("e2e_service",
                   spread("time to the whole answer, from the first byte sent", metrics.e2e_service));
  add_client(all, metrics);
}

void add_stalls(Dict<Measured>& all, const Stalls& stalls) {
  all.emplace_back("longest_gap", spread("longest gap between two events of an answer", stalls.longest,
                                         stalls.gaps == 0 ? stalls.none : ""));
  if (!stalls.none.empty()) return;
  all.emplace_back(
      "stalls", figure("share of the gaps between events that are above five times their median", "share",
                       stalls.gaps, static_cast<double>(stalls.stalled) / static_cast<double>(stalls.gaps)));
  const Share& answers = stalls.answers;
  all.emplace_back("stalled_answers",
                   figure("share of the answers that have such a gap", "share", answers.of, answers.value,
                          Interval{answers.low, answers.high}, wilson_said));
}

/// What one user sees of an answer: 1/TPOT falls as TPOT rises, so its median and the ends of its interval
/// are those of TPOT, turned over.
void add_user_speed(Dict<Measured>& all, const Distribution& tpot) {
  if (tpot.count == 0 || tpot.p50 <= 0) return;
  std::optional<Interval> in;
  if (tpot.p50_in && tpot.p50_in->low > 0) in = Interval{1000 / tpot.p50_in->high, 1000 / tpot.p50_in->low};
  all.emplace_back("output_token_throughput_per_user",
                   figure("output tokens a second that one user sees, 1/TPOT, median", "tokens/s", tpot.count,
                          1000 / tpot.p50, in, "95 %, by order statistics"));
}

void add_stall(Dict<Measured>& all, const ClientFacts& client) {
  if (client.stall.count() == 0) return;
  all.emplace_back("client_stall", spread("how late the client looked, at instants spread evenly over the "
                                          "run: what came then was stamped so much late",
                                          distribution_of(client.stall)));
}

/// What was sent and answered, whatever was asked for.
void add_lengths(Dict<Measured>& all, const Metrics& metrics) {
  const auto add = [&all](std::string name, std::string meaning, std::uint64_t tokens, std::uint64_t of) {
    if (tokens == 0) return;
    const double mean = static_cast<double>(tokens) / static_cast<double>(of);
    all.emplace_back(std::move(name), figure(std::move(meaning), "tokens", of, mean));
  };
  add("mean_prompt_tokens", "tokens of a prompt as the engine counts them, mean", metrics.prompt_tokens,
      metrics.prompted);
  add("mean_output_tokens", "output tokens of an answer, mean", metrics.output_tokens, metrics.good);
}

void add_attainment(Dict<Measured>& all, const Metrics& metrics) {
  if (!metrics.attainment) return;
  const Share& share = *metrics.attainment;
  all.emplace_back("attainment", figure("share of all requests offered that kept every limit", "share",
                                        share.of, share.value, Interval{share.low, share.high}, wilson_said));
  all.emplace_back(
      "goodput", figure("requests that kept every limit, each second of the run", "requests/s", share.good,
                        metrics.goodput, metrics.goodput_in, "95 %, Wilson, of the share of those offered"));
}

/// Where nobody said how many tokens there were, none is not their number.
void add_throughput(Dict<Measured>& all, const Metrics& metrics) {
  Measured made = figure("output tokens, each second of the run", "tokens/s", metrics.output_tokens,
                         metrics.tokens_per_second, metrics.tokens_in, windows);
  if (metrics.good > 0 && metrics.output_tokens == 0) {
    made.value = made.low = made.high = std::nullopt;
    made.interval.clear();
    made.none = "the engine does not say how many tokens an answer has";
  }
  all.emplace_back("output_token_throughput", std::move(made));
}

void add_prompt_throughput(Dict<Measured>& all, const Metrics& metrics) {
  if (metrics.prompt_tokens == 0) return;
  all.emplace_back("prompt_token_throughput",
                   figure("prompt tokens, each second of the run", "tokens/s", metrics.prompt_tokens,
                          metrics.prompt_tokens_per_second, metrics.prompt_tokens_in, windows));
}

/// What costs: tokens of answers, and of prompts where answers have none. Of answers that are text the whole
/// price is theirs, so that it is not told twice.
struct Priced {
  const Measured* rate = nullptr;
  std::string name, of;
};

Priced priced(const Dict<Measured>& all) {
  Priced made;
  for (const std::string what : {"output", "prompt"}) {
    for (const auto& [name, metric] : all)
      if (name == what + "_token_throughput") made.rate = &metric;
    made.name = fmt::format("cost_per_million_{}_tokens", what);
    made.of = what;
    if (made.rate != nullptr) break;
  }
  return made;
}

void add_cost(Dict<Measured>& all, const PriceText& price) {
  const Priced what = priced(all);
  if (what.rate == nullptr || what.rate->value.value_or(0) <= 0) return;
  const double a_second = price.per_hour / 3600 * 1e6;
  std::optional<Interval> in;
  if (what.rate->low.value_or(0) > 0 && what.rate->high)
    in = Interval{a_second / *what.rate->high, a_second / *what.rate->low};
  Measured cost =
      figure(fmt::format("cost of a million {} tokens at this load", what.of), price.currency,
             static_cast<std::uint64_t>(what.rate->count), a_second / *what.rate->value, in, windows);
  std::erase_if(all, [&](const auto& each) { return each.first == what.name; });
  all.emplace_back(what.name, std::move(cost));
}

}  // namespace

Dict<Measured> measured_of(bool generates, const Outcome& outcome, const std::optional<PriceText>& price) {
  const Metrics& metrics = outcome.metrics;
  Dict<Measured> all;
  if (generates) {
    add_latencies(all, metrics);
    add_stalls(all, metrics.stalls);
  } else {
    add_whole_latencies(all, metrics);
  }
  add_stall(all, outcome.client);
  all.emplace_back("request_throughput",
                   figure("good answers, each second of the run", "requests/s", metrics.good,
                          metrics.requests_per_second, metrics.requests_in, windows));
  add_prompt_throughput(all, metrics);
  if (generates) {
    add_throughput(all, metrics);
    add_user_speed(all, metrics.tpot);
  }
  add_lengths(all, metrics);
  all.emplace_back("in_flight", figure("requests out at once, mean, by Little's law", "requests",
                                       metrics.offered, metrics.in_flight, metrics.in_flight_in, windows));
  all.emplace_back("most_in_flight", figure("requests out at once, at most", "requests", metrics.offered,
                                            static_cast<double>(metrics.most_in_flight)));
  if (generates)
    all.emplace_back("coalesced", figure("share of the events that came with the one before", "share",
                                         metrics.good, metrics.coalesced));
  if (metrics.cached)
    all.emplace_back(
        "cached_prompt_tokens",
        figure("share of the prompts' tokens that came from a cache, as the engine says", "share",
               metrics.prompt_tokens, *metrics.cached, metrics.cached_in, "95 %, by ten batches"));
  add_attainment(all, metrics);
  if (outcome.engine_tokens_per_second > 0)
    all.emplace_back("engine_tokens_per_second",
                     figure("tokens a second of one answer as the engine says itself, median", "tokens/s",
                            metrics.good, outcome.engine_tokens_per_second));
  if (price) add_cost(all, *price);
  return all;
}

void add_cost(Result& result) {
  if (result.price) add_cost(result.metrics, *result.price);
}

}  // namespace mlib::loadgen
