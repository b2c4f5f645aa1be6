#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace mlib::store {

/// A file that one process at a time holds (flock). The file stays when this goes.
class FileLock {
 public:
  /// Opens or makes `path`; Problem{unavailable} with the cause.
  explicit FileLock(std::string path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// Waits up to ten seconds; Problem{unavailable} when another process holds it all that time.
  void lock();
  void unlock();

 private:
  std::string path_;
  int file_;
};

/// One of the many holds that the file `path` gives, by `key`; nullptr when it is had. Problem{unavailable}
/// when the file cannot be used.
std::unique_ptr<Hold> hold_in(const std::string& path, std::string_view key);

}  // namespace mlib::store
