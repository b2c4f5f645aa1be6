// The load generator against an engine whose times are known.
#include <doctest/doctest.h>

#include <map>

#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// What was reported of answers, and what the stub did with the same ones: both begin at the same instant and
/// end with the same piece, written there and read here. Milliseconds.
struct Compared {
  std::vector<double> ttft, ttft_service, e2e, tpot;

  static double apart(Instant from, Instant to) { return static_cast<double>(to - from) / 1e6; }
};

Compared truth_of(const StubServer& server, const Plan& plan, const Outcome& outcome) {
  std::map<std::size_t, Record> records;
  for (const Record& record : server.truth().records) records[record.asked] = record;
  Compared truth;
  for (const Sample& sample : outcome.samples) {
    if (!sample.good()) continue;
    const Ask ask = ask_of(plan.workload, plan.seed, sample.index);
    const Record& record = records.at(std::hash<std::string_view>{}(body_of(plan.asking, ask)));
    const Instant began = outcome.client.began;
    // Whatever the machine does, nothing is heard before it was said.
    CHECK(record.received >= began + sample.sent);
    CHECK(began + sample.first >= record.first);
    CHECK(began + sample.last >= record.last);
    truth.ttft.push_back(Compared::apart(began + sample.scheduled, record.first));
    truth.ttft_service.push_back(Compared::apart(began + sample.sent, record.first));
    truth.e2e.push_back(Compared::apart(began + sample.scheduled, record.last));
    if (tpot_of(sample))
      truth.tpot.push_back(Compared::apart(record.first, record.last) / (sample.tokens - 1));
  }
  for (std::vector<double>* each : {&truth.ttft, &truth.ttft_service, &truth.e2e, &truth.tpot})
    std::sort(each->begin(), each->end());
  return truth;
}

/// A result that does not say itself that the client was late, busy or away.
bool believed(const Outcome& outcome) {
  const auto& reasons = outcome.verdict.reasons;
  return std::none_of(reasons.begin(), reasons.end(),
                      [](const std::string& each) { return each.starts_with("the client "); });
}

/// Runs until a result calls itself good, which one on a busy machine may not: what it then says of the
/// engine has to be true.
template <class Check>
void when_believed(StubServer& server, const Plan& plan, Check&& check) {
  for (int tries = 0; tries < 3; ++tries) {
    server.forget();
    const Outcome outcome = measured(plan);
    const Compared truth = truth_of(server, plan, outcome);
    if (believed(outcome)) return check(outcome, truth);
  }
  MESSAGE("the machine was too busy for a result that can be believed");
}

void within_a_hundredth(const Distribution& ours, const std::vector<double>& truth) {
  REQUIRE(ours.count == truth.size());
  const auto close = [&](const std::optional<double>& value, double p) {
    if (value) CHECK(*value == doctest::Approx(percentile(truth, p)).epsilon(0.01).scale(0));
  };
  close(ours.p50, 0.5);
  close(ours.p90, 0.9);
  close(ours.p95, 0.95);
  close(ours.p99, 0.99);
}

}  // namespace

TEST_CASE("times to the first token and between tokens are those of the engine") {
  StubServer server({.ttft = 40'000'000, .gap = 10'000'000, .tokens = 8});
  when_believed(server, plan_for(server, 50, 60), [](const Outcome& outcome, const Compared& truth) {
    const Metrics& metrics = outcome.metrics;
    CHECK(metrics.good == 60);
    CHECK(metrics.ttft.p50 >= 40);
    within_a_hundredth(metrics.ttft, truth.ttft);
    within_a_hundredth(metrics.tpot, truth.tpot);
    CHECK(metrics.output_tokens == 60 * 8);
    CHECK(metrics.usage);
  });
}

TEST_CASE(
    "percentiles are within a hundredth of the engine's, at any rate: the smaller form of bench/loadgen.py") {
  for (const double rate : {50.0, 500.0, 2000.0}) {
    INFO(rate);
    StubRules rules{.ttft = 60'000'000, .gap = 10'000'000, .tokens = 4};
    rules.ttft_jitter = 15'000'000;
    rules.gap_jitter = 3'000'000;
    rules.stall = 50'000'000;
    rules.error_every = 25;
    StubServer server(rules);
    Plan plan = plan_for(server, rate, rate < 100 ? 100 : static_cast<std::uint64_t>(rate));
    plan.warm_up = 0;
    when_believed(server, plan, [&](const Outcome& outcome, const Compared& truth) {
      const Metrics& metrics = outcome.metrics;
      CHECK(metrics.failed == metrics.offered / 25);
      within_a_hundredth(metrics.ttft, truth.ttft);
      within_a_hundredth(metrics.ttft_service, truth.ttft_service);
      within_a_hundredth(metrics.e2e, truth.e2e);
      within_a_hundredth(metrics.tpot, truth.tpot);
      CHECK(metrics.ttft.p50 >= metrics.ttft_service.p50);
    });
  }
}

TEST_CASE("times between tokens are the engine's, gap for gap") {
  StubRules rules{.ttft = 20'000'000, .gap = 10'000'000, .tokens = 16};
  rules.gap_jitter = 3'000'000;
  StubServer server(rules);
  Plan plan = plan_for(server, 50, 60);
  plan.warm_up = 0;
  when_believed(server, plan, [&](const Outcome& outcome, const Compared&) {
    REQUIRE(outcome.metrics.itl);
    CHECK(outcome.metrics.itl->count == 60 * 15);
    const std::vector<double> truth = server.truth().itl();
    CHECK(outcome.metrics.itl->p50 == doctest::Approx(percentile(truth, 0.5)).epsilon(0.01).scale(0));
    CHECK(*outcome.metrics.itl->p90 == doctest::Approx(percentile(truth, 0.9)).epsilon(0.01).scale(0));
  });
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
  // Exactly, were the machine without noise, which only adds to it: 20 + 10 n of the n-th, from 0.
  CHECK(metrics.e2e.most >= 1010);
  CHECK(metrics.e2e.p50 >= 500);  // 510, unless two of them met at the engine in another order
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
  StubServer server({.ttft = 10'000'000, .gap = 10'000'000, .tokens = 16, .tokens_per_event = 4});
  when_believed(server, plan_for(server, 50, 20), [](const Outcome& outcome, const Compared& truth) {
    CHECK(outcome.metrics.output_tokens == 20 * 16);
    within_a_hundredth(outcome.metrics.tpot, truth.tpot);
    CHECK_FALSE(outcome.metrics.itl);
    CHECK(outcome.metrics.no_itl.find("events held") != std::string::npos);
  });
}

TEST_CASE("events that leave the engine together are noticed") {
  const StubServer server({.ttft = 10'000'000, .gap = 5'000'000, .tokens = 16, .events_per_write = 4});
  const Metrics metrics = measured(plan_for(server, 50, 20)).metrics;
  CHECK(metrics.coalesced >= 0.75);  // three of four left with one before; a busy client reads more at once
  CHECK(metrics.coalesced < 0.9);
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
