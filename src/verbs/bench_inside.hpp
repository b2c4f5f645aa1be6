#pragma once
#include "loadgen/result.hpp"
#include "verbs/trial.hpp"

namespace mlib::verbs {

/// Who measures from inside the cluster: this program in an image, as a Job.
struct Inside {
  const World& world;
  const Caller& caller;
  const Tell& tell;
  const Cancel& cancel;
  std::string image, key;
  std::string requests;  ///< the file of those that were somebody's own, or ""
  std::string target;
  TargetOptions reach;
  std::chrono::milliseconds start_timeout;
};

/// The name of the client beside a trial.
std::string client_name(const std::string& trial);
/// Where the deployment's first Service answers inside the cluster, by the manifest as it was applied; ""
/// when it has none.
std::string inside_url(const std::string& manifest, const std::string& namespace_name);
/// The last JSON document of a log, whose first and last line are `{` and `}`; "" when there is none (yet).
std::string json_of_log(const std::vector<std::string>& lines);

/// Problem{too_large} for more requests of one's own than a client inside can be given.
void check_inside(const loadgen::Plan& plan, const std::string& requests);

/// Measures `plan` by a Job of this program beside the trial, and reads the result from its log. The Job,
/// with what it reads, is recorded, and removed, as the trial itself. Problem{failed} with what the Job said,
/// Problem{timeout} with what it waits for.
loadgen::Result measure_inside(const Inside& inside, Trial& trial, loadgen::Plan plan,
                               const loadgen::Setting& setting);

}  // namespace mlib::verbs
