#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "loadgen/events.hpp"
#include "loadgen/json_scan.hpp"
#include "loadgen/protocol.hpp"

namespace mlib::loadgen {
namespace {

/// What one JSON text of an answer says.
struct Said {
  std::string_view content, reasoning, finish, error;
  bool is_error = false;
  bool list = false;  ///< embeddings, results or outputs, at least one
  std::optional<double> prompt_tokens, tokens, cached, thought, per_second;
};

void read_number(JsonScan& json, std::optional<double>& to) {
  double value = 0;
  const bool is_number = json.peek() != 'n';
  json.number(value);
  if (is_number) to = value;
}

void read_text(JsonScan& json, std::string_view& to) {
  std::string_view text;
  json.string(text);
  if (!text.empty()) to = text;
}

void read_message(JsonScan& json, Said& said) {
  json.object([&](std::string_view key) {
    if (key == "content") return read_text(json, said.content);
    if (key == "reasoning_content" || key == "reasoning") return read_text(json, said.reasoning);
    if (key != "tool_calls") return void(json.skip());
    if (json.peek() == '[') said.content = "tool call";
    json.skip();
  });
}

void read_choice(JsonScan& json, Said& said) {
  json.object([&](std::string_view key) {
    if (key == "delta" || key == "message") return read_message(json, said);
    if (key == "text") return read_text(json, said.content);
    if (key == "finish_reason") return read_text(json, said.finish);
    json.skip();
  });
}

void read_usage(JsonScan& json, Said& said) {
  json.object([&](std::string_view key) {
    if (key == "prompt_tokens") return read_number(json, said.prompt_tokens);
    if (key == "completion_tokens") return read_number(json, said.tokens);
    const bool of_prompt = key == "prompt_tokens_details";
    if (!of_prompt && key != "completion_tokens_details") return void(json.skip());
    json.object([&](std::string_view inner) {
      if (of_prompt && inner == "cached_tokens") return read_number(json, said.cached);
      if (!of_prompt && inner == "reasoning_tokens") return read_number(json, said.thought);
      json.skip();
    });
  });
}

void read_error(JsonScan& json, Said& said) {
  if (json.peek() == 'n') return void(json.skip());
  said.is_error = true;
  if (json.peek() == '"') return void(json.string(said.error));
  json.object([&](std::string_view key) {
    if (key == "message") return read_text(json, said.error);
    json.skip();
  });
}

/// False when the text is no JSON.
bool read(std::string_view text, Said& said) {
  JsonScan json(text);
  json.object([&](std::string_view key) {
    if (key == "choices")
      return void(
          json.array([&](std::size_t index) { index == 0 ? read_choice(json, said) : void(json.skip()); }));
    if (key == "usage") return read_usage(json, said);
    if (key == "error") return read_error(json, said);
    if (key == "timings")
      return void(json.object([&](std::string_view inner) {
        if (inner == "predicted_per_second") return read_number(json, said.per_second);
        if (inner == "cache_n") return read_number(json, said.cached);
        json.skip();
      }));
    if (key == "data" || key == "results" || key == "outputs") {
      return void(json.array([&](std::size_t) {
        said.list = true;
        json.skip();
      }));
    }
    json.skip();
  });
  return json.ended() && trim(text).starts_with("{");
}

int whole(const std::optional<double>& number, int otherwise) {
  return number ? static_cast<int>(std::clamp(*number, 0.0, 2e9)) : otherwise;
}

/// Puts what is not an event's own into the sample.
void note(Sample& sample, const Said& said) {
  if (!said.finish.empty()) sample.finish = shortened(said.finish, 40);
  if (said.is_error && sample.error.empty())
    sample.error = fmt::format("the engine says: {}",
                               said.error.empty() ? "error" : shortened(unescaped(said.error), 200));
  sample.prompt_tokens = whole(said.prompt_tokens, sample.prompt_tokens);
  sample.cached_tokens = whole(said.cached, sample.cached_tokens);
  sample.reasoning_tokens = whole(said.thought, sample.reasoning_tokens);
  if (said.per_second) sample.engine_tokens_per_second = *said.per_second;
  if (!said.tokens) return;
  sample.tokens = whole(said.tokens, 0);
  sample.usage = true;
}

void decode_stream(const Exchange& exchange, Sample& sample, std::vector<Instant>* gaps, std::string* text) {
  int events = 0;
  events_of(exchange, [&](std::string_view data, Instant at) {
    if (trim(data) == "[DONE]") return;
    Said said;
    if (!read(data, said)) {
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
    sample.error = fmt::format("{} events of its stream are no JSON", sample.broken_events);
  else if (events == 0 && sample.tokens == 0)
    sample.error = "its stream has no token";
}

void decode_whole(const Exchange& exchange, Protocol protocol, Sample& sample, std::string* text) {
  Said said;
  if (!read(exchange.body, said)) {
    sample.error = "the answer is no JSON object";
    return;
  }
  note(sample, said);
  if (text != nullptr) *text = unescaped(said.content);
  const bool generates = protocol == Protocol::chat || protocol == Protocol::completions;
  if (sample.good() && generates && said.content.empty() && said.reasoning.empty() && sample.tokens == 0)
    sample.error = "the answer has no token";
  if (sample.good() && (protocol == Protocol::embeddings || protocol == Protocol::rerank) && !said.list)
    sample.error = "the answer has no list of results";
  if (sample.good() && protocol == Protocol::deepsparse && !said.list)
    sample.error = "the answer has no outputs";
}

}  // namespace

Sample decode(const Exchange& exchange, Protocol protocol, std::vector<Instant>* gaps, std::string* text) {
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
  sample.error = exchange.error;
  sample.streamed = exchange.event_stream;
  if (sample.good() && (exchange.status < 200 || exchange.status > 299)) {
    Said said;
    read(exchange.body, said);
    sample.error = fmt::format("status {}", exchange.status);
    if (!said.error.empty()) sample.error += fmt::format(": {}", shortened(unescaped(said.error), 200));
  }
  if (protocol != Protocol::http) {
    if (exchange.event_stream)
      decode_stream(exchange, sample, gaps, text);
    else if (sample.good())
      decode_whole(exchange, protocol, sample, text);
  }
  if (sample.last < 0 && sample.good()) sample.last = sample.end;
  return sample;
}

}  // namespace mlib::loadgen
