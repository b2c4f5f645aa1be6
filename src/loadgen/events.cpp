#include "loadgen/events.hpp"

namespace mlib::loadgen {
namespace {

/// When the byte before `offset` had come; `piece` goes forward with it.
Instant arrival(const Exchange& exchange, std::size_t offset, std::size_t& piece) {
  while (piece + 1 < exchange.arrivals.size() && exchange.arrivals[piece].bytes < offset) ++piece;
  return exchange.arrivals.empty() ? exchange.end : exchange.arrivals[piece].at;
}

}  // namespace

void events_of(const Exchange& exchange, const EventSink& sink) {
  std::string_view text = exchange.body;
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  std::size_t piece = 0;
  std::string joined;          // of several data lines
  std::string_view data = {};  // of one
  int lines = 0;
  const auto dispatch = [&](std::size_t offset) {
    if (lines > 0) sink(lines == 1 ? data : std::string_view(joined), arrival(exchange, offset, piece));
    lines = 0;
  };
  while (at < text.size()) {
    std::size_t end = text.find_first_of("\r\n", at);
    if (end == std::string_view::npos) end = text.size();
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

}  // namespace mlib::loadgen
