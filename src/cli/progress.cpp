#include "cli/progress.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace mlib::cli {

Progress::~Progress() { end(); }

void Progress::tell(const std::string& line) {
  const std::string text = visible(line);
  if (columns_ == 0) {
    err_ << text << '\n' << std::flush;
    return;
  }
  err_ << "\r\x1b[K" << shortened(text.substr(0, text.find('\n')), std::max<std::size_t>(columns_, 10) - 2)
       << std::flush;
  open_ = true;
}

void Progress::live(const std::string& line, double done, double seconds) {
  if (columns_ == 0) {
    if (seconds < next_) return;
    next_ = seconds + 10;
    return tell(line);
  }
  constexpr int cells = 10;
  const int full = std::clamp(static_cast<int>(done * cells), 0, cells);
  tell("[" + std::string(static_cast<std::size_t>(full), '#') +
       std::string(static_cast<std::size_t>(cells - full), '-') + "] " + line);
}

void Progress::end() {
  if (open_) err_ << '\n' << std::flush;
  open_ = false;
}

}  // namespace mlib::cli
