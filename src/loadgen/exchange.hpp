#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/schedule.hpp"

namespace mlib::loadgen {

/// The first `bytes` bytes of a body had come at `at`.
struct Arrived {
  Instant at = 0;
  std::uint32_t bytes = 0;
};

/// One request as it went over the wire: what was asked, when what came, and the raw bytes.
struct Exchange {
  std::uint64_t index = 0;
  std::uint32_t user = 0;     ///< of a closed loop
  Instant scheduled = 0;      ///< when it was to be sent
  Instant begun = -1;         ///< the client took a connection for it, or began to make one
  Instant sent = -1;          ///< its first byte was handed to the kernel
  Instant head = -1;          ///< the first byte of the answer came
  Instant end = -1;           ///< the answer was whole, or failed
  int status = 0;             ///< of HTTP; 0: no answer
  bool event_stream = false;  ///< the answer's content type
  bool reused = false;        ///< over a connection that had carried one before
  bool unfinished = false;    ///< the run ended before the answer did
  bool foreign = false;       ///< what came is no answer: not HTTP, compressed, too long
  int asked_tokens = 0, asked_prompt_tokens = 0;  ///< as its request says
  std::string body;
  std::vector<Arrived> arrivals;
  std::string error;  ///< "" or why there is no whole answer
  /// What it holds in memory.
  std::size_t bytes() const { return body.size() + arrivals.size() * sizeof(Arrived); }
  /// Of one that holds more than `most` bytes: keeps so many of the body and when they came, and gives the
  /// memory of the rest back, which no assignment of an empty one does.
  void cut(std::size_t most) {
    if (bytes() <= most) return;
    body.resize(std::min(body.size(), most));
    const auto last = std::find_if(arrivals.begin(), arrivals.end(),
                                   [this](const Arrived& each) { return each.bytes >= body.size(); });
    if (last != arrivals.end()) arrivals.erase(last + 1, arrivals.end());
    body.shrink_to_fit();
    arrivals.shrink_to_fit();
  }
};

}  // namespace mlib::loadgen
