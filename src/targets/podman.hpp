#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cards/cause.hpp"
#include "net/client.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// How this machine's podman is reached and what is kept beside it.
struct PodmanOptions {
  /// Path of podman's REST socket; "": those of `sockets` that answer, else a service that we start and end.
  std::string socket = {};
  /// Where a running service may listen; the app adds $XDG_RUNTIME_DIR/podman/podman.sock and the like.
  std::vector<std::string> sockets = {"/run/podman/podman.sock"};
  /// The command that starts podman, with its global options: what a service of our own is started with.
  std::vector<std::string> command = {"podman"};
  /// Folder of ours where the target notes which deployments have been ready; "": nothing is noted.
  std::string state = {};
  /// How long apply watches new containers for an early death; an endpoint that answers ends it earlier.
  std::chrono::milliseconds settle{3'000};
  /// What the words of podman and of engines' logs mean.
  cards::Causes causes = {};
};

/// Deployments as containers of this machine (podman 4.3 to 5): one replica, its endpoint on a free port of
/// 127.0.0.1. docs/adr/0004-containers-without-yaml.md says how objects become containers. Constructing it
/// starts nothing; a call throws Problem{unavailable} when podman is not there or cannot run, with what is
/// missing.
std::unique_ptr<Target> podman_target(net::Client& client, Clock& clock, PodmanOptions options = {});

}  // namespace mlib::targets
