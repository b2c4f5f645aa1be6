#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "loadgen/random.hpp"
#include "loadgen/schedule.hpp"

namespace mlib::loadgen {

/// What the stub server answers and when.
struct StubRules {
  Instant ttft = 20'000'000;  ///< from the whole request to its first token
  Instant gap = 5'000'000;    ///< between tokens
  int tokens = 8;
  int tokens_per_event = 1;
  int events_per_write = 1;              ///< so many leave together, at the first one's instant
  int slots = 1'000'000;                 ///< answers at once; others wait in a queue
  Instant freeze_every = 0, freeze = 0;  ///< the whole server stands still for `freeze`, every `freeze_every`
  bool usage = true;
  std::string line_end = "\n";
  std::string data = "data: ";  ///< what begins an event's line
  bool role_first = true;       ///< a role-only event at once
  std::function<std::string(std::uint64_t)> raw =
      {};                   ///< the whole answer of the n-th request instead, at once
  std::string eager = {};   ///< the whole answer once a head is there; of the body nothing more is read
  bool close = false;       ///< after each raw or eager answer
  std::string pour = {};    ///< follows a raw answer again and again, as fast as it is taken
  Instant drip = 0;         ///< a raw answer goes byte by byte, one each `drip`
  bool reset = false;       ///< each request's connection is reset instead
  Instant ttft_jitter = 0;  ///< mean of an exponential part of each time to the first token
  Instant gap_jitter = 0;   ///< the same of each gap
  Instant stall = 0;        ///< one gap in `stall_every` is so much longer
  int stall_every = 100;
  int error_every = 0;       ///< one request in so many has status 503
  bool empty_event = false;  ///< an event without content follows each token's
  bool keep = true;          ///< what left when, for Truth
  std::function<std::string(std::string_view path)> get = {};  ///< the JSON that answers a GET
};

/// When one answer's tokens left, CLOCK_MONOTONIC; -1: none did.
struct Record {
  std::uint64_t index = 0;
  Instant received = 0, first = -1, last = -1;
  std::size_t asked = 0;  ///< std::hash of the request's body
};

/// What the stub did: the truth that a client's report is compared with.
struct Truth {
  std::vector<Record> records;
  std::vector<Instant> gaps;  ///< between the writes of all answers
  std::uint64_t errors = 0;

  /// Milliseconds, rising.
  std::vector<double> ttft() const {
    return sorted([](const Record& record) { return record.first - record.received; });
  }
  std::vector<double> e2e() const {
    return sorted([](const Record& record) { return record.last - record.received; });
  }
  std::vector<double> tpot(int tokens) const {
    std::vector<double> all = sorted([](const Record& record) { return record.last - record.first; });
    for (double& each : all) each /= tokens - 1;
    return all;
  }
  std::vector<double> itl() const {
    std::vector<double> all;
    for (const Instant gap : gaps) all.push_back(static_cast<double>(gap) / 1e6);
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  template <class Of>
  std::vector<double> sorted(Of&& of) const {
    std::vector<double> all;
    for (const Record& record : records) all.push_back(static_cast<double>(of(record)) / 1e6);
    std::sort(all.begin(), all.end());
    return all;
  }
};

/// The nearest-rank percentile of rising values; 0 without any.
inline double percentile(const std::vector<double>& rising, double p) {
  if (rising.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(p * static_cast<double>(rising.size())));
  return rising[std::max<std::size_t>(rank, 1) - 1];
}

inline Instant ttft_of(const StubRules& rules, std::uint64_t index) {
  if (rules.ttft_jitter == 0) return rules.ttft;
  return rules.ttft +
         static_cast<Instant>(static_cast<double>(rules.ttft_jitter) * Random(1, 1, index).exponential());
}

/// After token `token` of that request.
inline Instant gap_of(const StubRules& rules, std::uint64_t index, int token) {
  Instant gap = rules.gap;
  if (rules.gap_jitter == 0 && rules.stall == 0) return gap;
  Random random(1, 2, index * 4096 + static_cast<std::uint64_t>(token));
  if (rules.gap_jitter > 0)
    gap += static_cast<Instant>(static_cast<double>(rules.gap_jitter) * random.exponential());
  if (rules.stall > 0 && random.below(static_cast<std::uint64_t>(rules.stall_every)) == 0) gap += rules.stall;
  return gap;
}

inline std::string event(const StubRules& rules, std::string_view json) {
  return fmt::format("{}{}{}{}", rules.data, json, rules.line_end, rules.line_end);
}

inline std::string choice_event(const StubRules& rules, std::string_view delta) {
  return event(
      rules, fmt::format(R"({{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,)"
                         R"("model":"stub","choices":[{{"index":0,"delta":{{{}}},"finish_reason":null}}]}})",
                         delta));
}

inline std::string role_event(const StubRules& rules) {
  return choice_event(rules, R"("role":"assistant","content":"")");
}

inline std::string content_event(const StubRules& rules) {
  const std::string one = choice_event(rules, R"("content":"word ")");
  return rules.empty_event ? one + choice_event(rules, R"("content":"")") : one;
}

inline std::string chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

inline std::string usage_of(const StubRules& rules) {
  return fmt::format(R"("usage":{{"prompt_tokens":5,"completion_tokens":{},"total_tokens":{}}})",
                     rules.tokens, rules.tokens + 5);
}

/// What ends a stream: usage, [DONE], the last chunk.
inline std::string stream_end(const StubRules& rules) {
  std::string end;
  if (rules.usage)
    end += event(
        rules,
        R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"stub","choices":[],)" +
            usage_of(rules) + "}");
  return chunk(end + event(rules, "[DONE]")) + "0\r\n\r\n";
}

inline std::string stream_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
}

inline std::string whole_body(const StubRules& rules) {
  std::string text;
  for (int i = 0; i < rules.tokens; ++i) text += "word ";
  return fmt::format(
      R"({{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"stub","choices":[{{"index":0,)"
      R"("message":{{"role":"assistant","content":"{}"}},"finish_reason":"length"}}],{}}})",
      text, usage_of(rules));
}

inline std::string whole_answer(std::string_view status, std::string_view json) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
                     json.size(), json);
}

inline bool wants_stream(std::string_view body) {
  return body.find(R"("stream":true)") != std::string_view::npos ||
         body.find(R"("stream": true)") != std::string_view::npos;
}

inline std::size_t length_of_body(std::string_view head) {
  const std::string low = lower(head);
  constexpr std::string_view name = "content-length:";
  const std::size_t at = low.find(name);
  if (at == std::string::npos) return 0;
  const std::string value(trim(low.substr(at + name.size(), low.find('\r', at) - at - name.size())));
  std::size_t length = 0;
  std::from_chars(value.data(), value.data() + value.size(), length);
  return length;
}

}  // namespace mlib::loadgen
