#pragma once
#include "loadgen/verdict.hpp"
#include "loadgen/workload.hpp"

namespace mlib::loadgen {

/// All that decides a run; the same plan sends the same requests at the same instants.
struct Plan {
  Endpoint endpoint;
  std::string path = {};  ///< "": the protocol's
  Secret<std::string> bearer = {};
  Asking asking;
  Workload workload;
  Arrivals arrivals;        ///< of an open loop
  std::uint32_t users = 0;  ///< above 0: a closed loop
  Instant think = 0;        ///< of a closed loop
  Stop stop;
  Instant timeout = 120 * second, drain = 30 * second;
  int warm_up = 1;  ///< requests before, one after another, that do not count
  std::uint64_t seed = 1;
  Objective objective;
  std::size_t memory = 0;  ///< bytes of all answers under way; 0: 16 MiB
};

/// Problem{usage} for a limit of what its answers do not show: whole ones have no first token.
void check_objective(const Plan& plan);

/// What came of it.
struct Outcome {
  std::vector<Sample> samples;  ///< by index
  Metrics metrics;
  Verdict verdict;
  ClientFacts client;
  std::string schedule;                 ///< fingerprint of an open loop's, or ""
  double engine_tokens_per_second = 0;  ///< median of what the engine says of single answers, or 0
  bool interrupted = false;             ///< by `cancel`; what was measured until then
};

/// Users of a closed loop hold conversations where the workload has them; an open loop asks the first
/// question of each. Warms up, runs, measures and judges. Answers are decoded on a thread of their own.
/// A warm-up that fails as a target does for a moment (429, 5xx, a reset, an error of the engine's) is tried
/// on for some seconds; how its requests failed is a reason of the verdict, which takes nothing away.
/// Problem{usage} for a plan that makes no sense, Problem{failed} when its last request was asked of nobody,
/// in vain or wrongly (with the cause), Problem{unavailable} when the host is not known.
Outcome bench(const Plan& plan, const Cancel& cancel, const LiveSink& live = {},
              const RecordSink& record = {});

}  // namespace mlib::loadgen
