#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.hpp"
#include "loadgen/events.hpp"
#include "loadgen/protocol.hpp"

namespace mlib::loadgen {
namespace {

/// The number as a count of tokens; nothing where it cannot be one.
std::optional<int> count_of(const std::optional<double>& number) {
  constexpr double most = 1e9;  // of one answer
  if (!number || !(*number >= 0 && *number <= most) || *number != std::floor(*number)) return {};
  return static_cast<int>(*number);
}

/// What the engine says in words, as a result can hold it: in UTF-8, whatever the engine sends.
std::string words_of(std::string_view raw, std::size_t most) {
  return visible(shortened(unescaped(raw), most));
}

/// Puts what is not an event's own into the sample.
void note(Sample& sample, const Said& said) {
  if (!said.finish.empty()) sample.finish = words_of(said.finish, 40);
  if (said.is_error && sample.error.empty())
    sample.error =
        fmt::format("the engine says: {}", said.error.empty() ? "error" : words_of(said.error, 200));
  sample.prompt_tokens = count_of(said.prompt_tokens).value_or(sample.prompt_tokens);
  sample.cached_tokens = count_of(said.cached).value_or(sample.cached_tokens);
  sample.reasoning_tokens = count_of(said.thought).value_or(sample.reasoning_tokens);
  if (said.per_second && std::isfinite(*said.per_second)) sample.engine_tokens_per_second = *said.per_second;
  if (!said.tokens) return;
  const std::optional<int> tokens = count_of(said.tokens);
  sample.usage = tokens.has_value();
  sample.odd_usage = !sample.usage;
  sample.tokens = tokens.value_or(0);
}

void refuse(Sample& sample, std::string why) {
  sample.error = std::move(why);
  sample.foreign = true;
}

/// A whole stream says why its answer ended, where the protocol knows a place for that.
bool tells_end(const cards::Call& call) {
  return !call.answer.finish.empty() || (call.stream && !call.stream->finish.empty());
}

void decode_stream(const Exchange& exchange, const Api& api, Sample& sample, std::vector<Instant>* gaps,
                   std::string* text) {
  int events = 0;
  bool done = false;
  const bool lines = api.call.stream && api.call.stream->framing == "lines";
  (lines ? lines_of : events_of)(exchange, [&](std::string_view data, Instant at) {
    if (trim(data) == "[DONE]") {
      done = true;
      return;
    }
    Said said;
    if (!api.piece.read(data, said)) {
      ++sample.broken_events;
      return;
    }
    note(sample, said);
    if (said.content.empty() && said.reasoning.empty()) return;
    ++events;
    if (!said.reasoning.empty()) ++sample.reasoning_events;
    if (text != nullptr) *text += unescaped(said.content);
    if (sample.first < 0) sample.first = at;
    if (sample.first_output < 0 && !said.content.empty()) sample.first_output = at;
    if (sample.last >= 0) {
      const Instant gap = at - sample.last;
      if (gap == 0) ++sample.coalesced;
      sample.longest_gap = std::max(sample.longest_gap, gap);
      if (gaps != nullptr) gaps->push_back(gap);
    }
    sample.last = at;
  });
  sample.events = events;
  if (!sample.usage) sample.tokens = events;
  if (!sample.good()) return;
  if (sample.broken_events > 0)
    refuse(sample, fmt::format("{} events of its stream are no JSON", sample.broken_events));
  else if (events == 0 && sample.tokens == 0)
    refuse(sample, "its stream has no token");
  else if (!done && sample.finish.empty() && tells_end(api.call))
    sample.error = "its stream was cut short: it has neither a finish reason nor [DONE]";
}

void decode_whole(const Exchange& exchange, const Api& api, Sample& sample, std::string* text) {
  Said said;
  if (!api.whole.read(exchange.body, said)) {
    refuse(sample, "the answer is no JSON object");
    return;
  }
  note(sample, said);
  if (text != nullptr) *text = unescaped(said.content);
  if (sample.good() && api.generates && said.content.empty() && said.reasoning.empty() && sample.tokens == 0)
    refuse(sample, "the answer has no token");
  if (sample.good() && !api.call.answer.items.empty() && !said.list)
    refuse(sample, "the answer has no list of results");
}

}  // namespace

Sample decode(const Exchange& exchange, const Protocol& protocol, std::vector<Instant>* gaps,
              std::string* text) {
  Sample sample;
  sample.index = exchange.index;
  sample.user = exchange.user;
  sample.scheduled = exchange.scheduled;
  sample.begun = exchange.begun;
  sample.sent = exchange.sent;
  sample.head = exchange.head;
  sample.end = exchange.end;
  sample.status = exchange.status;
  sample.asked_tokens = exchange.asked_tokens;
  sample.asked_prompt_tokens = exchange.asked_prompt_tokens;
  sample.reused = exchange.reused;
  sample.unfinished = exchange.unfinished;
  sample.foreign = exchange.foreign;
  sample.error = exchange.error;
  sample.streamed = exchange.event_stream;
  if (sample.good() && (exchange.status < 200 || exchange.status > 299)) {
    Said said;
    protocol->whole.read(exchange.body, said);
    sample.error = fmt::format("status {}", exchange.status);
    if (!said.error.empty()) sample.error += ": " + words_of(said.error, 200);
  }
  if (protocol->reads) {
    if (exchange.event_stream && protocol->call.stream)
      decode_stream(exchange, *protocol, sample, gaps, text);
    else if (exchange.event_stream && sample.good())
      refuse(sample,
             fmt::format("the answer is a stream of events, which one of `{}` is not", protocol->name));
    else if (sample.good())
      decode_whole(exchange, *protocol, sample, text);
  }
  if (sample.cached_tokens > sample.prompt_tokens) sample.cached_tokens = -1;  // which cannot be
  if (sample.last < 0 && sample.good()) sample.last = sample.end;
  return sample;
}

}  // namespace mlib::loadgen
