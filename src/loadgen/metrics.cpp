#include "loadgen/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

constexpr int least_reads = 4;  // of an answer whose tokens are to be seen apart

double ms(Instant duration) { return static_cast<double>(duration) / 1e6; }

std::optional<double> supported(const std::vector<double>& sorted, double p) {
  if (sorted.size() < samples_needed(p)) return {};
  const auto rank = static_cast<std::size_t>(std::ceil(p * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

Distribution distribution(std::vector<double> values) {
  Distribution out;
  out.count = values.size();
  if (values.empty()) return out;
  out.mean_in = mean_interval(values);
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  out.mean = sum / static_cast<double>(values.size());
  out.p50 = values[(values.size() + 1) / 2 - 1];
  out.p90 = supported(values, 0.90);
  out.p95 = supported(values, 0.95);
  out.p99 = supported(values, 0.99);
  out.p50_in = percentile_interval(values, 0.50);
  if (out.p90) out.p90_in = percentile_interval(values, 0.90);
  if (out.p95) out.p95_in = percentile_interval(values, 0.95);
  if (out.p99) out.p99_in = percentile_interval(values, 0.99);
  out.most = values.back();
  return out;
}

/// Tokens that came one after another: an engine may count reasoning that it keeps to itself.
int shown_tokens(const Sample& sample) {
  const int hidden = sample.streamed && sample.reasoning_events == 0 ? sample.reasoning_tokens : 0;
  return std::max(sample.tokens - hidden, 0);
}

bool keeps(const Limit& limit, const Sample& sample) {
  // What the end of the run cut off has kept what it had reached by then.
  const bool reached = sample.unfinished && limit.of == Limit::Of::ttft;
  if (!sample.good() && !reached) return false;
  if (limit.of == Limit::Of::tpot && shown_tokens(sample) < 2) return true;
  // Not seen apart: no longer than all of the answer over its tokens.
  if (limit.of == Limit::Of::tpot && !tpot_of(sample))
    return sample.last >= 0 && ms(sample.last - sample.sent) / (shown_tokens(sample) - 1) <= limit.most;
  const auto value = limit.of == Limit::Of::ttft   ? ttft_of(sample)
                     : limit.of == Limit::Of::tpot ? tpot_of(sample)
                                                   : e2e_of(sample);
  return value && *value <= limit.most;
}

/// The loosest limit of each metric.
Objective loosest(const Objective& objective) {
  Objective out;
  for (const Limit& limit : objective) {
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const Limit& each) { return each.of == limit.of; });
    if (same == out.end())
      out.push_back(limit);
    else if (limit.most > same->most)
      *same = limit;
  }
  return out;
}

/// Counts which requests kept which limits.
class Keeping {
 public:
  Keeping(const Objective& objective, Instant window)
      : objective_(objective), together_(loosest(objective)), kept_(objective.size()), good_(window) {}
  void add(const Sample& sample) {
    ++offered_;
    for (std::size_t i = 0; i < objective_.size(); ++i) kept_[i] += keeps(objective_[i], sample) ? 1 : 0;
    const bool all = std::all_of(together_.begin(), together_.end(),
                                 [&](const Limit& limit) { return keeps(limit, sample); });
    if (!all) return;
    ++all_;
    if (sample.good()) good_.add(sample.end, sample.end, 1);
  }
  void tell(Metrics& metrics) const {
    if (objective_.empty()) return;
    metrics.attainment = wilson(all_, offered_);
    metrics.goodput = good_.per_second();
    for (const std::uint64_t each : kept_) metrics.kept.push_back(wilson(each, offered_));
  }

 private:
  const Objective& objective_;
  Objective together_;
  std::vector<std::uint64_t> kept_;
  std::uint64_t all_ = 0, offered_ = 0;
  Rate good_;
};

void judge_gaps(Metrics& metrics, const Histogram& gaps, std::uint64_t events,
                std::uint64_t streamed_tokens) {
  if (gaps.count() == 0) {
    metrics.no_itl = "answers were not streamed";
  } else if (static_cast<double>(events) < 0.98 * static_cast<double>(streamed_tokens)) {
    metrics.no_itl = fmt::format("{} events held {} tokens", events, streamed_tokens);
  } else if (metrics.coalesced > 0.2) {
    metrics.no_itl = fmt::format("{:.0f} % of the events came with the one before", metrics.coalesced * 100);
  } else {
    metrics.itl = distribution_of(gaps);
  }
}

void judge_unseen(Metrics& metrics, std::uint64_t unseen, std::uint64_t several) {
  if (unseen == 0) return;
  metrics.unseen = static_cast<double>(unseen) / static_cast<double>(several);
  metrics.no_tpot =
      fmt::format("{} of {} answers came in fewer than {} reads: their tokens are not seen apart", unseen,
                  several, least_reads);
}

}  // namespace

Distribution distribution_of(const Histogram& of) {
  Distribution out;
  out.count = of.count();
  out.mean = of.mean() / 1e6;
  out.p50 = of.percentile(0.5) / 1e6;
  const auto at = [&](double p) {
    return of.count() < samples_needed(p) ? std::optional<double>() : of.percentile(p) / 1e6;
  };
  out.p90 = at(0.90);
  out.p95 = at(0.95);
  out.p99 = at(0.99);
  out.most = ms(of.most());
  return out;
}

