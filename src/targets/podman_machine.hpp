#pragma once
#include <string>
#include <vector>

#include "targets/podman_api.hpp"

namespace mlib::targets {

/// `12.5 MiB`; bytes below a KiB as `12 bytes`.
std::string size_text(std::int64_t bytes);
/// This machine: what it has, the limits of the containers that run on it (of others too), and what is in
/// use, of its CPUs over a fifth of a second. Which GPUs it has podman does not tell.
Capacity capacity_of(Libpod& podman);
/// Core-seconds that this machine's CPUs have worked, by what /proc/stat says; nothing when that is not its
/// text.
std::optional<double> worked_by(const std::string& stat);
/// Target::running.
std::vector<Running> running_of(Libpod& podman, const Ref& ref);
/// The claims of a deployment and the volumes that hold them, with their sizes.
std::vector<std::string> storage_of(Libpod& podman, const Ref& ref);

}  // namespace mlib::targets
