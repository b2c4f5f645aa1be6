// What is asked by each protocol, and what is read in its answer.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "loadgen/metrics.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000;

/// A whole answer, due at 0 and there after 100 ms.
Sample whole(Protocol protocol, const std::string& body, int status = 200) {
  Exchange exchange;
  exchange.begun = exchange.sent = ms;
  exchange.head = exchange.end = 100 * ms;
  exchange.status = status;
  exchange.body = body;
  exchange.arrivals = {{100 * ms, static_cast<std::uint32_t>(body.size())}};
  return decode(exchange, protocol, nullptr);
}

/// The same as a stream of events.
Sample streamed(Protocol protocol, const std::string& body) {
  Exchange exchange;
  exchange.begun = exchange.sent = ms;
  exchange.head = exchange.end = 100 * ms;
  exchange.status = 200;
  exchange.event_stream = true;
  exchange.body = body;
  exchange.arrivals = {{100 * ms, static_cast<std::uint32_t>(body.size())}};
  return decode(exchange, protocol, nullptr);
}

const std::string word_event = R"(data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]})"
                               "\n\n";

}  // namespace

TEST_CASE("a stream that stops without a word is no whole answer, however well its body ended") {
  constexpr auto cut = "its stream was cut short: it has neither a finish reason nor [DONE]";
  const std::string usage = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\n";
  const std::string finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
  CHECK(streamed(shipped("chat"), word_event + word_event).error == cut);
  CHECK(streamed(shipped("chat"), word_event + word_event + usage).error == cut);  // some say it all along
  CHECK(streamed(shipped("chat"), word_event + word_event + finish).error.empty());
  CHECK(streamed(shipped("chat"), word_event + word_event + "data: [DONE]").error.empty());
  CHECK(streamed(shipped("completions"), "data: {\"choices\":[{\"text\":\"a\"}]}\n\n").error == cut);
  cards::Call silent = shipped("completions")->call;  // an engine that never says why
  silent.answer.finish.clear();
  CHECK(
      streamed(protocol_of({"silent", silent}), "data: {\"choices\":[{\"text\":\"a\"}]}\n\n").error.empty());
}

TEST_CASE("a stream of tokens is no embedding") {
  const std::string body = word_event + word_event + "data: [DONE]\n\n";
  for (const std::string_view name : {"embeddings", "rerank", "deepsparse"}) {
    const Sample sample = streamed(shipped(name), body);
    CHECK(sample.error == fmt::format("the answer is a stream of events, which one of `{}` is not", name));
    CHECK(sample.events == 0);
    CHECK(sample.tokens == 0);
  }
  CHECK(streamed(shipped("http"), body).good());  // whatever it says
}

TEST_CASE("a whole answer has no first token") {
  const Sample sample =
      whole(shipped("chat"), R"({"choices":[{"message":{"content":"a b c d"},"finish_reason":"stop"}],)"
                             R"("usage":{"prompt_tokens":3,"completion_tokens":4}})");
  CHECK(sample.error.empty());
  CHECK(sample.tokens == 4);
  CHECK(sample.finish == "stop");
  CHECK_FALSE(ttft_of(sample));
  CHECK_FALSE(tpot_of(sample));
  CHECK(e2e_of(sample) == 100);
  const Metrics metrics =
      measure({sample}, {}, second, objective_of("ttft_p50=10s,tpot_p50=40ms,e2e_p50=150ms"));
  CHECK(metrics.ttft.count == 0);
  CHECK(metrics.ttft_service.count == 0);
  CHECK(metrics.e2e.p50 == 100);
  CHECK(metrics.e2e_service.p50 == 99);
  CHECK(metrics.tokens_per_second == 4);
  CHECK(metrics.kept.at(0).of == 0);    // nobody saw it
  CHECK(metrics.kept.at(1).good == 1);  // all of it took no longer
  CHECK(metrics.kept.at(2).good == 1);
}

