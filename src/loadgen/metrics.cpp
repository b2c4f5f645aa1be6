#include "loadgen/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace mlib::loadgen {
namespace {

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
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  out.mean = sum / static_cast<double>(values.size());
  out.p50 = values[(values.size() + 1) / 2 - 1];
  out.p90 = supported(values, 0.90);
  out.p95 = supported(values, 0.95);
  out.p99 = supported(values, 0.99);
  out.most = values.back();
  return out;
}

Distribution distribution(const Histogram& gaps) {
  Distribution out;
  out.count = gaps.count();
  out.mean = gaps.mean() / 1e6;
  out.p50 = gaps.percentile(0.5) / 1e6;
  const auto at = [&](double p) {
    return gaps.count() < samples_needed(p) ? std::optional<double>() : gaps.percentile(p) / 1e6;
  };
  out.p90 = at(0.90);
  out.p95 = at(0.95);
  out.p99 = at(0.99);
  out.most = ms(gaps.most());
  return out;
}

bool keeps(const Objective& objective, const Sample& sample) {
  const auto within = [](const std::optional<double>& limit, const std::optional<double>& value) {
    return !limit || (value && *value <= *limit);
  };
  const std::optional<double> tpot = sample.tokens > 1 ? tpot_of(sample) : std::optional<double>(0);
  return sample.good() && within(objective.ttft, ttft_of(sample)) && within(objective.tpot, tpot) &&
         within(objective.e2e, e2e_of(sample));
}

void judge_gaps(Metrics& metrics, const Histogram& gaps, std::uint64_t events,
                std::uint64_t streamed_tokens) {
  if (gaps.count() == 0) {
    metrics.no_itl = "answers were not streamed";
  } else if (static_cast<double>(events) < 0.98 * static_cast<double>(streamed_tokens)) {
    metrics.no_itl = fmt::format("{} events held {} tokens", events, streamed_tokens);
  } else if (metrics.coalesced > 0.2) {
    metrics.no_itl = fmt::format("{:.0f} % of the events came with the one before", metrics.coalesced * 100);
  } else {
    metrics.itl = distribution(gaps);
  }
}

}  // namespace

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
  if (!sample.streamed || sample.tokens < 2 || sample.first < 0) return {};
  return ms(sample.last - sample.first) / (sample.tokens - 1);
}

std::optional<double> e2e_of(const Sample& sample) {
  return sample.last < 0 ? std::optional<double>() : ms(sample.last - sample.scheduled);
}

Metrics measure(const std::vector<Sample>& samples, const Histogram& gaps, Instant window,
                const Objective& objective) {
  Metrics metrics;
  std::vector<double> lag, ttft, ttft_service, e2e, e2e_service, tpot;
  std::uint64_t events = 0, coalesced = 0, streamed_tokens = 0, kept = 0, ended_within = 0;
  double tokens_within = 0, busy = 0;
  metrics.usage = true;
  for (const Sample& sample : samples) {
    ++metrics.offered;
    if (sample.sent >= 0) lag.push_back(ms(sample.sent - sample.scheduled));
    if (keeps(objective, sample)) ++kept;
    busy += static_cast<double>(std::min(sample.end, window) - std::min(sample.scheduled, window));
    if (!sample.good()) {
      sample.unfinished ? ++metrics.unfinished : ++metrics.failed;
      ++metrics.errors[sample.error];
      continue;
    }
    ++metrics.good;
    if (const auto value = ttft_of(sample)) ttft.push_back(*value);
    if (sample.first >= 0) ttft_service.push_back(ms(sample.first - sample.sent));
    if (const auto value = e2e_of(sample)) e2e.push_back(*value);
    if (sample.last >= 0) e2e_service.push_back(ms(sample.last - sample.sent));
    if (const auto value = tpot_of(sample)) tpot.push_back(*value);
    if (sample.end <= window) ++ended_within;
    if (sample.last > sample.first && sample.last > window)
      tokens_within += sample.tokens * std::clamp(static_cast<double>(window - sample.first) /
                                                      static_cast<double>(sample.last - sample.first),
                                                  0.0, 1.0);
    else if (sample.last <= window)
      tokens_within += sample.tokens;
    metrics.usage = metrics.usage && sample.usage;
    metrics.output_tokens += static_cast<std::uint64_t>(sample.tokens);
    metrics.prompt_tokens += static_cast<std::uint64_t>(std::max(sample.prompt_tokens, 0));
    metrics.cached_tokens += static_cast<std::uint64_t>(std::max(sample.cached_tokens, 0));
    if (!sample.streamed) continue;
    events += static_cast<std::uint64_t>(sample.events);
    coalesced += static_cast<std::uint64_t>(sample.coalesced);
    streamed_tokens += static_cast<std::uint64_t>(sample.tokens);
  }
  metrics.usage = metrics.usage && metrics.good > 0;
  metrics.seconds = static_cast<double>(window) / 1e9;
  metrics.lag = distribution(std::move(lag));
  metrics.ttft = distribution(std::move(ttft));
  metrics.ttft_service = distribution(std::move(ttft_service));
  metrics.e2e = distribution(std::move(e2e));
  metrics.e2e_service = distribution(std::move(e2e_service));
  metrics.tpot = distribution(std::move(tpot));
  metrics.coalesced = events == 0 ? 0 : static_cast<double>(coalesced) / static_cast<double>(events);
  judge_gaps(metrics, gaps, events, streamed_tokens);
  if (window > 0) {
    metrics.requests_per_second = static_cast<double>(ended_within) / metrics.seconds;
    metrics.tokens_per_second = tokens_within / metrics.seconds;
    metrics.in_flight = busy / static_cast<double>(window);
  }
  if (objective.ttft || objective.tpot || objective.e2e) metrics.attainment = wilson(kept, metrics.offered);
  return metrics;
}

}  // namespace mlib::loadgen
