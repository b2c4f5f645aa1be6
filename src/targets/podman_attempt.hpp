#pragma once
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "targets/podman_api.hpp"

namespace mlib::targets {

/// What an attempt works with.
struct Attempting {
  Libpod& podman;
  net::Client& client;
  Clock& clock;
  const PodmanOptions& options;
  const LineSink& progress;
  const Cancel& cancel;
};

/// One try to run a deployment in place of what runs now. Unless `keep` is reached, its end undoes it: what
/// it made is removed, and what ran before runs again under its old name.
class Attempt {
 public:
  Attempt(const Attempting& with, const Ref& ref, PodmanApp app, std::vector<SeenContainer> before);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void get_images();
  void make_storage();
  /// Runs the init containers one after the other, their logs as progress; what ran before still runs.
  void prepare();
  /// Replaces what ran before by the new main container and its sidecars.
  void run(int port);
  /// Problem{failed} with exit code and telling line when a container dies within the time to settle.
  void settle();
  /// Makes it final: what ran before is removed.
  void keep();

 private:
  void get_image(const PodmanContainer& container);
  void set_aside(std::string_view role);
  void tell_log(const std::string& id, const std::string& title, const std::string& from);
  void run_init(const PodmanContainer& container);
  std::string start_main(int port, int container_port);
  void sort_out_leftovers();
  [[noreturn]] void died(const SeenContainer& container);
  void undo();
  void bring_back(const SeenContainer& container);
  void remove_storage();

  Attempting with_;
  Ref ref_;
  PodmanApp app_;
  std::vector<SeenContainer> before_;  ///< with the names they have now
  std::vector<std::string> stopped_;   ///< ids that ran until we stopped them
  std::vector<std::string> made_;      ///< ids, oldest first
  std::vector<std::string> made_volumes_;
  bool done_ = false;
};

}  // namespace mlib::targets
