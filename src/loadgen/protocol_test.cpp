// An engine whose API no C++ knows: how it is asked and read, by a description alone.
#include "loadgen/protocol.hpp"

#include <doctest/doctest.h>

#include "loadgen/made_result.hpp"
#include "loadgen/stub_run.hpp"
#include "schema/document.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// Streams of lines, other names of fields, a constant, and text at another place.
cards::Call made_call() {
  cards::Call call;
  call.path = "/api/generate";
  call.body = schema::read_json(
      R"({"name":"$model","text":"$prompt","stream":"$stream_or_not","format":{"kind":"plain $$"},)"
      R"("options":{"num_predict":"$max_tokens","keep_on":"$ignore_end"},"stop":["### $model"]})");
  call.answer.text = {"/response"};
  call.answer.reasoning = {"/thinking"};
  call.answer.finish = {"/done_reason"};
  call.stream.emplace();
  call.stream->framing = "lines";
  call.usage.prompt = {"/prompt_eval_count"};
  call.usage.output = {"/eval_count"};
  call.error = {"/problem"};
  return call;
}

Protocol made_protocol() { return protocol_of({"made", made_call()}); }

Sample decoded(const std::string& body, bool stream, const std::string& error = "") {
  Exchange exchange;
  exchange.begun = exchange.sent = 1;
  exchange.end = 100;
  exchange.status = 200;
  exchange.event_stream = stream;
  exchange.body = body;
  exchange.error = error;
  const auto half = static_cast<std::uint32_t>(body.size() / 2);
  exchange.arrivals = {{50, half}, {100, static_cast<std::uint32_t>(body.size())}};
  return decode(exchange, made_protocol(), nullptr);
}

}  // namespace

