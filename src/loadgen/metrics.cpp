#include "loadgen/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

constexpr int least_reads = 4;         // of an answer whose tokens are to be seen apart
constexpr double stall_factor = 5;     // of the median gap: a longer one is a stall
constexpr std::size_t most_told = 10;  // of the words in which an engine says why

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
      : objective_(objective), together_(loosest(objective)), window_(window), kept_(objective.size()) {}
  void add(const Sample& sample) {
    ++offered_;
    for (std::size_t i = 0; i < objective_.size(); ++i) kept_[i] += keeps(objective_[i], sample) ? 1 : 0;
    const bool all = std::all_of(together_.begin(), together_.end(),
                                 [&](const Limit& limit) { return keeps(limit, sample); });
    if (!all) return;
    ++all_;
    if (sample.good() && sample.end <= window_) ++in_time_;
  }
  void tell(Metrics& metrics) const {
    if (objective_.empty()) return;
    const bool came_whole = metrics.good > 0 && metrics.ttft.count == 0;
    const auto is_unseen = [&](const Limit& limit) { return came_whole && limit.of == Limit::Of::ttft; };
    for (std::size_t i = 0; i < objective_.size(); ++i)
      metrics.kept.push_back(is_unseen(objective_[i]) ? Share{} : wilson(kept_[i], offered_));
    if (std::any_of(objective_.begin(), objective_.end(), is_unseen)) return;
    metrics.attainment = wilson(all_, offered_);
    if (window_ > 0) {
      const Share in_time = wilson(in_time_, offered_);
      const double rate = static_cast<double>(offered_) * 1e9 / static_cast<double>(window_);
      metrics.goodput = in_time.value * rate;
      metrics.goodput_in = Interval{in_time.low * rate, in_time.high * rate};
    }
  }

 private:
  const Objective& objective_;
  Objective together_;
  Instant window_;
  std::vector<std::uint64_t> kept_;
  std::uint64_t all_ = 0, in_time_ = 0, offered_ = 0;
};

/// What single good requests have of each metric, in their order; milliseconds.
struct Gathered {
  std::vector<double> ttft, ttft_service, ttfo, e2e, e2e_service, ntpot, tpot, longest;
  std::vector<std::pair<double, double>> gaps;    ///< their sum, and how many
  std::vector<std::pair<double, double>> cached;  ///< prompt tokens from a cache, and all
  std::uint64_t events = 0, coalesced = 0, streamed_tokens = 0;
  std::uint64_t several = 0, unseen = 0;  ///< answers of several tokens, whose times are not seen apart
  std::uint64_t reasoned = 0, only_reasoning = 0;  ///< answers that had reasoning, that had nothing else
};

void gather_stream(Gathered& all, const Sample& sample) {
  all.events += static_cast<std::uint64_t>(sample.events);
  all.coalesced += static_cast<std::uint64_t>(sample.coalesced);
  all.streamed_tokens += static_cast<std::uint64_t>(shown_tokens(sample));
  if (shown_tokens(sample) > 1) {
    ++all.several;
    all.unseen += tpot_of(sample) ? 0 : 1;
  }
  if (sample.first_output >= 0) all.ttfo.push_back(ms(sample.first_output - sample.scheduled));
  if (sample.reasoning_events > 0) {
    ++all.reasoned;
    all.only_reasoning += sample.first_output < 0 ? 1 : 0;
  }
  if (sample.events < 2) return;
  all.longest.push_back(ms(sample.longest_gap));
  all.gaps.emplace_back(ms(sample.last - sample.first), sample.events - 1);
}

void gather(Gathered& all, const Sample& sample) {
  if (const auto value = ttft_of(sample)) all.ttft.push_back(*value);
  if (sample.first >= 0) all.ttft_service.push_back(ms(sample.first - sample.sent));
  if (const auto value = e2e_of(sample)) {
    all.e2e.push_back(*value);
    all.e2e_service.push_back(ms(sample.last - sample.sent));
    if (sample.tokens > 0) all.ntpot.push_back(*value / sample.tokens);
  }
  if (const auto value = tpot_of(sample)) all.tpot.push_back(*value);
  if (sample.cached_tokens >= 0 && sample.prompt_tokens > 0)
    all.cached.emplace_back(sample.cached_tokens, sample.prompt_tokens);
  if (sample.streamed) gather_stream(all, sample);
}

