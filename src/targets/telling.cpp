#include "targets/telling.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"

namespace mlib::targets {
namespace {

constexpr std::array<std::string_view, 12> strong{
    "fatal",        "panic",     "exception",         "out of memory",      "cannot",           "could not",
    "no such file", "not found", "permission denied", "segmentation fault", "terminate called", "oom"};

bool is_word_before(std::string_view text, std::size_t at) {
  return at == 0 || std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0;
}

/// 3: it says what went wrong in so many words; 2: it has the word error; 1: it is some text; 0: nothing.
int weight(std::string_view line) {
  const std::string text = lower(trim(line));
  if (text.empty()) return 0;
  for (const std::string_view word : strong)
    if (const std::size_t at = text.find(word); at != std::string::npos && is_word_before(text, at)) return 3;
  if (text.find("error:") != std::string::npos || text.starts_with("error")) return 3;
  const bool harmless =
      text.find("0 errors") != std::string::npos || text.find("no error") != std::string::npos;
  if (text.find("error") != std::string::npos && !harmless) return 2;
  return text.find("failed") != std::string::npos ? 2 : 1;
}

}  // namespace

std::string telling_line(const std::vector<std::string>& lines) {
  const std::string* best = nullptr;
  int heaviest = 0;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const int now = weight(*line);
    if (now <= heaviest) continue;
    best = &*line;
    heaviest = now;
  }
  return best == nullptr ? "" : shortened(visible(trim(*best)), 300);
}

}  // namespace mlib::targets
