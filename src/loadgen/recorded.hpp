#pragma once
#include "loadgen/workload.hpp"
#include "schema/document.hpp"

namespace mlib::loadgen {

/// Requests of one's own and, when the file has them, the instants at which they came.
struct Recorded {
  std::vector<Script> scripts;
  std::vector<Instant> arrivals;  ///< one for each script, from 0; empty: the file has none
};

/// Reads a file of requests, one a line, in any of these forms:
/// - `{"prompt": "…", "output_tokens": 64}` (or `max_tokens`; or none), or a bare JSON text;
/// - ShareGPT, `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}, …]}`, or
///   OpenAI, `{"messages": [{"role": "user", "content": "…"}, …]}`: the questions; a recorded answer gives
///   only its length, about a token for each 4 bytes;
/// - Mooncake, `{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, …]}`,
///   milliseconds; any other form may have a `timestamp`, too;
/// - Azure, CSV that begins with `TIMESTAMP,ContextTokens,GeneratedTokens`.
/// Empty lines are passed over. Problem{invalid} with up to ten findings, each with its line;
/// Problem{too_large} above five million requests.
Recorded read_requests(const schema::Source& file);

/// A trace of made text in short, to be kept with a result: a line for each request, with the nanoseconds
/// since the one before (0 without instants), tokens in, tokens out, and its blocks between commas. "" for
/// requests with texts of their own, and for one of more than 512 KiB.
std::string trace_text(const Recorded& recorded);
/// The same back; Problem{invalid} with the line that is none.
Recorded read_trace_text(const std::string& text);

}  // namespace mlib::loadgen
