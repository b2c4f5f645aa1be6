#pragma once
#include <chrono>

#include "net/client.hpp"
#include "targets/podman_phase.hpp"
#include "targets/podman_spec.hpp"

namespace mlib::targets {

/// Asks the endpoint of a main container once (its health path, or `/`), for at most `timeout`; never throws
/// for what the endpoint does.
Probe probe(net::Client& client, const SeenContainer& main, std::chrono::milliseconds timeout);

/// A TCP port of 127.0.0.1 that nobody listens on at this moment.
int free_port();

/// Hard limits of this process, at most podman's defaults.
Machine this_machine();

}  // namespace mlib::targets
