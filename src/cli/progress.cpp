#include "cli/progress.hpp"

#include "base/text.hpp"

namespace mlib::cli {

Progress::~Progress() { end(); }

void Progress::tell(const std::string& line) {
  const std::string text = visible(line);
  if (!rewrites_) {
    err_ << text << '\n' << std::flush;
    return;
  }
  err_ << "\r\x1b[K" << shortened(text.substr(0, text.find('\n')), 76) << std::flush;
  open_ = true;
}

void Progress::end() {
  if (open_) err_ << '\n' << std::flush;
  open_ = false;
}

}  // namespace mlib::cli
