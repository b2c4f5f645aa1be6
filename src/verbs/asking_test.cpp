#include "verbs/asking.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.hpp"
#include "kube/scripted_http.hpp"
#include "verbs/event_stream.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

struct Test : ScriptedWorld {
  Test() {
    targets::Status ready;
    ready.phase = targets::Phase::ready;
    ready.endpoint = "http://127.0.0.1:31000";
    podman.statuses = {ready};
    world.http = &http;
    DeployArguments arguments;
    arguments.template_name = "tiny-llama-test";
    arguments.name = "demo";
    deploy(world, ann, arguments, sink, cancel);
  }
  void ask(const std::string& key = "") {
    ChatArguments arguments;
    arguments.name = "demo";
    arguments.text = "Why?";
    arguments.api_key = key;
    chat(world, ann, arguments, sink, cancel);
  }
  int status = 200;
  std::string model = "tiny";
  std::string streamed =
      "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"Be\"}}]}\r\n\r\n"
      ": still here\n\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"cause\"},\"finish_reason\":\"stop\"}]}\n\n"
      "data: [DONE]\n\n";
  kube::ScriptedHttp http{[this](const net::Call& call) {
    net::Answer answer;
    answer.status = call.method == "GET" ? 200 : status;
    answer.body = call.method == "GET" ? fmt::format(R"({{"data":[{{"id":"{}"}}]}})", model) : streamed;
    return answer;
  }};
  Cancel cancel;
  std::vector<std::string> pieces;
  Node result;
  const Sink sink = [this](const Node& event) {
    if (const Node* piece = event.find("piece")) pieces.push_back(piece->string());
    if (const Node* found = event.find("result")) result = *found;
    return true;
  };
};

}  // namespace

TEST_CASE("chat asks the served model and tells the answer in pieces") {
  Test t;
  t.ask("canary");
  CHECK(join(t.pieces, "|") == "Be|cause");
  CHECK(t.result.text_at({"answer"}) == "Because");
  CHECK(t.result.text_at({"finish_reason"}) == "stop");
  const net::Call& call = t.http.calls.back();
  CHECK(call.url == "http://127.0.0.1:31000/v1/chat/completions");
  CHECK(call.bearer.reveal() == "canary");
  const Node body = schema::read_json(call.body);
  CHECK(body.text_at({"model"}) == "tiny");
  CHECK(body.text_at({"messages", "0", "content"}) == "Why?");
}

TEST_CASE("chat says when the key is wrong, when the engine fails and when it breaks off") {
  Test t;
  t.status = 401;
  t.streamed = R"({"error":{"message":"Invalid API Key"}})";
  const Problem key = failure([&] { t.ask(); });
  CHECK(key.kind() == Kind::forbidden);
  CHECK(key.message() == "`demo` does not accept this key: Invalid API Key");
  CHECK(key.hint() == "give its key: --api-key-file FILE or --api-key-stdin");
  t.status = 500;
  t.streamed = "<html>";
  CHECK(failure([&] { t.ask(); }).message() == "`demo` answered with status 500: <html>");
  t.status = 200;
  t.streamed = "data: {\"error\":{\"message\":\"context is full\"}}\n\n";
  CHECK(failure([&] { t.ask(); }).message() == "`demo` broke off: context is full");
}

TEST_CASE("a snippet has the served model, and names the key without holding it") {
  Test t;
  EndpointArguments arguments;
  arguments.name = "demo";
  arguments.snippet = true;
  const std::string plain = *endpoint(t.world, t.ann, arguments).text;
  CHECK(plain.rfind("curl http://127.0.0.1:31000/v1/chat/completions \\\n", 0) == 0);
  CHECK(plain.find("\"model\":\"tiny\"") != std::string::npos);
  CHECK(plain.find("Authorization") == std::string::npos);
  DeployArguments locked;
  locked.template_name = "tiny-llama-test";
  locked.name = "demo";
  locked.api_key = "canary-7f3a";
  deploy(t.world, t.ann, locked, t.sink, t.cancel);
  const std::string with_key = *endpoint(t.world, t.ann, arguments).text;
  CHECK(with_key.find("Bearer $API_KEY") != std::string::npos);
  CHECK(with_key.find("os.environ[\"API_KEY\"]") != std::string::npos);
  CHECK(with_key.find("canary") == std::string::npos);
}

