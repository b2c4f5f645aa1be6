// The load generator against an engine whose times are known.
#include <doctest/doctest.h>

#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

TEST_CASE("times to the first token and between tokens are those of the engine") {
  const StubServer server({.ttft = 40'000'000, .gap = 10'000'000, .tokens = 8});
  const Metrics metrics = measured(plan_for(server, 50, 60)).metrics;
  CHECK(metrics.good == 60);
  CHECK(metrics.ttft.p50 >= 39.9);
  CHECK(metrics.ttft.p50 < 60);
  CHECK(metrics.tpot.p50 == doctest::Approx(10).epsilon(0.2));
  if (metrics.itl)
    CHECK(metrics.itl->p50 == doctest::Approx(10).epsilon(0.2));  // a busy machine may bring two at once
  CHECK(metrics.output_tokens == 60 * 8);
  CHECK(metrics.usage);
}

TEST_CASE("percentiles are those of the engine, at any rate: the smaller form of bench/loadgen.py") {
  for (const double rate : {50.0, 500.0, 2000.0}) {
    StubRules rules{.ttft = 60'000'000, .gap = 10'000'000, .tokens = 4};
    rules.ttft_jitter = 15'000'000;
    rules.gap_jitter = 3'000'000;
    rules.stall = 50'000'000;
    rules.error_every = 25;
    const StubServer server(rules);
    Plan plan = plan_for(server, rate, rate < 100 ? 100 : static_cast<std::uint64_t>(rate));
    plan.warm_up = 0;
    const Metrics metrics = measured(plan).metrics;
    const Truth truth = server.truth();
    const bool in_time =
        metrics.lag.p99.value_or(metrics.lag.most) < 1;  // else the result calls itself invalid
    CHECK(metrics.failed == metrics.offered / 25);
    CHECK(truth.errors == metrics.failed);
    const auto compare = [&](const Distribution& ours, const std::vector<double>& of) {
      CHECK(ours.count == of.size());
      CHECK(ours.p50 >= 0.99 * percentile(of, 0.5));
      if (in_time) CHECK(ours.p50 < 1.01 * percentile(of, 0.5) + 2);  // two milliseconds for a busy machine
      CHECK(*ours.p90 >= 0.99 * percentile(of, 0.9));
    };
    compare(metrics.ttft_service, truth.ttft());
    compare(metrics.e2e_service, truth.e2e());
    if (in_time) CHECK(metrics.tpot.p50 == doctest::Approx(percentile(truth.tpot(4), 0.5)).epsilon(0.05));
    CHECK(metrics.ttft.p50 >= metrics.ttft_service.p50);
  }
}

TEST_CASE("the stub's truth holds every answer that was read") {
  for (int run = 0; run < 200; ++run) {
    const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
    Collector collector(server);
    collector.run(server, {.arrivals = {0}});
    CHECK(server.truth().records.size() == 1);
  }
}

TEST_CASE("latency counts from the schedule: a queue at the engine is not left out (coordinated omission)") {
  // One slot, 20 ms an answer, asked every 10 ms: the n-th request waits n * 10 ms longer than the first.
  const StubServer server({.ttft = 20'000'000, .gap = 0, .tokens = 1, .slots = 1});
  Plan plan = plan_for(server, 100, 100);
  plan.warm_up = 0;
  const Outcome outcome = measured(plan);
  const Metrics& metrics = outcome.metrics;
  CHECK(metrics.good == 100);
  CHECK(metrics.e2e.most > 900);
  CHECK(metrics.e2e.p50 > 400);
  CHECK(metrics.in_flight > 10);
  CHECK(metrics.requests_per_second < 55);
}

TEST_CASE("a number of requests ends with the last one that is due: what is answered later is drain") {
  const StubServer server({.ttft = 300'000'000, .gap = 0, .tokens = 1});
  Plan plan = plan_for(server, 20, 11);  // the last after half a second
  plan.warm_up = 0;
  Metrics metrics = measured(plan).metrics;
  CHECK(metrics.seconds == doctest::Approx(0.5));
  CHECK(metrics.good == 11);
  CHECK(metrics.requests_per_second <= 10);  // at most five had their answer by then
  plan.stop = {.requests = 11, .duration = 10 * second};
  CHECK(measured(plan).metrics.seconds == doctest::Approx(0.5));
  plan.stop = {.duration = second / 2};  // the last of its ten arrives at 0.45 s
  CHECK(measured(plan).metrics.seconds == 0.5);
  plan.stop = {.requests = 4};
  plan.users = 2;  // each asks twice
  const Outcome twice = measured(plan);
  CHECK(twice.metrics.seconds >= 0.3);
  CHECK(twice.metrics.seconds <= static_cast<double>(twice.client.ended) / 1e9 - 0.29);
  plan.users = 4;  // all at once
  metrics = measured(plan).metrics;
  CHECK(metrics.seconds >= 0.3);
  CHECK(metrics.requests_per_second > 0);
}

TEST_CASE("several tokens in an event are known from usage: TPOT is right, ITL is not given") {
  const StubServer server({.ttft = 10'000'000, .gap = 10'000'000, .tokens = 16, .tokens_per_event = 4});
  const Metrics metrics = measured(plan_for(server, 50, 20)).metrics;
  CHECK(metrics.output_tokens == 20 * 16);
  CHECK(metrics.tpot.p50 == doctest::Approx(30.0 / 15).epsilon(0.3));
  CHECK_FALSE(metrics.itl);
  CHECK(metrics.no_itl.find("events held") != std::string::npos);
}

TEST_CASE("events that leave the engine together are noticed") {
  const StubServer server({.ttft = 10'000'000, .gap = 5'000'000, .tokens = 16, .events_per_write = 4});
  const Metrics metrics = measured(plan_for(server, 50, 20)).metrics;
  CHECK(metrics.coalesced == doctest::Approx(0.75).epsilon(0.3));
  CHECK_FALSE(metrics.itl);
}

