#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cards/card.hpp"

/// How engines are asked, as data: catalog/protocols/*.yaml says path and body of a request and where in the
/// answer its values lie, so that an engine with another API needs no C++. catalog/README.md describes the
/// files.
namespace mlib::cards {

/// JSON pointers (RFC 6901): the places where a value may lie.
using Pointers = std::vector<std::string>;
/// The steps of a pointer, none of "", which leads to the whole; nothing when it is no pointer, or goes
/// deeper than an answer is read (64 steps).
std::optional<std::vector<std::string>> pointer_steps(std::string_view pointer);

/// Where an answer says what it cost.
struct UsagePlaces {
  Pointers prompt, output, cached, reasoning, speed;

  template <class D>
  void describe(D& d) {
    d.field("prompt", prompt, {.help = "Tokens of the prompt"});
    d.field("output", output, {.help = "Tokens of the answer"});
    d.field("cached", cached, {.help = "Tokens of the prompt that a cache had"});
    d.field("reasoning", reasoning, {.help = "Tokens of the answer that are reasoning"});
    d.field("speed", speed, {.help = "Tokens a second of this answer, as the engine measured"});
  }
};

struct AnswerPlaces {
  Pointers text, reasoning, finish, items;

  template <class D>
  void describe(D& d) {
    d.field("text", text, {.help = "The text; a list there counts as one, too (tool calls)"});
    d.field("reasoning", reasoning, {.help = "Reasoning before the text"});
    d.field("finish", finish, {.help = "Why it ended: stop, length, …"});
    d.field("items", items, {.help = "A list without which the answer is none, e.g. of embeddings"});
  }
};

/// How an answer comes that was asked for piece by piece; places that it leaves out are the whole answer's.
struct StreamPlaces {
  std::string framing = "sse";
  Pointers text, reasoning, finish;

  template <class D>
  void describe(D& d) {
    d.field("framing", framing,
            {.help = "sse: server-sent events with JSON in them; lines: JSON on each line",
             .one_of = {"sse", "lines"}});
    d.field("text", text, {.help = "The text of one piece"});
    d.field("reasoning", reasoning, {.help = "Reasoning of one piece"});
    d.field("finish", finish, {.help = "Why it ended, in one of the pieces"});
  }
};

/// One way to ask an engine.
struct Call {
  std::vector<std::string> tasks;
  std::string path;
  Node body;
  AnswerPlaces answer;
  std::optional<StreamPlaces> stream;
  UsagePlaces usage;
  Pointers error{"/error"};

  template <class D>
  void describe(D& d) {
    d.field("tasks", tasks, {.help = "Models of these tasks are asked so, not by the protocol's first call"});
    d.field("path", path, {.help = "Path of the URL, e.g. /v1/completions", .required = true, .min = 1});
    d.field("body", body,
            {.help = "The JSON that is sent, with placeholders ($prompt, …); without it, GET is the method"});
    d.field("answer", answer, {.help = "Where the values of a whole answer lie"});
    d.field("stream", stream, {.help = "How an answer comes piece by piece, where the engine can do that"});
    d.field("usage", usage, {.help = "Where the answer, or a piece of it, says what it cost"});
    d.field("error", error, {.help = "What makes a good status an error: a text, or a map with a `message`"});
  }
};
using NamedCall = std::pair<std::string, Call>;

/// An API: the calls that its engines answer, by names that no other protocol has.
struct Protocol {
  Metadata metadata;
  Dict<Call> calls;

  template <class D>
  void describe(D& d) {
    std::string version = "model-library/v1";
    std::string kind = "Protocol";
    d.field("apiVersion", version,
            {.help = "Version of the format", .required = true, .one_of = {"model-library/v1"}});
    d.field("kind", kind, {.help = "Protocol", .required = true, .one_of = {"Protocol"}});
    d.field("metadata", metadata, {.help = "Name, which frameworks say", .required = true});
    d.field("calls", calls, {.help = "Ways to ask, the usual one first", .required = true});
  }
};
using Protocols = std::vector<Protocol>;

/// Names that a body's text may hold after a `$`.
const std::vector<std::string>& body_placeholders();
/// True when the body, or a part of it, holds the placeholder.
bool uses(const Node& body, std::string_view placeholder);

/// What is wrong in a call, and where.
struct CallFault {
  Path at;
  Fault fault;
  std::string message, hint;
};
std::vector<CallFault> faults_of(const Call& call);

std::vector<std::string> call_names(const Protocols& protocols);
const NamedCall* find_call(const Protocols& protocols, std::string_view name);
/// Problem{usage} with the nearest name.
const NamedCall& get_call(const Protocols& protocols, std::string_view name);
/// How a model of that task is asked by an engine that speaks `protocol`: by the call that names the task,
/// else by the first. Problem{not_found} with the nearest protocol.
const NamedCall& call_for(const Protocols& protocols, std::string_view protocol, std::string_view task);

/// Those that this program ships.
const Protocols& shipped_protocols();

}  // namespace mlib::cards