void count_good(Metrics& metrics, const Sample& sample) {
  ++metrics.good;
  if (!sample.finish.empty()) ++metrics.finish_reasons[shortened(sample.finish, 40)];
  metrics.usage = metrics.usage && sample.usage;
  metrics.unreadable += sample.odd_usage ? 1 : 0;
  metrics.too_long += sample.asked_tokens > 0 && sample.tokens > sample.asked_tokens ? 1 : 0;
  metrics.too_few += sample.tokens < sample.events ? 1 : 0;
  metrics.output_tokens += static_cast<std::uint64_t>(sample.tokens);
  metrics.prompt_tokens += static_cast<std::uint64_t>(std::max(sample.prompt_tokens, 0));
  metrics.whole += sample.streamed ? 0 : 1;
  metrics.prompted += sample.prompt_tokens >= 0 ? 1 : 0;
  metrics.cached_tokens += static_cast<std::uint64_t>(std::max(sample.cached_tokens, 0));
}

/// Why there is no gap between events.
std::string why_no_gap(const Metrics& metrics) {
  if (metrics.good == 0) return "no request had a good answer";
  return metrics.whole == metrics.good ? "answers were not streamed" : "no answer had two events";
}

void judge_gaps(Metrics& metrics, const Histogram& gaps, const Gathered& all) {
  if (gaps.count() == 0) {
    metrics.no_itl = why_no_gap(metrics);
    return;
  }
  metrics.icl = distribution_of(gaps);
  metrics.icl->mean_in = ratio_interval(all.gaps);
  if (static_cast<double>(all.events) < 0.98 * static_cast<double>(all.streamed_tokens))
    metrics.no_itl = fmt::format("{} events held {} tokens", all.events, all.streamed_tokens);
  else if (metrics.coalesced > 0.2)
    metrics.no_itl = fmt::format("{:.0f} % of the events came with the one before", metrics.coalesced * 100);
  else
    metrics.itl = metrics.icl;
}

void judge_unseen(Metrics& metrics, const Gathered& all) {
  if (metrics.good > 0 && all.several == 0)
    metrics.no_tpot = all.events == 0 ? "answers were not streamed" : "no answer had two tokens";
  if (all.unseen == 0) return;
  metrics.unseen = static_cast<double>(all.unseen) / static_cast<double>(all.several);
  metrics.no_tpot =
      fmt::format("{} of {} answers came in fewer than {} reads: their tokens are not seen apart", all.unseen,
                  all.several, least_reads);
}

void judge_output(Metrics& metrics, Gathered& all) {
  if (all.reasoned == 0) return;
  if (all.only_reasoning > 0)
    metrics.no_ttfo = fmt::format("{} of {} answers with reasoning ended before anything else",
                                  all.only_reasoning, all.reasoned);
  metrics.ttfo = distribution(std::move(all.ttfo));
}

void judge_stalls(Metrics& metrics, const Histogram& gaps, Gathered& all) {
  Stalls& stalls = metrics.stalls;
  stalls.gaps = gaps.count();
  stalls.limit = stall_factor * gaps.percentile(0.5) / 1e6;
  if (stalls.gaps == 0) {
    stalls.none = why_no_gap(metrics);
  } else if (stalls.limit <= 0) {
    stalls.none = "half of the events came with the one before";
  } else {
    stalls.stalled = gaps.above(stalls.limit * 1e6);
    const auto longer =
        std::count_if(all.longest.begin(), all.longest.end(), [&](double gap) { return gap > stalls.limit; });
    stalls.answers = wilson(static_cast<std::uint64_t>(longer), all.longest.size());
  }
  stalls.longest = distribution(std::move(all.longest));
}

