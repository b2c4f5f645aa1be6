#pragma once
#include <string>
#include <vector>

#include "loadgen/metrics.hpp"

namespace mlib::loadgen {

enum class Validity { valid, suspect, invalid };
std::string_view to_text(Validity validity);

/// Whether a result may be believed, and why not, in plain words with their numbers.
struct Verdict {
  Validity validity = Validity::valid;
  std::vector<std::string> reasons;
};

/// What else is known of a run.
struct Circumstances {
  bool open_loop = true;
  bool even_load = true;           ///< its rate or number of users is the same all along
  double asked_output_tokens = 0;  ///< at most, mean of the good answers; 0: not known
  bool may_end = false;            ///< the engine may end an answer before that
  bool streams = false;            ///< answers were asked for as a stream
  bool shared_prefix = false;
  std::string warm_up = {};         ///< which of its requests failed, in words
  const Histogram* gaps = nullptr;  ///< between events, where they were kept
};

/// What is known of the hardware and the run beyond what the client sees; 0 or "": not known.
struct Known {
  double step_bytes = 0;   ///< that the engine reads at least for each token: its active weights
  double bandwidth = 0;    ///< of the hardware's memory, bytes/s
  double token_flops = 0;  ///< of one token, at least: 2 for each active parameter
  double flops = 0;        ///< of the hardware at its best, 1/s
  int restarts = 0;        ///< of the deployment during the run
  std::string other_load;  ///< what else ran there
};

/// Invalid: no good answer, above 10 % errors, p99 of the lag (or the highest percentile that has the
/// samples) above 1 ms and 1 % of the median TTFT or, of whole answers, E2E (the client was late: an open
/// loop's latencies then belong to another load), answers that it had no memory for, a loop that worked for
/// above 90 % of its core, or one that half of the time looked later than 5 ms and a fourth of the median ITL
/// (else TPOT, TTFT, E2E). Suspect: above 1 % errors, unfinished requests, fewer than 44 good ones, an even
/// load whose answers were not steady (overload, drift, warm-up: steady.hpp), a prefix cache that answered
/// unshared prompts, above 70 % of a core, a loop that at one of 200 instants looked later than 0.1 ms and 4
/// % of that median, or whose late looks may put the highest percentile of ITL off by 1 % (lateness.hpp),
/// answers shorter than half of what was asked, above 1 % whose count of tokens cannot be (none at all, more
/// than asked, fewer than events) or that came whole where a stream was asked for, more than a tenth of the
/// answers whose tokens came at once, an objective that no request meets. One that every request meets is
/// said, and takes nothing away; neither do answers shorter than half of what was asked where the engine may
/// end them.
Verdict judge(const Metrics& metrics, const std::vector<Sample>& samples, const ClientFacts& client,
              const Circumstances& circumstances);

/// Adds what only those can tell who know the hardware. Invalid: tokens came faster than its memory can be
/// read (weights/TPOT) or than it computes, or it was started anew. Suspect: something else ran there.
void judge_known(Verdict& verdict, const Metrics& metrics, const Known& known);
/// Adds a suspicion of the caller's own.
void suspect(Verdict& verdict, std::string reason);

}  // namespace mlib::loadgen
