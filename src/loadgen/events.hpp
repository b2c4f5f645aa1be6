#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "loadgen/exchange.hpp"

namespace mlib::loadgen {

/// Takes the data of one event and when its last byte came.
using EventSink = std::function<void(std::string_view data, Instant at)>;

/// The events of a text/event-stream by the WHATWG rules: lines end with LF, CRLF or CR, one blank after the
/// colon is optional, data lines are joined by LF, comments and other fields are passed over, a BOM may begin
/// it. An event that no blank line ends, at the end of a whole answer, counts: some engines leave the line
/// out after `[DONE]`.
void events_of(const Exchange& exchange, const EventSink& sink);
/// The lines of a stream of JSON texts, one a line; empty ones are passed over, and the last line of a whole
/// answer needs no end.
void lines_of(const Exchange& exchange, const EventSink& sink);

}  // namespace mlib::loadgen