TEST_CASE("what `usage` says is a count, or it is not believed and the events are counted") {
  const auto said = [](const std::string& usage) {
    return streamed(shipped("chat"), word_event + word_event + "data: {\"choices\":[],\"usage\":" + usage +
                                         "}\n\ndata: [DONE]\n\n");
  };
  for (const std::string tokens : {"-5", "\"8\"", "1000000000000000", "1e999", "2.5", "true"}) {
    INFO(tokens);
    const Sample sample = said("{\"prompt_tokens\":-1,\"completion_tokens\":" + tokens + "}");
    CHECK(sample.good());
    CHECK(sample.odd_usage);
    CHECK_FALSE(sample.usage);
    CHECK(sample.tokens == 2);
    CHECK(sample.prompt_tokens == -1);
  }
  CHECK(said("{\"completion_tokens\":7.0}").tokens == 7);
  CHECK_FALSE(said("{\"completion_tokens\":null}").odd_usage);  // it says nothing
  CHECK_FALSE(said("{\"completion_tokens\":null}").usage);
  const auto cached = [&](const std::string& count) {
    return said("{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":" + count + "}}")
        .cached_tokens;
  };
  CHECK(cached("9") == 9);
  CHECK(cached("10") == -1);
}

TEST_CASE("a number beyond what a double holds is JSON all the same") {
  const Sample sample =
      whole(shipped("chat"), R"({"choices":[{"logprob":-1e999,"message":{"content":"a"}}],)"
                             R"("timings":{"predicted_per_second":1e999},"usage":{"completion_tokens":1}})");
  CHECK(sample.good());
  CHECK(sample.tokens == 1);
  CHECK(sample.engine_tokens_per_second == 0);
}

TEST_CASE("an answer without what its protocol gives is an error") {
  const auto error = [](Protocol protocol, const std::string& body) { return whole(protocol, body).error; };
  CHECK(error(shipped("embeddings"), R"({"data":[{"embedding":[0.1,0.2]}]})").empty());
  CHECK(error(shipped("embeddings"), R"({"data":[]})") == "the answer has no list of results");
  CHECK(error(shipped("embeddings"), R"({"data":"none"})") == "the answer has no list of results");
  CHECK(error(shipped("rerank"), R"({"results":[{"index":0,"relevance_score":0.5}]})").empty());
  CHECK(error(shipped("rerank"), R"({"message":"ok"})") == "the answer has no list of results");
  CHECK(error(shipped("rerank"), R"([{"score":0.5,"document":"a","index":0}])").empty());  // SGLang's
  CHECK(error(shipped("rerank"), "[]") == "the answer has no list of results");
  CHECK(error(shipped("tei-rerank"), R"([{"index":0,"score":0.5}])").empty());
  CHECK(error(shipped("tei-rerank"), R"({"error":"full","error_type":"Overloaded"})") ==
        "the engine says: full");
  CHECK(error(shipped("deepsparse"), R"({"outputs":[{"text":"a"}]})").empty());
  CHECK(error(shipped("deepsparse"), R"({"status":"ok"})") == "the answer has no list of results");
  CHECK(error(shipped("deepsparse"), R"({"outputs":[]})") == "the answer has no list of results");
  CHECK(error(shipped("completions"), R"({"choices":[{"text":"a"}]})").empty());
  CHECK(error(shipped("completions"), R"({"choices":[{"text":""}]})") == "the answer has no token");
  CHECK(error(shipped("chat"), R"({"choices":[]})") == "the answer has no token");
  CHECK(error(shipped("chat"), R"({"error":"no memory"})") == "the engine says: no memory");
  for (const Protocol& protocol : {shipped("chat"), shipped("completions"), shipped("embeddings"),
                                   shipped("rerank"), shipped("deepsparse")})
    CHECK(error(protocol, "<html>") == "the answer is no JSON object");
  CHECK(error(shipped("http"), "<html>").empty());  // whatever it says
  CHECK(whole(shipped("chat"), "<html>").foreign);
  CHECK_FALSE(whole(shipped("chat"), R"({"error":"no memory"})").foreign);
}

