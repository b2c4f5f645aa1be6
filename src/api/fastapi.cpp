#include "api/fastapi.hpp"

#include <fmt/format.h>

#include <array>

#include "api/python_json.hpp"
#include "base/text.hpp"

namespace mlib::api::fastapi {
namespace {

constexpr std::size_t echo_limit = 256U << 10U;
constexpr std::string_view mask = "**********";

struct Message {
  std::string_view type;
  std::string_view text;
};
constexpr std::array messages{
    Message{"missing", "Field required"},
    Message{"string_type", "Input should be a valid string"},
    Message{"dict_type", "Input should be a valid dictionary"},
    Message{"list_type", "Input should be a valid list"},
    Message{"model_attributes_type", "Input should be a valid dictionary or object to extract fields from"},
};

std::string_view message_of(std::string_view type) {
  for (const Message& each : messages)
    if (each.type == type) return each.text;
  return "Invalid";
}

Node masked(const Node& node) {
  if (node.is_list()) {
    Node copy = Node::list();
    for (const Node& item : node.items()) copy.push(masked(item));
    return copy;
  }
  if (!node.is_map()) return node;
  Node copy = Node::map();
  for (const schema::Entry& entry : node.entries())
    copy.set(entry.key, entry.key == "API_key" ? Node(mask) : masked(entry.value));
  return copy;
}

std::string json_of(const Path& loc) {
  std::string text = "[";
  for (const Step& step : loc) {
    if (text.size() > 1) text += ',';
    text += step.index >= 0 ? fmt::format("{}", step.index) : schema::to_json(Node(step.key));
  }
  return text + ']';
}

std::string echo_of(const Wrong& wrong, std::size_t& echoed) {
  if (wrong.input == nullptr || echoed >= echo_limit) return "null";
  const bool key = !wrong.loc.empty() && wrong.loc.back().key == "API_key" && wrong.type != "missing";
  std::string text = schema::to_json(key ? Node(mask) : masked(*wrong.input));
  echoed += text.size();
  return text;
}

/// True for application/json and application/*+json, as Python's email package reads the header.
bool is_json(std::string_view content_type) {
  const std::string type = lower(trim(content_type.substr(0, content_type.find(';'))));
  if (!type.starts_with("application/") || type.find('/', 12) != std::string::npos) return false;
  return type == "application/json" || type.ends_with("+json");
}

net::Reply broken_json(std::string_view text, const schema::JsonError& error) {
  if (error.too_deep) return text_detail(400, "There was an error parsing the body");
  if (error.duplicate_key) return text_detail(400, "There was an error parsing the body: " + error.message);
  std::size_t offset = std::min(error.offset, text.size());
  std::string_view message = error.message;
  if (const auto told = python_json_error(text)) {
    offset = told->offset;
    message = told->message;
  }
  // Python counts characters.
  return json_reply(422, fmt::format(R"({{"detail":[{{"type":"json_invalid","loc":["body",{}],"msg":"JSON )"
                                     R"(decode error","input":{{}},"ctx":{{"error":{}}}}}]}})",
                                     utf8_length(text.substr(0, offset)), schema::to_json(Node(message))));
}

}  // namespace

net::Reply json_reply(int status, std::string body) {
  net::Reply reply;
  reply.status = status;
  reply.headers.emplace_back("content-type", "application/json");
  reply.body = std::move(body);
  return reply;
}

net::Reply text_detail(int status, std::string_view text) {
  return json_reply(status, fmt::format(R"({{"detail":{}}})", schema::to_json(Node(text))));
}

net::Reply wrong_shape(const std::vector<Wrong>& wrongs) {
  std::string body = R"({"detail":[)";
  std::size_t echoed = 0;
  for (const Wrong& wrong : wrongs) {
    if (&wrong != &wrongs.front()) body += ',';
    body += fmt::format(
        R"({{"type":"{0}","loc":{1},"msg":"{2}","input":{3},"url":"https://errors.pydantic.dev/2.14/v/{0}"}})",
        wrong.type, json_of(wrong.loc), message_of(wrong.type), echo_of(wrong, echoed));
  }
  return json_reply(422, body + "]}");
}

net::Reply refused(const std::vector<Detail>& details) {
  std::string body = R"({"detail":[)";
  for (const Detail& detail : details) {
    if (&detail != &details.front()) body += ',';
    body += fmt::format(R"({{"type":"{}","loc":{},"msg":{},"input":{}}})", detail.type, json_of(detail.loc),
                        schema::to_json(Node(detail.msg)), schema::to_json(detail.input));
  }
  return json_reply(422, body + "]}");
}

Body read_body(const net::Received& received) {
  Body body;
  if (received.body.empty()) return body;
  const std::string type = received.header("content-type");
  if (!type.empty() && !is_json(type)) {
    body.is_text = true;
    return body;
  }
  std::string_view text = received.body;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!is_utf8(text)) {
    body.refusal = text_detail(400, "There was an error parsing the body");
    return body;
  }
  schema::JsonError error;
  Node value;
  if (schema::read_json(text, value, error)) {
    body.value = std::move(value);
  } else {
    body.refusal = broken_json(text, error);
  }
  return body;
}

}  // namespace mlib::api::fastapi
