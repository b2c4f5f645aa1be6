#include "loadgen/events.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

/// When the byte before `offset` had come; `piece` goes forward with it.
Instant arrival(const Exchange& exchange, std::size_t offset, std::size_t& piece) {
  while (piece + 1 < exchange.arrivals.size() && exchange.arrivals[piece].bytes < offset) ++piece;
  return exchange.arrivals.empty() ? exchange.end : exchange.arrivals[piece].at;
}

/// Finds the ends of lines; std::string_view::find_first_of looks at each byte on its own, which took half of
/// the time of decoding.
class LineEnds {
 public:
  explicit LineEnds(std::string_view text) : text_(text) {}
  /// The first CR or LF from `at` on, or the end of the text; `at` never goes back.
  std::size_t next(std::size_t at) {
    if (feed_ < at || !looked_) feed_ = std::min(text_.find('\n', at), text_.size());
    if (return_ < at || !looked_) return_ = std::min(text_.find('\r', at), text_.size());
    looked_ = true;
    return std::min(feed_, return_);
  }

 private:
  std::string_view text_;
  std::size_t feed_ = 0, return_ = 0;
  bool looked_ = false;
};

}  // namespace

void events_of(const Exchange& exchange, const EventSink& sink) {
  std::string_view text = exchange.body;
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  std::size_t piece = 0;
  std::string joined;          // of several data lines
  std::string_view data = {};  // of one
  int lines = 0;
  LineEnds ends(text);
  const auto dispatch = [&](std::size_t offset) {
    if (lines > 0) sink(lines == 1 ? data : std::string_view(joined), arrival(exchange, offset, piece));
    lines = 0;
  };
  while (at < text.size()) {
    const std::size_t end = ends.next(at);
    std::string_view line = text.substr(at, end - at);
    std::size_t next = end + (end < text.size() ? 1 : 0);
    if (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n') ++next;
    at = next;
    if (line.empty()) {
      dispatch(next);
      continue;
    }
    if (!line.starts_with("data")) continue;
    line.remove_prefix(4);
    if (!line.empty() && line.front() != ':') continue;
    if (!line.empty()) line.remove_prefix(1);
    if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    if (++lines == 1)
      data = line;
    else if (lines == 2)
      ((joined = data) += '\n') += line;
    else
      (joined += '\n') += line;
  }
  if (exchange.error.empty()) dispatch(text.size());
}

void lines_of(const Exchange& exchange, const EventSink& sink) {
  const std::string_view text = exchange.body;
  std::size_t piece = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos && !exchange.error.empty()) return;  // cut off
    const std::size_t next = end == std::string_view::npos ? text.size() : end + 1;
    const std::string_view line = trim(text.substr(at, next - at));
    if (!line.empty()) sink(line, arrival(exchange, next, piece));
    at = next;
  }
}

}  // namespace mlib::loadgen