void judge_cache(Metrics& metrics, const Gathered& all) {
  double cached = 0, prompt = 0;
  for (const auto& [of_cache, whole] : all.cached) {
    cached += of_cache;
    prompt += whole;
  }
  if (prompt <= 0) return;
  metrics.cached = cached / prompt;
  metrics.cached_in = ratio_interval(all.cached);
  if (metrics.cached_in) metrics.cached_in->low = std::max(metrics.cached_in->low, 0.0);
  if (metrics.cached_in) metrics.cached_in->high = std::min(metrics.cached_in->high, 1.0);
}

/// The most that were out at once, from when each was due to its end; who ends makes room before who begins.
std::uint64_t most_at_once(const std::vector<Sample>& samples) {
  std::vector<Instant> begins, ends;
  for (const Sample& sample : samples) {
    if (sample.end <= sample.scheduled) continue;
    begins.push_back(sample.scheduled);
    ends.push_back(sample.end);
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  std::size_t begun = 0, ended = 0, most = 0;
  for (const Instant begin : begins) {
    while (ends[ended] <= begin) ++ended;
    most = std::max(most, ++begun - ended);
  }
  return most;
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

std::map<std::string, std::uint64_t> most_frequent(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<std::pair<std::string, std::uint64_t>> all(counts.begin(), counts.end());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::map<std::string, std::uint64_t> told;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [text, count] = all[i];
    told[i < most_told || text == client_full ? text : "others"] += count;
  }
  return told;
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
  std::vector<double> lag, connect;
  Gathered all;
  Rate requests(window), tokens(window), prompts(window), busy(window);
  Keeping keeping(objective, window);
  metrics.usage = true;
  for (const Sample& sample : samples) {
    ++metrics.offered;
    if (sample.begun >= 0) lag.push_back(ms(sample.begun - sample.scheduled));
    if (sample.sent >= 0 && !sample.reused) connect.push_back(ms(sample.sent - sample.begun));
    keeping.add(sample);
    if (sample.end > sample.scheduled)
      busy.add(sample.scheduled, sample.end, static_cast<double>(sample.end - sample.scheduled) / 1e9);
    if (!sample.good()) {
      sample.unfinished ? ++metrics.unfinished : ++metrics.failed;
      ++metrics.errors[sample.error];
      continue;
    }
    count_good(metrics, sample);
    gather(all, sample);
    requests.add(sample.end, sample.end, 1);
    metrics.later += sample.end > window ? 1 : 0;
    const Instant first = sample.first < 0 ? sample.last : sample.first;
    tokens.add(first, sample.last, sample.tokens);
    prompts.add(sample.sent, first, std::max(sample.prompt_tokens, 0));
  }
  metrics.errors = most_frequent(metrics.errors);
  metrics.finish_reasons = most_frequent(metrics.finish_reasons);
  metrics.usage = metrics.usage && metrics.good > 0;
  metrics.seconds = static_cast<double>(window) / 1e9;
  metrics.lag = distribution(std::move(lag));
  metrics.connect = distribution(std::move(connect));
  metrics.ttft = distribution(std::move(all.ttft));
  metrics.ttft_service = distribution(std::move(all.ttft_service));
  metrics.e2e = distribution(std::move(all.e2e));
  metrics.e2e_service = distribution(std::move(all.e2e_service));
  metrics.ntpot = distribution(std::move(all.ntpot));
  metrics.tpot = distribution(std::move(all.tpot));
  metrics.coalesced =
      all.events == 0 ? 0 : static_cast<double>(all.coalesced) / static_cast<double>(all.events);
  judge_gaps(metrics, gaps, all);
  judge_unseen(metrics, all);
  judge_output(metrics, all);
  judge_stalls(metrics, gaps, all);
  judge_cache(metrics, all);
  metrics.requests_per_second = requests.per_second();
  metrics.tokens_per_second = tokens.per_second();
  metrics.prompt_tokens_per_second = prompts.per_second();
  metrics.in_flight = busy.per_second();
  metrics.most_in_flight = most_at_once(samples);
  if (metrics.good >= 20) {
    metrics.requests_in = requests.interval();
    metrics.tokens_in = tokens.interval();
    metrics.prompt_tokens_in = prompts.interval();
    metrics.in_flight_in = busy.interval();
  }
  keeping.tell(metrics);
  return metrics;
}

}  // namespace mlib::loadgen
