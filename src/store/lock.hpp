#pragma once
#include <string>

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

}  // namespace mlib::store
