// Targets that misbehave: a run ends on time, in little memory, and every figure is a number.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <set>

#include "loadgen/decoder.hpp"
#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // which slow it and keep what was freed
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
constexpr Instant load = second / 2, drain = second / 2;
constexpr Instant late = sanitized ? 8 * second : second;

/// KiB of a line of /proc/self/status.
long status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  return 0;
}

void all_are_numbers(const Outcome& outcome) {
  const Metrics& metrics = outcome.metrics;
  for (const Distribution* each :
       {&metrics.lag, &metrics.ttft, &metrics.ttft_service, &metrics.e2e, &metrics.tpot})
    for (const double value : {each->mean, each->p50, each->most}) CHECK(std::isfinite(value));
  for (const double value :
       {metrics.requests_per_second, metrics.tokens_per_second, metrics.coalesced, metrics.in_flight})
    CHECK(std::isfinite(value));
}

std::string repeated(std::string_view piece) {
  std::string all;
  while (all.size() < 64U << 10U) all += piece;
  return all;
}

/// One way to be bad, and the only errors that may come of it.
struct Bad {
  std::string name;
  StubRules rules;
  std::set<std::string> errors;
  Instant timeout = 10 * second;
};

constexpr std::string_view cut_off = "the run ended before its answer";
constexpr std::string_view word_event = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
constexpr std::string_view streams = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

/// Answers `raw`, then `pour` without end.
StubRules pouring(std::string raw, std::string_view pour) {
  StubRules rules;
  rules.raw = [raw = std::move(raw)](std::uint64_t) { return raw; };
  if (!pour.empty()) rules.pour = repeated(pour);
  return rules;
}

