#include "api/verb_call.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/guards.hpp"
#include "api/problem_json.hpp"
#include "base/text.hpp"

namespace mlib::api {
namespace {

using schema::Node;

constexpr std::string_view json = "application/json";
constexpr std::string_view lines = "application/jsonl";
constexpr std::string_view events = "text/event-stream";
constexpr std::size_t most_events = 10'000;

std::string_view media_type(const Route& route, const net::Received& received) {
  std::vector<std::string_view> offered{json};
  if (route.verb->stream) offered = {lines, events, json};
  const std::string accept = received.header("accept");
  const std::string_view chosen = accepted(accept, offered);
  if (chosen.empty())
    throw Refusal{"not-acceptable", fmt::format("Accept `{}`", shortened(visible(accept), 64)),
                  "offered: " + fmt::format("{}", fmt::join(offered, ", "))};
  return chosen;
}

net::Reply value_reply(const Node& value, const net::Received& received) {
  net::Reply reply;
  reply.headers = {{"content-type", std::string(json)}, {"x-content-type-options", "nosniff"}};
  reply.body = schema::to_json(value);
  if (received.method == "POST" || received.method == "DELETE") {
    reply.headers.emplace_back("cache-control", "no-store");
    return reply;
  }
  const std::string etag = '"' + sha256_hex(reply.body).substr(0, 32) + '"';
  reply.headers.emplace_back("cache-control", "no-cache");
  reply.headers.emplace_back("etag", etag);
  if (has_etag(received.header("if-none-match"), etag)) {
    reply.status = 304;
    reply.body.clear();
  }
  return reply;
}

std::string written(const Node& event, bool as_events) {
  const std::string text = schema::to_json(event);
  if (!as_events) return text + '\n';
  const bool named = event.is_map() && !event.entries().empty();
  return fmt::format("event: {}\ndata: {}\n\n", named ? event.entries().front().key : "message", text);
}

/// A failure after the status was sent is the last event.
Node failure(const Problem& problem) {
  Node event = Node::map();
  event.set("problem", problem_body(problem));
  return event;
}

void run_stream(const verbs::Verb& verb, const verbs::World& world, const verbs::Caller& caller,
                const Node& arguments, const verbs::Sink& sink, const Cancel* cancel) {
  const Cancel never;
  verb.stream(world, caller, arguments, sink, cancel == nullptr ? never : *cancel);
}

net::Reply collected(const verbs::World& world, const verbs::Caller& caller, const Route& route,
                     const Node& arguments, const net::Received& received) {
  Node all = Node::list();
  std::optional<Node> result;
  const auto take = [&](const Node& event) {
    if (const Node* found = event.find("result")) {
      result = *found;
    } else if (all.items().size() < most_events) {
      all.push(event);
    } else {
      throw Problem(Kind::too_large, fmt::format("more than {} events", most_events),
                    fmt::format("ask for {} or {}", lines, events));
    }
    return true;
  };
  run_stream(*route.verb, world, caller, arguments, take, received.cancel);
  if (result) return value_reply(*result, received);
  Node body = Node::map();
  body.set("events", std::move(all));
  return value_reply(body, received);
}

net::Reply streamed(const verbs::World& world, const verbs::Caller& caller, const Route& route,
                    Node arguments, const net::Received& received, bool as_events) {
  net::Reply reply;
  reply.headers = {{"content-type", std::string(as_events ? events : lines)},
                   {"cache-control", "no-store"},
                   {"x-content-type-options", "nosniff"}};
  reply.stream = [&world, caller, verb = route.verb, arguments = std::move(arguments),
                  cancel = received.cancel, as_events](const net::Write& write) {
    bool open = true;
    const auto sink = [&](const Node& event) { return open = open && write(written(event, as_events)); };
    try {
      run_stream(*verb, world, caller, arguments, sink, cancel);
    } catch (const Problem& problem) {
      if (open) write(written(failure(problem), as_events));
    } catch (const std::exception&) {
      if (open) write(written(failure(Problem(Kind::internal, "a defect of ours")), as_events));
    }
  };
  return reply;
}

}  // namespace

bool has_etag(std::string_view if_none_match, std::string_view etag) {
  const std::vector<std::string> given = split(if_none_match, ',');
  return std::any_of(given.begin(), given.end(), [&](const std::string& each) {
    std::string_view one = trim(each);
    if (one.starts_with("W/")) one.remove_prefix(2);
    return one == etag || one == "*";
  });
}

net::Reply run_verb(const verbs::World& world, const verbs::Caller& caller, const Route& route,
                    const Parameters& path, const net::Received& received) {
  const std::string_view type = media_type(route, received);
  Node arguments = arguments_of(*route.verb, route.schema, path, received);
  if (caller.role < route.verb->role)
    throw Problem(Kind::forbidden, fmt::format("`{}` needs another role than yours", route.verb->name));
  if (route.verb->call) return value_reply(route.verb->call(world, caller, arguments).value, received);
  if (type == json) return collected(world, caller, route, arguments, received);
  return streamed(world, caller, route, std::move(arguments), received, type == events);
}

}  // namespace mlib::api