TEST_CASE("an engine's name for its model runs nothing in the shell of who pastes the snippet") {
  Test t;
  t.model = "x' ; touch /tmp/canary; '";
  EndpointArguments arguments;
  arguments.name = "demo";
  arguments.snippet = true;
  const std::string text = *endpoint(t.world, t.ann, arguments).text;
  CHECK(text.find(R"("model":"x'\'' ; touch /tmp/canary; '\''")") != std::string::npos);
}

TEST_CASE("a deployment with a key tells its models to who has the key") {
  Test t;
  DeployArguments locked;
  locked.template_name = "tiny-llama-test";
  locked.name = "demo";
  locked.api_key = "canary-7f3a";
  deploy(t.world, t.ann, locked, t.sink, t.cancel);
  EndpointArguments arguments;
  arguments.name = "demo";
  CHECK(endpoint(t.world, t.ann, arguments).value.find("models") == nullptr);
  arguments.api_key = "canary-7f3a";
  CHECK(endpoint(t.world, t.ann, arguments).value.text_at({"models", "0"}) == "tiny");
  CHECK(t.http.calls.back().bearer.reveal() == "canary-7f3a");
}

TEST_CASE("chat and snippet ask by the framework's protocol, whatever it is") {
  Test t;
  const std::string call =
      "  made:\n    path: /api/generate\n"
      "    body: {text: $prompt, limit: $max_tokens, stream: $stream_or_not}\n"
      "    answer: {text: [/said/0], finish: [/why]}\n";
  t.shelf.replace(library_speaking(call + "    stream: {framing: lines}\n"));
  REQUIRE(t.shelf.library()->findings.empty());
  t.streamed = "{\"said\":[\"Be\"]}\n{\"said\":[\"cause\"],\"why\":\"stop\"}\n";
  t.http.calls.clear();
  t.ask();
  CHECK(join(t.pieces, "|") == "Be|cause");
  CHECK(t.result.text_at({"finish_reason"}) == "stop");
  REQUIRE(t.http.calls.size() == 1);  // it names no model, so that none is asked for
  CHECK(t.http.calls.back().url == "http://127.0.0.1:31000/api/generate");
  CHECK(t.http.calls.back().body == R"({"text":"Why?","stream":true})");
  t.pieces.clear();
  t.shelf.replace(library_speaking(call));
  t.streamed = R"({"said":["all of it"]})";
  t.ask();
  CHECK(join(t.pieces, "|") == "all of it");
  CHECK(t.http.calls.back().body == R"({"text":"Why?","stream":false})");
  EndpointArguments arguments;
  arguments.name = "demo";
  arguments.snippet = true;
  const std::string text = *endpoint(t.world, t.ann, arguments).text;
  CHECK(text.rfind("curl http://127.0.0.1:31000/api/generate \\\n", 0) == 0);
  CHECK(text.find(R"(-d '{"text":"Hello","stream":false}')") != std::string::npos);
  CHECK(text.find(R"(json.load(answer)["said"][0])") != std::string::npos);
  t.shelf.replace(library_speaking("  made: {path: /page}\n"));
  const Problem problem = failure([&] { t.ask(); });
  CHECK(problem.kind() == Kind::unsupported);
  CHECK(problem.message() ==
        "framework llama-cpp-server has the protocol `made`, which cannot be chatted with");
}

TEST_CASE("an answer that does not end is broken off") {
  Test t;
  t.streamed = "data: " + std::string(64U << 20U, 'x');
  const Problem problem = failure([&] { t.ask(); });
  CHECK(problem.kind() == Kind::too_large);
  CHECK(problem.message() == "`demo` answers with more than 64 MiB");
  CHECK(t.pieces.empty());
}

TEST_CASE("an event stream is the same wherever the network cuts it") {
  const std::string text = "data: one\ndata: two\n\n: comment\nid: 4\ndata:three\r\n\r\n\ndata: last";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::string seen;
    EventStream stream([&](const std::string& data) {
      seen += "[" + data + "]";
      return true;
    });
    stream.feed(std::string_view(text).substr(0, cut));
    stream.feed(std::string_view(text).substr(cut));
    stream.finish();
    CHECK(seen == "[one\ntwo][three][last]");
  }
}

TEST_CASE("a stream of lines is the same wherever the network cuts it") {
  const std::string text = "one\r\n\ntwo\nlast";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::string seen;
    EventStream stream(
        [&](const std::string& data) {
          seen += "[" + data + "]";
          return true;
        },
        true);
    stream.feed(std::string_view(text).substr(0, cut));
    stream.feed(std::string_view(text).substr(cut));
    stream.finish();
    CHECK(seen == "[one][two][last]");
  }
}
