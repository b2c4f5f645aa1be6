#pragma once
#include <memory>

#include "app/environment.hpp"
#include "cli/run.hpp"

namespace mlib::app {

/// Where the cards come from: a folder over the shipped flags, rules, causes and protocols, or with "" what
/// is embedded and the results that lie in `state`.
std::vector<cards::File> catalogue_files(const std::string& folder, const std::string& state);
std::shared_ptr<const cards::Library> load_catalogue(const std::string& folder, const std::string& state);
/// The folder of the state that was asked for.
std::string state_of(const cli::Options& options, const Environment& environment);

/// The world of this process: catalogue, state, targets.
class Ground final : public cli::Ground {
 public:
  /// `lasting`: a server, which watches a cluster from the first look on.
  Ground(const cli::Options& options, const Environment& environment, bool lasting = false);
  ~Ground() override;
  const verbs::World& world() const override;
  verbs::Shelf& shelf();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace mlib::app
