#include "app/ground.hpp"

#include "app/targets.hpp"
#include "net/client.hpp"

namespace mlib::app {

struct Ground::Parts {
  Parts(const cli::Options& options, const Environment& environment)
      : state(options.state.empty() ? environment.state : options.state),
        shelf(load_catalogue(options.catalog)),
        store(store::lazy_store([folder = state] { return store::sqlite_store(folder); })) {}

  std::string state;
  std::unique_ptr<net::Client> client = net::make_client();
  verbs::Shelf shelf;
  std::unique_ptr<store::Store> store;
  SystemClock clock;
  render::PolicyFile policy;
  std::optional<verbs::World> world;
};

std::shared_ptr<const cards::Library> load_catalogue(const std::string& folder) {
  return folder.empty() ? cards::load(cards::embedded(), "catalog")
                        : cards::load(cards::read_folder(folder), folder);
}

Ground::Ground(const cli::Options& options, const Environment& environment)
    : parts_(std::make_unique<Parts>(options, environment)) {
  Parts& parts = *parts_;
  parts.world.emplace(verbs::World{parts.shelf, *parts.store, parts.clock,
                                   make_targets(*parts.client, parts.clock, environment, parts.state),
                                   parts.policy});
}

Ground::~Ground() = default;
const verbs::World& Ground::world() const { return *parts_->world; }
verbs::Shelf& Ground::shelf() { return parts_->shelf; }

}  // namespace mlib::app
