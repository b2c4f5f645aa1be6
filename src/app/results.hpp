#pragma once
#include <memory>
#include <string>

#include "cards/library.hpp"
#include "verbs/verb.hpp"

namespace mlib::app {

/// Results as `folder`/benchmarks/TEMPLATE/ID.yaml, made when the first is kept.
std::unique_ptr<verbs::Results> results_in(std::string folder);
/// Those of a folder that is no catalogue, as files to lay over one; none when there is no such folder.
std::vector<cards::File> read_results(const std::string& folder);
/// `folder`/benchmarks.
std::string results_folder(const std::string& folder);

}  // namespace mlib::app