TEST_CASE("an engine's words are UTF-8 in a result, whatever it sends") {
  const Sample odd =
      whole(shipped("chat"),
            "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"caf\\u00e9 \xff\xfep\"}]}");
  CHECK(odd.good());
  CHECK(odd.finish == "café \\xff\\xfep");
  const std::string error = "{\"error\":{\"message\":\"no \xc3 memory\\u001b[31m\"}}";
  CHECK(whole(shipped("chat"), error).error == "the engine says: no \\xc3 memory\\x1b[31m");
  CHECK(whole(shipped("chat"), error, 500).error == "status 500: no \\xc3 memory\\x1b[31m");
}

TEST_CASE("what an answer says of its tokens is read, whatever the protocol") {
  const Sample embedded = whole(
      shipped("embeddings"), R"({"data":[{"embedding":[1]}],"usage":{"prompt_tokens":7,"total_tokens":7}})");
  CHECK(embedded.prompt_tokens == 7);
  CHECK(embedded.tokens == 0);
  CHECK_FALSE(embedded.usage);
  CHECK(whole(shipped("rerank"), R"({"results":[{"index":0}],"usage":{"total_tokens":7}})").prompt_tokens ==
        7);
  const Sample completed =
      whole(shipped("completions"),
            R"({"choices":[{"text":"a b","finish_reason":"length"}],"usage":{"completion_tokens":2,)"
            R"("prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":8}},)"
            R"("timings":{"predicted_per_second":50.5}})");
  CHECK(completed.tokens == 2);
  CHECK(completed.usage);
  CHECK(completed.cached_tokens == 8);
  CHECK(completed.finish == "length");
  CHECK(completed.engine_tokens_per_second == 50.5);
  const Sample plain = whole(shipped("http"), "hello");
  CHECK(plain.tokens == 0);
  CHECK(e2e_of(plain) == 100);
}

TEST_CASE("each protocol's request") {
  Ask ask;
  ask.prompt = "say \"a\"";
  ask.max_tokens = 5;
  ask.before = {{"q", "r"}};
  Asking asking{shipped("chat"), "m", false};
  CHECK(body_of(asking, ask) ==
        R"({"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"r"},)"
        R"({"role":"user","content":"say \"a\""}],"temperature":0,"max_tokens":5})");
  asking.stream = true;
  ask.ignore_end = true;
  CHECK(
      body_of(asking, ask)
          .ends_with(
              R"("max_tokens":5,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}})"));
  ask = {};
  ask.prompt = "one two";
  asking.stream = false;
  asking.protocol = shipped("completions");
  CHECK(body_of(asking, ask) == R"({"model":"m","prompt":"one two","temperature":0})");
  asking.protocol = shipped("embeddings");
  CHECK(body_of(asking, ask) == R"({"model":"m","input":"one two"})");
  asking.protocol = shipped("rerank");
  CHECK(body_of(asking, ask) == R"({"model":"m","query":"one","documents":["one two"]})");
  asking.protocol = shipped("tei-rerank");
  CHECK(body_of(asking, ask) == R"({"query":"one","texts":["one two"]})");
  asking.protocol = shipped("deepsparse");
  CHECK(body_of(asking, ask) == R"({"prompt":"one two"})");  // the engine's own end
  ask.max_tokens = 5;
  CHECK(body_of(asking, ask) == R"({"prompt":"one two","max_new_tokens":5})");
}

TEST_CASE("each protocol's head and its path") {
  Asking asking{shipped("embeddings"), "", false};
  const std::string head = head_of(asking, "engine:80", "", "key");
  CHECK(head ==
        "POST /v1/embeddings HTTP/1.1\r\nHost: engine:80\r\nUser-Agent: mlib\r\nAuthorization: Bearer key\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: ");
  Ask ask;
  ask.prompt = "a";
  CHECK(request_of(asking, ask, head) == head + "13\r\n\r\n{\"input\":\"a\"}");
  CHECK(shipped("rerank")->call.path == "/v1/rerank");
  CHECK(shipped("completions")->call.path == "/v1/completions");
  CHECK(shipped("deepsparse")->call.path == "/v2/models/chat/infer");
  asking.protocol = shipped("http");
  CHECK(request_of(asking, ask, head_of(asking, "engine", "/status?x=1", "")) ==
        "GET /status?x=1 HTTP/1.1\r\nHost: engine\r\nUser-Agent: mlib\r\n\r\n");
}
