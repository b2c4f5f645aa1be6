#include "loadgen/protocol.hpp"

#include <fmt/format.h>

#include "base/problem.hpp"
#include "base/text.hpp"
#include "loadgen/json_scan.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::string_view paths[] = {"/v1/chat/completions", "/v1/completions",       "/v1/embeddings",
                                      "/v1/rerank",           "/v2/models/chat/infer", "/"};

std::string messages_of(const Ask& ask) {
  std::string list;
  for (const Turn& turn : ask.before)
    list += fmt::format(R"({{"role":"user","content":{}}},{{"role":"assistant","content":{}}},)",
                        quoted(turn.question), quoted(turn.answer));
  return fmt::format(R"([{}{{"role":"user","content":{}}}])", list, quoted(ask.prompt));
}

/// A conversation as one text, for an engine that takes no messages.
std::string text_of(const Ask& ask) {
  std::string text;
  for (const Turn& turn : ask.before) text += turn.question + "\n" + turn.answer + "\n";
  return text + ask.prompt;
}

std::string generation(const Asking& asking, const Ask& ask) {
  std::string fields = fmt::format(R"(,"temperature":{})", asking.temperature);
  if (ask.max_tokens > 0) fields += fmt::format(R"(,"max_tokens":{})", ask.max_tokens);
  if (ask.ignore_end) fields += R"(,"ignore_eos":true)";
  if (asking.stream) fields += R"(,"stream":true,"stream_options":{"include_usage":true})";
  return fields;
}

}  // namespace

const std::vector<std::string>& protocol_names() {
  static const std::vector<std::string> names = {"chat",   "completions", "embeddings",
                                                 "rerank", "deepsparse",  "http"};
  return names;
}

Protocol protocol_of(std::string_view name) {
  const auto& names = protocol_names();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Protocol>(i);
  throw Problem(Kind::usage, fmt::format("no protocol is called `{}`", name), suggestion(name, names));
}

std::string_view path_of(Protocol protocol) { return paths[static_cast<std::size_t>(protocol)]; }

std::string body_of(const Asking& asking, const Ask& ask) {
  const std::string model = asking.model.empty() ? "" : fmt::format(R"("model":{},)", quoted(asking.model));
  switch (asking.protocol) {
    case Protocol::chat:
      return fmt::format(R"({{{}"messages":{}{}}})", model, messages_of(ask), generation(asking, ask));
    case Protocol::completions:
      return fmt::format(R"({{{}"prompt":{}{}}})", model, quoted(text_of(ask)), generation(asking, ask));
    case Protocol::embeddings:
      return fmt::format(R"({{{}"input":{}}})", model, quoted(ask.prompt));
    case Protocol::rerank:
      return fmt::format(R"({{{}"query":{},"documents":[{}]}})", model,
                         quoted(std::string_view(ask.prompt).substr(0, ask.prompt.find(' '))),
                         quoted(ask.prompt));
    case Protocol::deepsparse:
      return fmt::format(R"({{"prompt":{},"max_new_tokens":{}}})", quoted(ask.prompt),
                         ask.max_tokens > 0 ? ask.max_tokens : 100);
    case Protocol::http:
      return "";
  }
  return "";
}

std::string head_of(const Asking& asking, const std::string& authority, const std::string& path,
                    const std::string& bearer) {
  const bool plain = asking.protocol == Protocol::http;
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: mlib\r\n", plain ? "GET" : "POST",
                                 path.empty() ? path_of(asking.protocol) : path, authority);
  if (!bearer.empty()) head += fmt::format("Authorization: Bearer {}\r\n", bearer);
  if (plain) return head + "\r\n";
  head += asking.stream ? "Accept: text/event-stream, application/json\r\n" : "Accept: application/json\r\n";
  return head + "Content-Type: application/json\r\nContent-Length: ";
}

std::string request_of(const Asking& asking, const Ask& ask, const std::string& head) {
  if (asking.protocol == Protocol::http) return head;
  const std::string body = body_of(asking, ask);
  return fmt::format("{}{}\r\n\r\n{}", head, body.size(), body);
}

}  // namespace mlib::loadgen
