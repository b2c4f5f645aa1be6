#pragma once
#include <chrono>

#include "loadgen/result.hpp"
#include "verbs/trial.hpp"

/// What a benchmark of a template is told of what it measures, and how its result is kept.
namespace mlib::verbs {

/// Beside what is measured: cards and their revisions, engine, and what the verdict needs to know of the
/// hardware (what a token costs at least, and the most that the card says the hardware does). `hardware` ""
/// is the template's own.
loadgen::Setting setting_of(const cards::Library& library, const cards::Template& card,
                            const std::string& hardware);

/// A target's machines before anything is deployed; empty where it does not tell.
std::vector<targets::Capacity> machines_of(targets::Target& target);

/// Adds what runs to the setting: image, digest, command line and limits as they are, the machine against the
/// hardware card, and what else was promised there before.
void add_running(loadgen::Setting& setting, const std::vector<targets::Running>& running,
                 const std::vector<targets::Capacity>& machines);

/// A deployment's machines at one instant of a run, and what of them is ours.
struct Look {
  std::vector<targets::Capacity> machines;
  std::vector<targets::Running> ours;
  std::chrono::steady_clock::time_point when = {};
  double client = 0;  ///< core-seconds that this process has worked
};
/// Problem as Target::running gives it.
Look look_at(targets::Target& target, const targets::Ref& ref, Clock& clock);
/// What others did on the machines of ours between two looks, "" for nothing that matters: over the whole
/// time where a target tells what was worked, else what they use at its end, or promised themselves since.
/// `client` are the cores that whoever measured from there used.
std::string others_between(const Look& before, const Look& after, double client);

/// Where a machine of ours has less than its hardware card says, or other GPUs.
std::vector<std::string> off_card(const cards::HardwareSpec& card,
                                  const std::vector<targets::Running>& running,
                                  const std::vector<targets::Capacity>& machines);
/// Adds what speaks against a result.
void doubt(loadgen::Result& result, loadgen::Validity validity, std::string reason);
/// How often containers were started anew between the two.
int restarts_between(const std::vector<targets::Running>& before, const std::vector<targets::Running>& after);

/// The result as a card beside its template's: figures by name in `results`, none of them when it does not
/// count.
cards::BenchmarkCard card_of(const loadgen::Result& result);
/// The result that a benchmark keeps; Problem{unsupported} when it has none (figures that were written down).
loadgen::Result result_of(const cards::Benchmark& benchmark);

}  // namespace mlib::verbs
