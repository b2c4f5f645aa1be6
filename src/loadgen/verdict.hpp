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
  int asked_prompt_tokens = 0;     ///< mean; 0: not known
  double asked_output_tokens = 0;  ///< mean; 0: the engine ends when it likes
  bool shared_prefix = false;
};

/// Invalid: no good answer, above 10 % errors, p99 of the lag above 1 ms and 1 % of the median TTFT (the
/// client was late: an open loop's latencies then belong to another load), or a loop that used above 90 % of
/// its core. Suspect: above 1 % errors, unfinished requests, fewer than 44 good ones, drift (the second
/// half's median latency is off the first's by more than a quarter and more than its spread), a prefix cache
/// that answered unshared prompts, above 70 % of a core, answers shorter than half of what was asked, an
/// objective that is never or always met.
Verdict judge(const Metrics& metrics, const std::vector<Sample>& samples, const ClientFacts& client,
              const Circumstances& circumstances);

}  // namespace mlib::loadgen
