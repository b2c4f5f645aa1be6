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
#include "base/text.hpp"

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

namespace {

/// The file whose lock is the hold: closing it gives the lock back.
class FileHold final : public Hold {
 public:
  explicit FileHold(int file) : file_(file) {}
  ~FileHold() override { ::close(file_); }
  FileHold(const FileHold&) = delete;
  FileHold& operator=(const FileHold&) = delete;

 private:
  int file_;
};

}  // namespace

std::unique_ptr<Hold> hold_in(const std::string& path, std::string_view key) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    throw Problem(Kind::unavailable, fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)),
                  "name another folder with --state");
  auto held = std::make_unique<FileHold>(file);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(std::stoull(sha256_hex(key).substr(0, 15), nullptr, 16));
  range.l_len = 1;
  if (::fcntl(file, F_OFD_SETLK, &range) == 0) return held;
  if (errno == EAGAIN || errno == EACCES) return nullptr;
  throw Problem(Kind::unavailable, fmt::format("{}: cannot be locked: {}", path, std::strerror(errno)));
}

}  // namespace mlib::store
