#pragma once
#include <ostream>
#include <string>

namespace mlib::cli {

/// Lines of progress: on a terminal each replaces the one before, elsewhere they are plain lines.
class Progress {
 public:
  Progress(std::ostream& err, bool rewrites) : err_(err), rewrites_(rewrites) {}
  ~Progress();
  void tell(const std::string& line);
  /// Ends the line that would be replaced.
  void end();

 private:
  std::ostream& err_;
  bool rewrites_;
  bool open_ = false;
};

}  // namespace mlib::cli