std::vector<Bad> all_bad() {
  const std::string head(streams);
  const std::set<std::string> too_much = {"the answer is longer than 8388608 bytes", std::string(client_full),
                                          std::string(cut_off)};
  std::vector<Bad> all;
  all.push_back({"a body without end", pouring(head + "\r\n", word_event), too_much});
  all.push_back(
      {"ten gigabytes", pouring("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", "x"), too_much});
  all.push_back({"an error of ten gigabytes",
                 pouring("HTTP/1.1 500 No\r\nContent-Length: 10000000000\r\n\r\n", "x"), too_much});
  all.push_back(
      {"many small pieces", pouring(head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n:\r\n"), too_much});
  StubRules drip = pouring(head + "\r\n" + repeated(word_event), "");
  drip.drip = second;
  all.push_back({"one byte a second", drip, {std::string(cut_off)}});
  // The time-out of one request is that of its whole answer, not of each byte.
  drip.drip = second / 100;
  all.push_back({"one byte in ten milliseconds", drip, {"no whole answer within 0.2 s"}, second / 5});
  all.push_back(
      {"a compressed bomb",
       pouring("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08", std::string(1, '\0')),
       {"the answer is broken: it is compressed, which was not asked for"}});
  all.push_back({"a head without end",
                 pouring("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"),
                 {"the answer is broken: its head is too large"}});
  all.push_back({"interim answers without end",
                 pouring("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
                 {std::string(cut_off)}});
  all.push_back({"silence", pouring("", ""), {std::string(cut_off)}});
  all.push_back({"silence after the head", pouring(head + "\r\n", ""), {std::string(cut_off)}});
  StubRules reset;
  reset.reset = true;
  all.push_back({"resets", reset, {"Connection reset by peer"}});
  StubRules errors;
  errors.error_every = 1;
  all.push_back({"errors only", errors, {"status 503: too busy"}});
  all.push_back(
      {"errors without a word", pouring("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", ""), {"status 500"}});
  return all;
}

struct Suffered {
  Outcome outcome;
  Instant took = 0;  ///< until the result was there
  long grown = 0;    ///< KiB, at most
};

Suffered suffered(const Plan& plan) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const long before = status("VmRSS");
  const auto began = std::chrono::steady_clock::now();
  Suffered out;
  out.outcome = measured(plan);
  out.took = std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  out.grown = status("VmHWM") - before;
  CHECK(before > 0);
  return out;
}

/// What holds whatever the target does.
void check_bounds(const Bad& bad, const Suffered& suffered) {
  const auto& [outcome, took, grown] = suffered;
  CHECK(outcome.client.ended >= load * 9 / 10);
  CHECK(outcome.client.ended < load + drain + late);
  CHECK(took < load + drain + late);
  CHECK(outcome.client.most_bytes <= (17U << 20U));
  if (!sanitized) CHECK(grown < 64L << 10U);
  CHECK(outcome.metrics.good == 0);
  CHECK(outcome.metrics.ttft.count == 0);
  CHECK(outcome.metrics.failed + outcome.metrics.unfinished == outcome.metrics.offered);
  CHECK(outcome.verdict.validity == Validity::invalid);
  CHECK(outcome.verdict.reasons.at(0) == "no request had a good answer");
  for (const auto& [error, count] : outcome.metrics.errors) {
    INFO(error, " ", count);
    CHECK(bad.errors.count(error) == 1);
  }
  all_are_numbers(outcome);
}

Plan short_plan(const StubServer& server) {
  Plan plan = plan_for(server, 40, 20);
  plan.stop = {.duration = load};
  plan.drain = drain;
  plan.warm_up = 0;
  return plan;
}

}  // namespace

TEST_CASE("a run against a bad target ends within a second of its end, in 64 MB, with numbers only") {
  for (const Bad& bad : all_bad()) {
    INFO(bad.name);
    const StubServer server(bad.rules);
    Plan plan = short_plan(server);
    plan.timeout = bad.timeout;
    Suffered open = suffered(plan);
    check_bounds(bad, open);
    CHECK(open.outcome.metrics.offered == 20);
    plan.users = 20;  // who ask again
    Suffered closed = suffered(plan);
    check_bounds(bad, closed);
    CHECK(closed.outcome.metrics.offered >= 20);
    CHECK(closed.outcome.metrics.offered <= 140);  // no more than ten times a second each
    if (bad.errors.count(std::string(cut_off)) > 0) continue;
    plan.workload.turns.mean = 3;  // what ends is decoded for the next question, too
    check_bounds(bad, suffered(plan));
  }
}

TEST_CASE("a bad target does not hold the warm-up longer than its time-out") {
  StubRules rules = pouring(std::string(streams) + "\r\n" + repeated(word_event), "");
  rules.drip = second;
  const StubServer server(rules);
  Plan plan = short_plan(server);
  plan.warm_up = 1;
  plan.timeout = second / 5;
  const auto began = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH_AS(measured(plan), doctest::Contains("no whole answer within 0.2 s"), Problem);
  CHECK(std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count() < plan.timeout + late);
}

TEST_CASE("a warm-up that fails for a moment is tried on, and what it met is said") {
  StubRules rules;
  rules.raw = [](std::uint64_t index) {
    return index < 2 ? whole_answer("429 Too Many", R"({"error":{"message":"busy"}})")
                     : whole_answer("200 OK", R"({"choices":[{"message":{"content":"a"}}]})");
  };
  const StubServer server(rules);
  Plan plan = plan_for(server, 50, 5);
  plan.asking.stream = false;
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.good == 5);
  CHECK(server.requests() == 3 + 5);
  CHECK(outcome.verdict.reasons.back() == "2 of 3 requests of the warm-up failed: 2 × status 429: busy");
}

TEST_CASE("a target that answers errors only is measured, and a warm-up without end is none") {
  const StubServer server({.error_every = 1});
  const Outcome outcome = measured(plan_for(server, 50, 5));
  CHECK(outcome.metrics.failed == 5);
  CHECK(outcome.verdict.validity == Validity::invalid);
  const std::string& reason = outcome.verdict.reasons.back();
  CHECK(reason.ends_with(" × status 503: too busy (the server failed: its log says why)"));
  CHECK(server.requests() > 5 + 3);
  CHECK(server.requests() < 5 + 10);
}

TEST_CASE("what fails a warm-up for good ends the run, with what can be done about it") {
  const auto hint = [](const std::string& raw) {
    StubRules rules;
    rules.raw = [raw](std::uint64_t) { return raw; };
    const StubServer server(rules);
    Plan plan = plan_for(server, 50, 5);
    plan.timeout = second;
    try {
      measured(plan);
    } catch (const Problem& problem) {
      CHECK(problem.kind() == Kind::failed);
      CHECK(server.requests() == 1);
      return problem.hint();
    }
    return std::string("none");
  };
  CHECK(hint(whole_answer("401 Who", "{}")) == "give a key that it takes: --api-key-file FILE");
  CHECK(hint(whole_answer("404 None", "{}")) == "check the URL's path, --protocol and --model");
  CHECK(hint(whole_answer("422 Odd", "{}")) ==
        "the server refuses what is asked: check --model, --prompt-tokens and --max-tokens");
  CHECK(hint(whole_answer("307 There", "{}")) == "give the URL that it points to");
  CHECK(hint(whole_answer("200 OK", "<html>")) == "check the URL and --protocol with one request: curl");
  CHECK(hint("SSH-2.0-OpenSSH_9.2\r\n\r\n") == "check the URL and --protocol with one request: curl");
  CHECK(hint("") == "give it more time, or ask for less: --timeout, --max-tokens");
  Plan plan;
  plan.timeout = 0;
  CHECK_THROWS_WITH_AS(measured(plan), "no answer comes within a --timeout of 0 s", Problem);
}

TEST_CASE("good answers that are more than can be decoded do not hold a run") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 20'000, .events_per_write = 20'000});
  Plan plan = short_plan(server);
  plan.users = 20;
  const Suffered run = suffered(plan);
  CHECK(run.took < load + drain + late);
  all_are_numbers(run.outcome);
}