TEST_CASE("a body is filled in: what has no value is left out, what has no placeholder stays") {
  Asking asking{made_protocol(), "m", true};
  Ask ask;
  ask.prompt = "say \"a\"";
  ask.max_tokens = 5;
  ask.ignore_end = true;
  CHECK(body_of(asking, ask) == R"({"name":"m","text":"say \"a\"","stream":true,"format":{"kind":"plain $"},)"
                                R"("options":{"num_predict":5,"keep_on":true},"stop":["### m"]})");
  asking = {made_protocol(), "", false};
  ask = {};
  ask.prompt = "b";
  ask.before = {{"q", "a"}};
  CHECK(body_of(asking, ask) ==
        R"({"text":"q\na\nb","stream":false,"format":{"kind":"plain $"},"stop":["### "]})");
  cards::Call empty = made_call();
  empty.body = schema::read_json(R"({"model":"$model","more":{"limits":["$max_tokens"]}})");
  CHECK(body_of({protocol_of({"empty", empty}), "", false}, {}) == "{}");
}

TEST_CASE("a stream of lines is read as it comes") {
  const Sample sample = decoded(
      "{\"response\":\"\",\"thinking\":\"hm\"}\r\n{\"response\":\"a\"}\n\n"
      "{\"response\":\"b\",\"done_reason\":\"length\",\"eval_count\":7,\"prompt_eval_count\":3}",
      true);
  CHECK(sample.error.empty());
  CHECK(sample.events == 3);
  CHECK(sample.reasoning_events == 1);
  CHECK(sample.tokens == 7);
  CHECK(sample.prompt_tokens == 3);
  CHECK(sample.finish == "length");
  CHECK(sample.first == 50);
  CHECK(sample.last == 100);
  const std::string cut = "{\"response\":\"a\"}\n{\"resp";
  CHECK(decoded(cut, true).error == "1 events of its stream are no JSON");
  CHECK(decoded(cut, true, "it was reset").events == 1);  // what was cut off counts for nothing
  CHECK(decoded("{\"problem\":{\"message\":\"no memory\"}}\n", true).error == "the engine says: no memory");
  CHECK(decoded("{\"problem\":\"full\"}\n", true).error == "the engine says: full");
  CHECK(decoded("\n", true).error == "its stream has no token");
  CHECK(decoded("{\"response\":\"a\"}\n", true).error ==
        "its stream was cut short: it has neither a finish reason nor [DONE]");
}

TEST_CASE("a whole answer is read at other places") {
  const Sample sample = decoded(R"({"response":"a b","eval_count":2,"done_reason":"stop"})", false);
  CHECK(sample.error.empty());
  CHECK(sample.tokens == 2);
  CHECK(sample.finish == "stop");
  CHECK(sample.first < 0);
  CHECK(decoded(R"({"choices":[{"message":{"content":"a"}}]})", false).error == "the answer has no token");
  CHECK(decoded(R"({"error":"not a place of this one","response":"a"})", false).error.empty());
}

TEST_CASE("tools that are called count as content, a list without any does not") {
  const auto error = [](const std::string& calls) {
    Exchange exchange;
    exchange.status = 200;
    exchange.body = R"({"choices":[{"message":{"content":null,"tool_calls":)" + calls + "}}]}";
    return decode(exchange, shipped("chat"), nullptr).error;
  };
  CHECK(error(R"([{"type":"function"}])").empty());
  CHECK(error("[]") == "the answer has no token");
}

TEST_CASE("an answer that is a list, or a text, as a whole") {
  cards::Call call = made_call();
  call.stream.reset();
  call.answer = {};
  call.answer.items = {""};
  Exchange exchange;
  exchange.status = 200;
  exchange.body = "[{\"index\":0}]";
  CHECK(decode(exchange, protocol_of({"list", call}), nullptr).error.empty());
  exchange.body = "[]";
  CHECK(decode(exchange, protocol_of({"list", call}), nullptr).error == "the answer has no list of results");
  call.answer = {};
  call.answer.text = {""};
  exchange.body = "\"hello\"";
  CHECK(decode(exchange, protocol_of({"text", call}), nullptr).error.empty());
  CHECK(decode(exchange, shipped("chat"), nullptr).error == "the answer is no JSON object");
}

TEST_CASE("an engine of a made protocol is measured, streamed and not") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return answer("application/json",
                  "{\"response\":\"a\"}\n{\"response\":\"b\",\"eval_count\":2,\"done_reason\":\"stop\"}\n");
  };
  const StubServer server(rules);
  Plan plan = plan_for(server, 200, 10);
  plan.asking.protocol = made_protocol();
  plan.asking.model = "tiny";
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.good == 10);
  CHECK(outcome.metrics.output_tokens == 20);
  CHECK(outcome.samples.at(0).streamed);
  CHECK(outcome.metrics.ttft.count == 10);
  CHECK(server.bodies().at(0).find(R"("name":"tiny")") != std::string::npos);
  CHECK(head_of(plan.asking, "engine", "", "").find("POST /api/generate HTTP/1.1\r\n") == 0);
  CHECK(head_of(plan.asking, "engine", "", "").find("Accept: application/x-ndjson") != std::string::npos);
  plan.asking.stream = false;
  plan.warm_up = 0;
  CHECK(measured(plan).samples.at(0).error == "the answer is no JSON object");  // two lines are not one
}

TEST_CASE("a result keeps the protocol that this program does not ship, and no other") {
  Plan plan = made_plan();
  CHECK(to_node(result_of(plan, made_outcome(plan), {})).at({"workload", "call"}) == nullptr);
  plan.asking.protocol = made_protocol();
  const Result result = result_of(plan, made_outcome(plan), {});
  const Plan back = plan_of(result_from(to_node(result)));
  CHECK(back.asking.protocol->name == "made");
  CHECK(schema::encode(back.asking.protocol->call) == schema::encode(made_call()));
  Asking asking = back.asking;
  asking.model = "m";
  CHECK(body_of(asking, {}) == body_of({made_protocol(), "m", asking.stream}, {}));
  Result broken = result;
  broken.workload.call->path = "/two words";
  CHECK_THROWS_WITH_AS(plan_of(broken), "protocol `made`, path: `/two words` is no path of a URL", Problem);
  broken.workload.call.reset();
  CHECK_THROWS_WITH_AS(plan_of(broken), "no protocol is called `made`", Problem);
}
