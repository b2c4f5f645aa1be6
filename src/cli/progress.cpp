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

void Progress::end() {
  if (open_) err_ << '\n' << std::flush;
  open_ = false;
}

}  // namespace mlib::cli
