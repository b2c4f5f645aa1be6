#pragma once
#include "verbs/deploying.hpp"

/// Deployments that live for one benchmark.
namespace mlib::verbs {

/// The user they are made for.
inline constexpr std::string_view bench_user = "benchmark";

/// Takes a line of progress.
using Tell = std::function<void(const std::string& line)>;

/// The name of a template's: `benchmark-TEMPLATE`, with its end made a checksum where that is too long.
std::string trial_name(const std::string& template_name);

/// Had by a benchmark from before it deploys until it has removed what it deployed; Problem{conflict} when
/// another one has it.
std::unique_ptr<store::Hold> hold_trial(const World& world, const targets::Ref& ref);

/// Removes what benchmarks left that were killed: their deployments (each was recorded before it was made),
/// with their storage, and half-written results. What cannot be removed now is told, and stays recorded for
/// the next start. `reach` as of the call.
void remove_leftovers(const World& world, const Caller& caller, const TargetOptions& reach, const Tell& tell);

/// Removes a recorded one with its storage. Problem as delete_deployment gives it.
void remove_trial(const World& world, const Caller& caller, const store::Deployment& record,
                  const TargetOptions& reach);

/// Removes a deployment with its storage when it goes; what cannot be removed now stays recorded.
struct Removal {
  const World& world;
  const Caller& caller;
  const Tell& tell;
  targets::Ref ref;
  std::string target;
  TargetOptions reach;
  ~Removal();
};

/// A deployment for one measurement. It is removed, with its storage, when this goes, however that comes
/// about; what cannot be removed stays recorded.
class Trial {
 public:
  /// Deploys for user `benchmark` and waits until it answers; Problem as deploy gives it. `arguments` names
  /// namespace, name and target, and nothing of that name is there.
  Trial(const World& world, const Caller& caller, DeployArguments arguments, const Tell& tell,
        const Cancel& cancel);
  const std::string& endpoint() const { return deployed_.endpoint; }
  targets::Target& target() { return *target_; }
  const std::string& target_name() const { return deployed_.target; }
  targets::Ref ref() const { return ref_; }

 private:
  DeployArguments arguments_;
  targets::Ref ref_;
  Removal removal_;  ///< made before anything is deployed
  std::unique_ptr<targets::Target> target_;
  Deployed deployed_;
};

}  // namespace mlib::verbs
