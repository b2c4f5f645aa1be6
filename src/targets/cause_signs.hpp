#pragma once
#include <string>
#include <vector>

#include "targets/cause.hpp"

namespace mlib::targets {

/// A sign of failure in what a cluster says, and what shows it.
struct Symptom {
  cards::Sign sign;
  std::string evidence = {};   ///< "": the sign's text
  std::string pod = {};        ///< whose log may tell more
  std::string container = {};  ///< of that pod
  bool previous = false;       ///< that log is the previous run's
  bool repeated = false;       ///< it has happened again and again
};

/// Signs of one thing: a container, a claim, a pod. Those of the place `scheduler` belong together, all
/// others are told one at a time.
using Symptoms = std::vector<Symptom>;

/// All signs, the most telling group first.
std::vector<Symptoms> symptoms_of(const Seen& seen);

/// That the rollout takes too long; empty when it does not.
Symptoms lateness_of(const Seen& seen);

}  // namespace mlib::targets
