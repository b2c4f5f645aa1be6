#include "cards/watch.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mlib::cards {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// A file descriptor that is closed at the end.
class Descriptor {
 public:
  Descriptor(int number, std::string_view what) : number_(number) {
    if (number < 0)
      throw Problem(Kind::unavailable, fmt::format("the system gives no {}: {}", what, std::strerror(errno)),
                    "see fs.inotify.max_user_instances and ulimit -n");
  }
  ~Descriptor() { close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

constexpr std::uint32_t interesting = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;

}  // namespace

class Watch::Loop {
 public:
  Loop(WatchOptions options, std::string version)
      : options_(std::move(options)),
        version_(std::move(version)),
        inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify instance"),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "event descriptor") {
    watched_ = watch_all();
  }

  void run() {
    while (!ending_) {
      const bool changed = wait(watched_ ? -1 : retry_.count()) || !watched_;
      if (ending_) return;
      if (poked_.exchange(false)) {
        reload(true);
      } else if (changed) {
        settle();
        if (!ending_) reload(poked_.exchange(false));
      }
    }
  }

  void poke() noexcept {
    poked_ = true;
    wake();
  }
  void end() {
    ending_ = true;
    wake();
  }

 private:
  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
  }

  /// Waits at most `most` ms (-1: for ever); true when something happened in the folder.
  bool wait(long most) {
    std::array<pollfd, 2> both{pollfd{inotify_.number(), POLLIN, 0}, pollfd{wake_.number(), POLLIN, 0}};
    if (poll(both.data(), both.size(), static_cast<int>(most)) <= 0) return false;
    std::array<char, 4096> bytes;
    while (read(wake_.number(), bytes.data(), bytes.size()) > 0) {
    }
    bool any = false;
    while (read(inotify_.number(), bytes.data(), bytes.size()) > 0) any = true;
    return any;
  }

  /// Waits until nothing has happened for a while, but not for ever.
  void settle() {
    const auto last = std::chrono::steady_clock::now() + 10 * options_.quiet;
    while (!ending_ && !poked_ && wait(options_.quiet.count()))
      if (std::chrono::steady_clock::now() > last) return;
  }

  /// Watches the folder and all below it, before they are read, so that no change falls between.
  bool watch_all() {
    if (!watch(options_.folder)) return false;
    std::error_code error;
    fs::recursive_directory_iterator entries(options_.folder, fs::directory_options::skip_permission_denied,
                                             error);
    for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
      std::error_code each;
      if (entries->is_symlink(each) || !entries->is_directory(each)) continue;
      if (entries->path().filename().string().starts_with('.')) {
        entries.disable_recursion_pending();
      } else {
        watch(entries->path());
      }
    }
    return true;
  }

  bool watch(const fs::path& folder) {
    if (inotify_add_watch(inotify_.number(), folder.c_str(), interesting) >= 0) return true;
    if (errno == ENOSPC)
      throw Problem(Kind::unavailable,
                    fmt::format("the system cannot watch `{}` for changes", folder.string()),
                    "raise fs.inotify.max_user_watches");
    return false;
  }

  void reload(bool even_unchanged) {
    try {
      const bool before = watched_;
      watched_ = watch_all();
      // While the folder is away it is looked for quietly: that it went was told once.
      if (!watched_ && !before && !even_unchanged) return;
      std::shared_ptr<const Library> library = options_.load();
      if (library->version == version_ && !even_unchanged) return;
      version_ = library->version;
      options_.changed(std::move(library));
    } catch (const Problem& problem) {
      options_.failed(problem);
    }
  }

  static constexpr milliseconds retry_{1000};
  WatchOptions options_;
  std::string version_;
  Descriptor inotify_;
  Descriptor wake_;
  bool watched_ = false;
  std::atomic<bool> poked_{false};
  std::atomic<bool> ending_{false};
};

Watch::Watch(WatchOptions options, std::string version)
    : loop_(std::make_unique<Loop>(std::move(options), std::move(version))),
      thread_([this] { loop_->run(); }) {}

Watch::~Watch() {
  loop_->end();
  thread_.join();
}

void Watch::poke() noexcept { loop_->poke(); }

}  // namespace mlib::cards
