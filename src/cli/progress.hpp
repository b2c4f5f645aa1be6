#pragma once
#include <ostream>
#include <string>

namespace mlib::cli {

/// Lines of progress: on a terminal of `columns` each replaces the one before, cut so that it does not wrap;
/// with 0 columns they are plain lines.
class Progress {
 public:
  Progress(std::ostream& err, std::size_t columns) : err_(err), columns_(columns) {}
  ~Progress();
  void tell(const std::string& line);
  /// How far something is: on a terminal after a bar; else one line each ten `seconds`.
  void live(const std::string& line, double done, double seconds);
  /// Ends the line that would be replaced.
  void end();

 private:
  std::ostream& err_;
  std::size_t columns_;
  bool open_ = false;
  double next_ = 0;
};

}  // namespace mlib::cli
