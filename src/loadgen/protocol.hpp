#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cards/protocol.hpp"
#include "loadgen/body.hpp"
#include "loadgen/exchange.hpp"
#include "loadgen/places.hpp"

namespace mlib::loadgen {

/// How an engine is asked, and what in its answer is a token: a call of the catalogue's protocols, made ready
/// to be used for each request.
struct Api {
  std::string name;
  cards::Call call;
  Body body;
  Places whole, piece;       ///< of a whole answer, and of one piece of a stream
  bool generates = false;    ///< its answers have text, of which tokens are counted
  bool reads = false;        ///< its answers are JSON that is looked into
  bool asks_model = false;   ///< its body names the model
  bool asks_prompt = false;  ///< its body has the prompt
  bool asks_length = false;  ///< its body has the most tokens that the answer may have
  bool posts() const { return !call.body.is_null(); }
};
using Protocol = std::shared_ptr<const Api>;
/// Problem{invalid} for a call that is not sound.
Protocol protocol_of(const cards::NamedCall& call);
/// One that this program ships: chat, completions, embeddings, rerank, tei-embeddings, tei-rerank,
/// deepsparse, http. Problem{usage} with the nearest name.
const Protocol& shipped(std::string_view name);
/// True when this program ships the very same under its name.
bool is_shipped(const Api& api);

/// One turn of a conversation that was had before.
struct Turn {
  std::string question, answer;
};

/// What one request asks.
struct Ask {
  std::string prompt;
  std::vector<Turn> before = {};
  int max_tokens = 0;       ///< 0: the engine's own end
  int prompt_tokens = 0;    ///< as the workload meant it
  bool ignore_end = false;  ///< goes on to max_tokens (`ignore_eos`)
};

/// How all requests of a run ask.
struct Asking {
  Protocol protocol = shipped("chat");
  std::string model = {};
  bool stream = true;      ///< where the protocol has streams
  double temperature = 0;  ///< below 0: the engine's own
  bool streams() const { return stream && protocol->call.stream.has_value(); }
};

/// The JSON body of a request; "" for a protocol without one.
std::string body_of(const Asking& asking, const Ask& ask);
/// The bytes of the whole request; `head` is head_of.
std::string request_of(const Asking& asking, const Ask& ask, const std::string& head);
/// The head that all requests of a run share. `authority` is its Host; `path` replaces the protocol's when
/// not empty; `bearer` is the key, or "".
std::string head_of(const Asking& asking, const std::string& authority, const std::string& path,
                    const std::string& bearer);

/// One request as it counts: instants, tokens, and how it ended.
struct Sample {
  std::uint64_t index = 0;
  std::uint32_t user = 0;
  Instant scheduled = 0, begun = -1, sent = -1, head = -1, end = -1;
  Instant first = -1;         ///< the first event with content or reasoning came; of a whole answer none does
  Instant first_output = -1;  ///< the first that is no reasoning
  Instant last = -1;          ///< the last event with content or reasoning, or the whole answer
  int status = 0;
  int events = 0;            ///< with content or reasoning
  int reasoning_events = 0;  ///< of those, with reasoning
  int coalesced = 0;         ///< of those, how many came with the same read as the one before
  int tokens = 0;            ///< of the answer: as `usage` says, else one for each event
  bool usage = false;        ///< the engine said so
  bool odd_usage = false;    ///< what it said there is no count
  int prompt_tokens = -1;    ///< as `usage` says; -1: it does not
  int cached_tokens = -1;    ///< of those, from a prefix cache
  int reasoning_tokens = 0;
  int asked_tokens = 0, asked_prompt_tokens = 0;  ///< as the workload drew them; 0: not known
  int broken_events = 0;                          ///< that are no JSON
  double engine_tokens_per_second = 0;            ///< as the engine says (`timings`), or 0
  Instant longest_gap = 0;
  bool streamed = false, reused = false, unfinished = false;
  bool foreign = false;  ///< there was an answer, and it is none of the protocol's
  std::string finish;    ///< stop, length, …
  std::string error;     ///< "" for a good answer
  bool good() const { return error.empty(); }
};

/// Reads an exchange by the protocol's rules; `gaps`, when given, takes the times between its events.
/// Role-only events, usage, comments and `[DONE]` are no tokens; reasoning is. A 200 with an error in its
/// stream is an error, and so is a stream that stops without a finish reason and without `[DONE]`, where the
/// protocol has finish reasons. `text`, when given, takes the answer.
Sample decode(const Exchange& exchange, const Protocol& protocol, std::vector<Instant>* gaps,
              std::string* text = nullptr);

/// Takes each request as it is decoded, with the times between its events, in the order in which answers
/// ended; by one thread at a time. Throws nothing.
using RecordSink = std::function<void(const Sample& sample, const std::vector<Instant>& gaps)>;

}  // namespace mlib::loadgen
