#pragma once
#include "loadgen/result.hpp"
#include "verbs/verb.hpp"

/// What `bench template` measures one after another.
namespace mlib::verbs {

/// One thing to measure of a template.
struct Point {
  std::string hardware;  ///< never ""
  cards::Dict<Node> set;
  std::string title;  ///< "num_cpus=4", or "" when there is only one
};

/// Every hardware with every combination of swept values (`NAME=VALUE,VALUE`), each laid over `set`.
/// Problem{usage} for a parameter that the framework does not have or that is swept twice, for a value that
/// it never takes, for secrets, and for more than 200 points; Problem{not_found} for unknown hardware.
std::vector<Point> points_of(const cards::Library& library, const cards::Template& card,
                             const std::vector<std::string>& hardware, const std::vector<std::string>& sweep,
                             const cards::Dict<Node>& set);

/// The benchmark of the template that measured what `planned` would do (a result that is not measured yet):
/// the same cards, values, target, load and seed; a null pointer when there is none, or it failed.
const cards::Benchmark* done_already(const cards::Template& card, const loadgen::Result& planned);
/// Those of the template that were to measure the same as `planned` and failed: what is measured now takes
/// their place.
std::vector<std::string> failed_before(const cards::Template& card, const loadgen::Result& planned);

}  // namespace mlib::verbs
