#pragma once
#include <string>
#include <vector>

#include "targets/cause.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// A container of ours as podman's inspect tells it.
struct SeenContainer {
  std::string id;
  std::string name;
  std::string title;
  std::string role;
  std::string state;  ///< created, running, exited, stopped, …
  std::string error;  ///< podman's own, when it could not start it
  int exit_code = 0;
  int restarts = 0;
  int tries = 0;                     ///< restarts after which podman gives up
  std::string image, digest;         ///< as it was asked for, and sha256:… of what runs
  std::vector<std::string> command;  ///< the program and its arguments
  std::string started;
  std::string finished;
  std::int64_t memory = 0;  ///< limit in bytes; 0: none
  double cpus = 0;          ///< limit; 0: none
  bool out_of_memory = false;
  bool stopped = false;  ///< by a command: podman starts what failed by itself again, and did not
  Node labels = Node::map();

  bool running() const { return state == "running"; }
  bool ended() const { return state == "exited" || state == "stopped" || state == "dead"; }
  std::string label(std::string_view name) const { return labels.text_at({name}); }
};

/// From `GET libpod/containers/NAME/json`.
SeenContainer seen(const Node& inspect);

/// What asking the endpoint gave: `status` is 0 when nothing answered, and then `error` says why.
struct Probe {
  std::string url;
  int status = 0;
  std::string error;
  bool any_status = false;  ///< there is no health path: any answer means that it is ready
  bool ready() const { return any_status ? status > 0 : status >= 200 && status < 400; }
};

/// All that the status of a deployment follows from.
struct Sight {
  Ref ref;
  std::vector<SeenContainer> containers;
  Probe probe;
  bool was_ready = false;   ///< since the main container started
  bool just_ended = false;  ///< the main container, so that podman may still start it again
  std::string log;          ///< end of the log of the container that `culprit` gives
  int last_exit_code = -1;  ///< of a run before this one; -1: not known
};

/// The container to blame or to watch: a failed init, an ended container, a running init, else main; null
/// when there is none.
const SeenContainer* culprit(const std::vector<SeenContainer>& containers);

/// Why a container ended, by its exit code (-1: not known), its memory limit and the end of its log.
Cause why_ended(const SeenContainer& container, int exit_code, std::string_view log,
                const cards::Causes& causes);

/// Pure: the status for people.
Status status_of(const Sight& sight, const cards::Causes& causes);

}  // namespace mlib::targets
