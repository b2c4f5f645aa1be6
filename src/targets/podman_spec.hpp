#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// Hard limits of this process: podman's own defaults are higher than what a nested machine lets it set.
struct Machine {
  std::uint64_t files = 1'048'576;
  std::uint64_t processes = 4'194'304;
  std::vector<std::string> held = {};  ///< podman's secrets of the deployment, for Desired::keeps_secrets
  std::string generation = {};         ///< of what runs
};

/// A value that containers read: as a variable or as a file.
struct PodmanSecret {
  std::string name;
  Secret<std::string> bytes;
};

/// A named volume. `claim` is the PersistentVolumeClaim it stands for and is kept; "" is scratch space that
/// goes with the containers.
struct PodmanVolume {
  std::string name;
  std::string claim;
};

struct PodmanContainer {
  std::string name;   ///< podman's
  std::string title;  ///< the objects'
  std::string image;
  std::string pull;  ///< Always, IfNotPresent or Never
  Node body;         ///< of POST libpod/containers/create
};

/// A deployment as podman's containers: `inits` run one after the other, then `main` (it serves the endpoint
/// and holds the network that `sidecars` join).
struct PodmanApp {
  std::vector<PodmanContainer> inits;
  PodmanContainer main;
  std::vector<PodmanContainer> sidecars;
  std::vector<PodmanSecret> secrets;
  std::vector<std::string> held;  ///< podman's secrets of what ran before that are used again
  std::vector<PodmanVolume> volumes;
  std::vector<std::string> notes;  ///< what the objects ask for and this machine does not have, for people
};

/// `mlib.NAMESPACE.NAME`: the main container's name. A DNS label has no dot and no `_`, so no two deployments
/// share a name or a prefix.
std::string podman_name(const Ref& ref);
/// `mlib.NAMESPACE_CLAIM`: the volume of a claim.
std::string claim_volume(const Ref& ref, std::string_view claim);

/// What the names of its podman secrets begin with: short, since 4.3 takes 64 characters.
std::string secret_prefix(const Ref& ref);

/// The rendered objects as containers; pure. `generation` (hex) names this apply's secrets and scratch
/// volumes. Throws Problem{unsupported} for what podman cannot do (the kind or field is named),
/// Problem{not_found} for a Secret or ConfigMap that is not among the objects.
PodmanApp to_containers(const Desired& desired, const std::string& generation, const Machine& machine);

/// The body of `main`, its endpoint published on 127.0.0.1:`host_port` only.
Node published(const PodmanContainer& main, int container_port, int host_port);

}  // namespace mlib::targets