TEST_CASE("what the decoder has no room for in time is given up, and said to be") {
  Decoder decoder(shipped("chat"));
  const auto long_answer = [] {
    Exchange exchange;
    exchange.status = 200;
    exchange.event_stream = true;
    while (exchange.body.size() < 32U << 20U) exchange.body += word_event;
    exchange.body += "data: [DONE]\n\n";
    return exchange;
  };
  Exchange one = long_answer(), two = long_answer(), three = long_answer();
  three.error = "the connection was closed within the answer";
  decoder.add(std::move(one), 0);
  decoder.add(std::move(two), 0);
  decoder.add(std::move(three), 0);
  decoder.stop();
  REQUIRE(decoder.samples.size() == 3);
  CHECK(decoder.samples[0].good());
  CHECK(decoder.samples[1].error == client_full);
  CHECK(decoder.samples[2].error == "the connection was closed within the answer");
  CHECK(decoder.given_up == 1);
}

TEST_CASE("who looks on is told of the errors that only decoding finds, and of each once") {
  Decoder decoder(shipped("chat"));
  Exchange stopped, closed, busy;
  stopped.status = closed.status = 200;
  stopped.event_stream = closed.event_stream = true;
  stopped.body = closed.body = word_event;
  closed.error = "the connection was closed within the answer";
  busy.status = 503;
  decoder.add(std::move(stopped), 0);
  decoder.add(std::move(closed), 0);
  decoder.add(std::move(busy), 0);
  decoder.stop();
  Live live;
  live.ended = 9;
  live.errors = 2;  // those two the loop knows itself
  decoder.tell(live);
  CHECK(live.errors == 3);
  live.ended = live.errors = 2;
  decoder.tell(live);
  CHECK(live.errors == 2);
}

TEST_CASE("what is cut of an exchange is given back") {
  Exchange exchange;
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    exchange.body += std::string(1000, 'x');
    exchange.arrivals.push_back({i, i * 1000});
  }
  exchange.cut(2'000'000);
  CHECK(exchange.body.size() == 1'000'000);
  exchange.cut(2500);
  CHECK(exchange.body.size() == 2500);
  CHECK(exchange.body.capacity() < 5000);
  REQUIRE(exchange.arrivals.size() == 3);  // the third brought the last of those bytes
  CHECK(exchange.arrivals.capacity() == 3);
  exchange.cut(0);
  CHECK(exchange.body.capacity() < 100);
}

TEST_CASE("a connection is not used again where the answer came before the request was sent") {
  // It answers as soon as the head is there, and reads no more than that.
  const std::string whole = answer("application/json", R"({"choices":[{"message":{"content":"a"}}]})");
  StubRules rules;
  rules.eager = whole;
  const StubServer server(rules);
  Plan plan = plan_for(server, 1, 2);
  plan.users = 1;
  plan.warm_up = 0;
  plan.workload.prompt.mean = 3'000'000;  // more than the kernel takes at once
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.good == 2);
  CHECK(outcome.client.connections == 2);
}

TEST_CASE("what a target says before it closes on a request that is too long is told") {
  StubRules rules;
  rules.eager = whole_answer("413 Too Large", R"({"error":{"message":"over four thousand tokens"}})");
  rules.close = true;
  const StubServer server(rules);
  Plan plan = plan_for(server, 1, 3);
  plan.users = 1;
  plan.warm_up = 0;
  plan.workload.prompt.mean = 3'000'000;  // more than the kernel takes at once
  CHECK(measured(plan).metrics.errors ==
        std::map<std::string, std::uint64_t>{{"status 413: over four thousand tokens", 3}});
}

TEST_CASE("a reason to have finished is a word, however long the target makes it") {
  const std::string body = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"" +
                           std::string(1U << 20U, 'x') + "\"}]}\n\n";
  CHECK(read(answer("text/event-stream", body)).finish.size() < 50);
}

TEST_CASE("answers for which the client has no memory are its own fault, and no error of the target") {
  const StubServer server(pouring(std::string(streams) + "\r\n", word_event));
  Plan plan = plan_for(server, 1, 4);
  plan.users = 4;
  plan.warm_up = 0;
  plan.memory = 1U << 20U;
  const Outcome outcome = measured(plan);
  CHECK(outcome.client.given_up == 4);
  CHECK(outcome.metrics.errors.at("the client's memory for answers was full") == 4);
  CHECK(outcome.verdict.reasons.at(0) == "no request had a good answer");
  CHECK(outcome.verdict.reasons.at(1) ==
        "the client's memory for answers was too small: 4 were given up at 1 MiB (--memory)");
  plan.memory = 0;
  plan.users = 100'000;  // whose answers would need more than there may be
  plan.workload.output.mean = 100'000;
  plan.stop.requests = 1;
  CHECK(measured(plan).client.memory == 16U << 20U);
}
