#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/histogram.hpp"
#include "loadgen/interval.hpp"
#include "loadgen/loop.hpp"
#include "loadgen/objective.hpp"
#include "loadgen/protocol.hpp"

namespace mlib::loadgen {

/// A duration over all good requests. Percentiles are nearest-rank on the samples.
struct Distribution {
  std::uint64_t count = 0;
  double mean = 0, p50 = 0, most = 0;  ///< milliseconds; 0 without samples
  /// Nothing when the sample cannot support it: at 99 % confidence a percentile p needs ln(0.01)/ln(p)
  /// samples (44 for p90 with none beyond, 90 for p95, 459 for p99; MLPerf's early stopping with no
  /// violation).
  std::optional<double> p90, p95, p99;
  /// At 95 % confidence; of the gaps between events, which hang together, only the mean's.
  std::optional<Interval> mean_in, p50_in, p90_in, p95_in, p99_in;
};

Distribution distribution_of(const Histogram& of);

/// The least number of samples for that percentile (0 < p < 1), as above.
std::uint64_t samples_needed(double p);

/// A share with its Wilson interval at 95 % confidence.
struct Share {
  std::uint64_t good = 0, of = 0;
  double value = 0, low = 0, high = 0;
};
Share wilson(std::uint64_t good, std::uint64_t of);

/// Where an answer stood still: a gap between two of its events that is above five times the median of all.
struct Stalls {
  Distribution longest;       ///< the longest gap of each streamed answer of two events or more
  double limit = 0;           ///< milliseconds: above it a gap is a stall; 0: none can be told
  std::uint64_t gaps = 0;     ///< of all answers
  std::uint64_t stalled = 0;  ///< of those
  Share answers;              ///< that had one, of all those in `longest`
  std::string none;           ///< why none can be told
};

/// The figures of one run. User latencies count from the scheduled instant, service latencies from the first
/// byte sent.
struct Metrics {
  std::uint64_t offered = 0, good = 0, failed = 0, unfinished = 0;
  std::uint64_t later = 0;  ///< good ones that ended after the window
  double seconds = 0;       ///< of the window: from the beginning of the run to the end of the load
  Distribution lag;         ///< begun − scheduled: how late the client was
  Distribution connect;     ///< sent − begun over a new connection: the network's and the handshake's
  Distribution ttft, ttft_service;  ///< of streamed answers: a whole one has no first token
  /// To the first token that is no reasoning, from the scheduled instant, where some answer had reasoning;
  /// else it would be TTFT.
  std::optional<Distribution> ttfo;
  std::string no_ttfo;  ///< which answers are not in it, and why
  Distribution e2e, e2e_service;
  Distribution ntpot;  ///< E2E over all of its tokens, the first too: of answers that have any
  /// (last − first)/(tokens − 1) of each request with two tokens or more that came in four reads or more (or
  /// as many as it has events): what came at once has no time between it. Reasoning that was counted but not
  /// sent is left out.
  Distribution tpot;
  std::string no_tpot;  ///< which ones are not in it, and why
  double unseen = 0;    ///< share of those
  std::optional<Distribution>
      itl;             ///< gaps between events; nothing when events hold several tokens or came together
  std::string no_itl;  ///< why there is none
  /// The same gaps whatever the events hold: of chunks, not of tokens.
  std::optional<Distribution> icl;
  Stalls stalls;
  double requests_per_second = 0,
         tokens_per_second = 0;  ///< good ones that ended, tokens that came, within the window
  std::optional<Interval> requests_in, tokens_in;  ///< of those, at 95 % confidence
  double prompt_tokens_per_second = 0;  ///< read within the window: from when one was sent to its first token
  std::optional<Interval> prompt_tokens_in;
  std::uint64_t prompt_tokens = 0, output_tokens = 0, cached_tokens = 0;
  std::uint64_t whole = 0;     ///< good answers that were no stream
  std::uint64_t prompted = 0;  ///< good answers that say how many tokens their prompts had
  bool usage = false;          ///< every good answer said its tokens; else events are counted
  /// Good answers whose count cannot be read, is above what they were asked to have at most, or is below
  /// their events.
  std::uint64_t unreadable = 0, too_long = 0, too_few = 0;
  double coalesced = 0;  ///< share of events that came with the same read as the one before
  double in_flight = 0;  ///< mean, by Little's law
  std::optional<Interval> in_flight_in;
  std::uint64_t most_in_flight = 0;  ///< from the scheduled instant on; who ends makes room before who begins
  /// Share of the prompts' tokens that came from a cache, of answers whose engine says so.
  std::optional<double> cached;
  std::optional<Interval> cached_in;
  /// Of all limits together, over offered load; of several limits of one metric the loosest counts. A request
  /// that the end of the run cut off kept the limit of its first token if that came in time, and no other.
  std::optional<Share> attainment;
  /// Requests a second that ended within the window and kept all limits; its interval is Wilson's of their
  /// share of those offered.
  double goodput = 0;
  std::optional<Interval> goodput_in;
  /// Of each limit alone, over offered load; of none where no good answer had a first token to limit, and
  /// then there is no attainment either.
  std::vector<Share> kept;
  std::map<std::string, std::uint64_t> errors;          ///< by text, the most frequent
  std::map<std::string, std::uint64_t> finish_reasons;  ///< of good answers, as the engine says; likewise
};

/// The ten most frequent, and what is left of them counted as `others`: an engine may put a number of its own
/// into each of its errors, and a result is not to grow by that. `client_full` is kept apart, since it is no
/// failure of the engine's.
std::map<std::string, std::uint64_t> most_frequent(const std::map<std::string, std::uint64_t>& counts);

/// Milliseconds of one request; nothing where it has none.
std::optional<double> ttft_of(const Sample& sample);
std::optional<double> tpot_of(const Sample& sample);
std::optional<double> e2e_of(const Sample& sample);

/// `window` is the end of the load in nanoseconds: of its duration, or the last scheduled instant where a
/// number of requests ended it.
Metrics measure(const std::vector<Sample>& samples, const Histogram& gaps, Instant window,
                const Objective& objective);

}  // namespace mlib::loadgen
