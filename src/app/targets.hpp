#pragma once
#include <string>
#include <utility>
#include <vector>

#include "app/environment.hpp"
#include "net/client.hpp"
#include "verbs/verb.hpp"

namespace mlib::app {

/// The targets, in reading order; the first is the default. Nothing is started or looked for before one is
/// used. `client` and `clock` outlive them; `state` is the folder of the state.
std::vector<std::pair<std::string, verbs::MakeTarget>> make_targets(net::Client& client, Clock& clock,
                                                                    const Environment& environment,
                                                                    const std::string& state);

}  // namespace mlib::app