TEST_CASE("tokens that came all at once have no time between them, and that is said") {
  // A fast engine and a busy client: the whole answer lies in one read.
  const StubServer server({.ttft = 10'000'000, .gap = 5'000'000, .tokens = 16, .events_per_write = 16});
  Plan plan = plan_for(server, 50, 60);
  plan.objective = objective_of("tpot_p50=50ms");
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.tpot.count == 0);
  CHECK(outcome.metrics.no_tpot.find("60 of 60 answers came in fewer than 4 reads") == 0);
  CHECK(outcome.verdict.validity != Validity::valid);
  CHECK(outcome.metrics.kept.at(0).good == 60);  // they cannot have taken longer than from sent to last
  const StubServer one_event({.ttft = 10'000'000, .gap = 5'000'000, .tokens = 16, .tokens_per_event = 16});
  CHECK(measured(plan_for(one_event, 50, 5)).metrics.tpot.count == 0);
}

TEST_CASE("every way of writing an event stream is read") {
  for (const char* end : {"\n", "\r\n", "\r"})
    for (const char* data : {"data: ", "data:", ": a comment\ndata: ", "event: x\nid: 1\ndata: "}) {
      const StubServer server(
          {.ttft = 1'000'000, .gap = 1'000'000, .tokens = 3, .line_end = end, .data = data});
      const Metrics metrics = measured(plan_for(server, 50, 2)).metrics;
      CHECK(metrics.good == 2);
      CHECK(metrics.output_tokens == 6);
    }
}

TEST_CASE("what is no token is not counted, and reasoning is") {
  const std::string role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
  const std::string thought = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
  const std::string word = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
  const std::string end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
  const Sample sample =
      read(answer("text/event-stream", role + thought + word + word + end + "data: [DONE]"));
  CHECK(sample.error.empty());
  CHECK(sample.tokens == 3);
  CHECK(sample.finish == "stop");
  CHECK_FALSE(sample.usage);
}

TEST_CASE("an answer that is no answer is an error with its cause, never a success") {
  const std::string word = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
  CHECK(read(answer("text/event-stream", word + "data: {\"error\":{\"message\":\"out of memory\"}}\n\n"))
            .error == "the engine says: out of memory");
  CHECK(read(answer("text/event-stream", word + "data: {\"choi\n\n")).error ==
        "1 events of its stream are no JSON");
  CHECK(read(answer("text/event-stream", "data: [DONE]\n\n")).error == "its stream has no token");
  CHECK(read("HTTP/1.1 503 Busy\r\nContent-Length: 32\r\n\r\n{\"error\":{\"message\":\"too busy\"}}").error ==
        "status 503: too busy");
  CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nxxxxx").error ==
        "the answer is broken: it is compressed, which was not asked for");
  CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", true).error ==
        "the connection was closed within the answer");
  CHECK(read("hello\r\n\r\n").error == "the answer is broken: it is no HTTP/1.1");
  CHECK(read("", true).error == "the connection was closed before an answer");
}

TEST_CASE("bad engines do not hold a run: endless answers, silence, errors only") {
  StubRules rules;
  rules.raw = [](std::uint64_t) { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"; };
  const StubServer silent(rules);
  Plan plan = plan_for(silent, 50, 1000);
  plan.stop = {.duration = second / 2};
  plan.drain = second / 4;
  plan.warm_up = 0;
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.unfinished == 25);
  CHECK(outcome.client.ended < 5 * second);
  CHECK(outcome.verdict.validity == Validity::invalid);
  CHECK(outcome.metrics.ttft.count == 0);

  rules.raw = [](std::uint64_t) { return "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"; };
  const StubServer broken(rules);
  plan.endpoint.url = broken.url();
  plan.stop = {.requests = 20};
  const Outcome errors = measured(plan);
  CHECK(errors.metrics.failed == 20);
  CHECK(errors.verdict.reasons.at(0) == "no request had a good answer");
}

TEST_CASE("nobody who listens, and a host that is not known, are told before a run") {
  Plan plan;
  plan.endpoint.url = "http://127.0.0.1:9";
  plan.stop.requests = 1;
  const Cancel never;
  CHECK_THROWS_WITH_AS(bench(plan, never),
                       doctest::Contains("does not answer as it should: Connection refused"), Problem);
}

TEST_CASE("users of a closed loop wait for their answer and think") {
  const StubServer server({.ttft = 20'000'000, .gap = 0, .tokens = 1});
  Plan plan = plan_for(server, 1, 60);
  plan.users = 4;
  plan.think = 20'000'000;
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.good == 60);
  CHECK(outcome.client.most_in_flight <= 4);
  CHECK(outcome.client.connections <= 4);
  CHECK(outcome.metrics.requests_per_second < 110);  // 4 users every 40 ms, the last without a pause
}

TEST_CASE("a percentile that the sample cannot support is not given") {
  CHECK(samples_needed(0.90) == 44);
  CHECK(samples_needed(0.95) == 90);
  CHECK(samples_needed(0.99) == 459);
  const StubServer server({.ttft = 1'000'000, .gap = 0, .tokens = 1});
  const Metrics metrics = measured(plan_for(server, 400, 100)).metrics;
  CHECK(metrics.ttft.p95);
  CHECK_FALSE(metrics.ttft.p99);
}

TEST_CASE("a share has Wilson's interval") {
  const Share share = wilson(90, 100);
  CHECK(share.low == doctest::Approx(0.8256).epsilon(0.001));
  CHECK(share.high == doctest::Approx(0.9448).epsilon(0.001));
  CHECK(wilson(0, 0).of == 0);
}
