#include <array>

#include "base/text.hpp"
#include "targets/cause.hpp"

namespace mlib::targets {

std::string as_evidence(std::string_view text) { return shortened(visible(trim(text)), 600); }

std::string last_line(std::string_view log) {
  log = trim(log);
  return as_evidence(log.substr(log.rfind('\n') + 1));
}

std::string progress_line(std::string_view log) {
  const std::vector<std::string> all = split(log, '\n');
  for (auto line = all.rbegin(); line != all.rend(); ++line) {
    const std::string_view whole = trim(*line);
    const std::string_view drawn = whole.substr(whole.rfind('\r') + 1);
    const std::size_t sign = drawn.find('%');
    if (sign != std::string_view::npos && sign > 0 && drawn[sign - 1] >= '0' && drawn[sign - 1] <= '9')
      return shortened(as_evidence(drawn), 120);
  }
  return "";
}

std::string telling_line(std::string_view log) {
  static constexpr std::array<std::string_view, 12> words{"error",     "fatal",   "exception", "panic",
                                                          "failed",    "cannot",  "unable",    "invalid",
                                                          "not found", "no such", "refused",   "denied"};
  const std::vector<std::string> all = split(log, '\n');
  for (auto line = all.rbegin(); line != all.rend(); ++line) {
    const std::string low = lower(*line);
    for (const std::string_view word : words)
      if (low.find(word) != std::string::npos) return as_evidence(*line);
  }
  return last_line(log);
}

}  // namespace mlib::targets
