#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "cards/library.hpp"

namespace mlib::cards {

/// What a Watch looks at and whom it tells; the functions are called from the Watch's own thread.
struct WatchOptions {
  std::string folder;
  /// Makes the library anew; may throw Problem.
  std::function<std::shared_ptr<const Library>()> load;
  /// A new library (another version, or poked). What is broken in it is in its findings.
  std::function<void(std::shared_ptr<const Library>)> changed;
  /// The library could not be made at all; the old one stays in force.
  std::function<void(const Problem&)> failed;
  /// So long nothing must happen before it is loaded: editors and `git pull` write more than once.
  std::chrono::milliseconds quiet{200};
};

/// Loads a folder of cards again whenever a file below it changes (inotify), or when poked.
class Watch {
 public:
  /// `version`: of the library in force, so that an unchanged one is not told. Problem{unavailable} when the
  /// system gives no more watches.
  Watch(WatchOptions options, std::string version);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Loads now, changed or not; may be called from a signal handler (SIGHUP).
  void poke() noexcept;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace mlib::cards