std::uint64_t samples_needed(double p) {
  return static_cast<std::uint64_t>(std::ceil(std::log(0.01) / std::log(p) - 1e-9));
}

Share wilson(std::uint64_t good, std::uint64_t of) {
  Share share{good, of};
  if (of == 0) return share;
  constexpr double z = 1.959964;
  const auto n = static_cast<double>(of);
  const double p = static_cast<double>(good) / n;
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  share.value = p;
  share.low = std::max(0.0, middle - half);
  share.high = std::min(1.0, middle + half);
  return share;
}

std::optional<double> ttft_of(const Sample& sample) {
  return sample.first < 0 ? std::optional<double>() : ms(sample.first - sample.scheduled);
}

std::optional<double> tpot_of(const Sample& sample) {
  const int reads = sample.events - sample.coalesced, tokens = shown_tokens(sample);
  if (!sample.streamed || tokens < 2 || sample.first < 0) return {};
  if (reads < 2 || reads < std::min(sample.events, least_reads)) return {};
  return ms(sample.last - sample.first) / (tokens - 1);
}

std::optional<double> e2e_of(const Sample& sample) {
  return sample.last < 0 ? std::optional<double>() : ms(sample.last - sample.scheduled);
}

Metrics measure(const std::vector<Sample>& samples, const Histogram& gaps, Instant window,
                const Objective& objective) {
  Metrics metrics;
  std::vector<double> lag, connect, ttft, ttft_service, e2e, e2e_service, tpot;
  std::uint64_t events = 0, coalesced = 0, streamed_tokens = 0, several = 0, unseen = 0;
  double busy = 0;
  Rate requests(window), tokens(window);
  Keeping keeping(objective, window);
  metrics.usage = true;
  for (const Sample& sample : samples) {
    ++metrics.offered;
    if (sample.begun >= 0) lag.push_back(ms(sample.begun - sample.scheduled));
    if (sample.sent >= 0 && !sample.reused) connect.push_back(ms(sample.sent - sample.begun));
    keeping.add(sample);
    busy += static_cast<double>(std::min(sample.end, window) - std::min(sample.scheduled, window));
    if (!sample.good()) {
      sample.unfinished ? ++metrics.unfinished : ++metrics.failed;
      ++metrics.errors[sample.error];
      continue;
    }
    ++metrics.good;
    if (!sample.finish.empty()) ++metrics.finish_reasons[shortened(sample.finish, 40)];
    if (const auto value = ttft_of(sample)) ttft.push_back(*value);
    if (sample.first >= 0) ttft_service.push_back(ms(sample.first - sample.sent));
    if (const auto value = e2e_of(sample)) e2e.push_back(*value);
    if (sample.last >= 0) e2e_service.push_back(ms(sample.last - sample.sent));
    if (const auto value = tpot_of(sample)) tpot.push_back(*value);
    if (sample.streamed && shown_tokens(sample) > 1) {
      ++several;
      unseen += tpot_of(sample) ? 0 : 1;
    }
    requests.add(sample.end, sample.end, 1);
    tokens.add(sample.first < 0 ? sample.last : sample.first, sample.last, sample.tokens);
    metrics.usage = metrics.usage && sample.usage;
    metrics.output_tokens += static_cast<std::uint64_t>(sample.tokens);
    metrics.prompt_tokens += static_cast<std::uint64_t>(std::max(sample.prompt_tokens, 0));
    metrics.cached_tokens += static_cast<std::uint64_t>(std::max(sample.cached_tokens, 0));
    if (!sample.streamed) continue;
    events += static_cast<std::uint64_t>(sample.events);
    coalesced += static_cast<std::uint64_t>(sample.coalesced);
    streamed_tokens += static_cast<std::uint64_t>(shown_tokens(sample));
  }
  metrics.usage = metrics.usage && metrics.good > 0;
  metrics.seconds = static_cast<double>(window) / 1e9;
  metrics.lag = distribution(std::move(lag));
  metrics.connect = distribution(std::move(connect));
  metrics.ttft = distribution(std::move(ttft));
  metrics.ttft_service = distribution(std::move(ttft_service));
  metrics.e2e = distribution(std::move(e2e));
  metrics.e2e_service = distribution(std::move(e2e_service));
  metrics.tpot = distribution(std::move(tpot));
  metrics.coalesced = events == 0 ? 0 : static_cast<double>(coalesced) / static_cast<double>(events);
  judge_gaps(metrics, gaps, events, streamed_tokens);
  judge_unseen(metrics, unseen, several);
  metrics.requests_per_second = requests.per_second();
  metrics.tokens_per_second = tokens.per_second();
  if (metrics.good >= 20) {
    metrics.requests_in = requests.interval();
    metrics.tokens_in = tokens.interval();
  }
  if (window > 0) metrics.in_flight = busy / static_cast<double>(window);
  keeping.tell(metrics);
  return metrics;
}

}  // namespace mlib::loadgen
