#include "store/lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/problem.hpp"

namespace mlib::store {

FileLock::FileLock(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ < 0)
    throw Problem(Kind::unavailable, fmt::format("{}: cannot be opened: {}", path_, std::strerror(errno)),
                  "name another folder with --state");
}

FileLock::~FileLock() { ::close(file_); }

void FileLock::lock() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      throw Problem(Kind::unavailable, fmt::format("{}: cannot be locked: {}", path_, std::strerror(errno)));
    if (std::chrono::steady_clock::now() > end)
      throw Problem(Kind::unavailable, fmt::format("{}: another process holds it for more than 10 s", path_),
                    fmt::format("find it: fuser {}", path_));
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
}

void FileLock::unlock() { ::flock(file_, LOCK_UN); }

}  // namespace mlib::store
