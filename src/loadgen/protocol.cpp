#include "loadgen/protocol.hpp"

#include <fmt/format.h>

#include "base/problem.hpp"

namespace mlib::loadgen {
namespace {

using cards::Pointers;
using Value = Places::Value;

const Pointers& one_of(const Pointers& own, const Pointers& otherwise) {
  return own.empty() ? otherwise : own;
}

/// Where the values lie that whole answers and their pieces have in common.
Places common(const cards::Call& call) {
  Places places;
  places.add(call.error, Value::error);
  places.add(call.usage.prompt, Value::prompt_tokens);
  places.add(call.usage.output, Value::tokens);
  places.add(call.usage.cached, Value::cached);
  places.add(call.usage.reasoning, Value::thought);
  places.add(call.usage.speed, Value::per_second);
  return places;
}

Places of_whole(const cards::Call& call) {
  Places places = common(call);
  places.add(call.answer.items, Value::items);
  places.add(call.answer.text, Value::text);
  places.add(call.answer.reasoning, Value::reasoning);
  places.add(call.answer.finish, Value::finish);
  return places;
}

Places of_piece(const cards::Call& call) {
  Places places = common(call);
  const cards::StreamPlaces stream = call.stream.value_or(cards::StreamPlaces());
  places.add(one_of(stream.text, call.answer.text), Value::text);
  places.add(one_of(stream.reasoning, call.answer.reasoning), Value::reasoning);
  places.add(one_of(stream.finish, call.answer.finish), Value::finish);
  return places;
}

}  // namespace

Protocol protocol_of(const cards::NamedCall& named) {
  const auto& [name, call] = named;
  if (const std::vector<cards::CallFault> faults = cards::faults_of(call); !faults.empty())
    throw Problem(Kind::invalid,
                  fmt::format("protocol `{}`, {}: {}", name, to_text(faults[0].at), faults[0].message),
                  faults[0].hint);
  Api made;
  made.name = name;
  made.call = call;
  made.body = Body(call.body);
  made.whole = of_whole(call);
  made.piece = of_piece(call);
  made.generates = !call.answer.text.empty() || (call.stream && !call.stream->text.empty());
  made.reads = made.generates || !call.answer.items.empty();
  made.asks_model = cards::uses(call.body, "model");
  made.asks_length = cards::uses(call.body, "max_tokens");
  for (const std::string_view name_of_prompt : {"prompt", "messages", "query"})
    made.asks_prompt = made.asks_prompt || cards::uses(call.body, name_of_prompt);
  return std::make_shared<const Api>(std::move(made));
}

const Protocol& shipped(std::string_view name) {
  static const std::vector<Protocol> all = [] {
    std::vector<Protocol> made;
    for (const cards::Protocol& protocol : cards::shipped_protocols())
      for (const cards::NamedCall& call : protocol.calls) made.push_back(protocol_of(call));
    return made;
  }();
  for (const Protocol& each : all)
    if (each->name == name) return each;
  cards::get_call(cards::shipped_protocols(), name);  // which says that there is none
  return all.front();
}

bool is_shipped(const Api& api) {
  const cards::NamedCall* found = cards::find_call(cards::shipped_protocols(), api.name);
  return found != nullptr && schema::encode(found->second) == schema::encode(api.call);
}

std::string body_of(const Asking& asking, const Ask& ask) {
  if (!asking.protocol->posts()) return "";
  return asking.protocol->body.filled({asking.model, ask, asking.temperature, asking.streams()});
}

std::string head_of(const Asking& asking, const std::string& authority, const std::string& path,
                    const std::string& bearer) {
  const cards::Call& call = asking.protocol->call;
  const bool posts = asking.protocol->posts();
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: mlib\r\n", posts ? "POST" : "GET",
                                 path.empty() ? call.path : path, authority);
  if (!bearer.empty()) head += fmt::format("Authorization: Bearer {}\r\n", bearer);
  if (!posts) return head + "\r\n";
  if (asking.streams())
    head += call.stream->framing == "lines" ? "Accept: application/x-ndjson, application/json\r\n"
                                            : "Accept: text/event-stream, application/json\r\n";
  else
    head += "Accept: application/json\r\n";
  return head + "Content-Type: application/json\r\nContent-Length: ";
}

std::string request_of(const Asking& asking, const Ask& ask, const std::string& head) {
  if (!asking.protocol->posts()) return head;
  const std::string body = body_of(asking, ask);
  return fmt::format("{}{}\r\n\r\n{}", head, body.size(), body);
}

}  // namespace mlib::loadgen
