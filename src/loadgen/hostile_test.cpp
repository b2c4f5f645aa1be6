// Targets that misbehave: a run ends on time, in little memory, and every figure is a number.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr std::string_view open_ended = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
constexpr Instant load = second / 2, drain = second / 2;
// On a quiet machine none of it is needed. A busy one takes seconds from the decoder, for which the loop
// waits.
constexpr Instant late = 8 * second;

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

/// 20 requests over half a second; checks what holds whatever the target does.
Outcome suffered(StubRules rules, Instant timeout = 10 * second) {
  const StubServer server(std::move(rules));
  Plan plan = plan_for(server, 40, 20);
  plan.stop = {.duration = load};
  plan.drain = drain;
  plan.timeout = timeout;
  plan.warm_up = 0;
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const long before = status("VmRSS");
  Outcome outcome = measured(plan);
  CHECK(outcome.client.ended < load + drain + late);
  CHECK(outcome.client.decode_cpu_seconds < 2);
  CHECK(outcome.client.most_bytes <= (17U << 20U));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what was freed
  CHECK(status("VmHWM") - before < 64L << 10U);
#else
  CHECK(before > 0);
#endif
  CHECK(outcome.metrics.offered == 20);
  CHECK(outcome.metrics.good == 0);
  CHECK(outcome.verdict.validity == Validity::invalid);
  all_are_numbers(outcome);
  return outcome;
}

std::string events() {
  std::string all;
  while (all.size() < 64U << 10U) all += "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
  return all;
}

}  // namespace

TEST_CASE("bad target: a body without end") {
  StubRules rules;
  rules.raw = [](std::uint64_t) { return std::string(open_ended); };
  rules.pour = events();
  const Outcome outcome = suffered(rules);
  CHECK(outcome.metrics.failed + outcome.metrics.unfinished == 20);
  for (const auto& [error, count] : outcome.metrics.errors) {
    INFO(error, " ", count);
    const bool told = error == "the answer is longer than 8388608 bytes" ||
                      error == "the client's memory for answers was full" ||
                      error == "the run ended before its answer";
    CHECK(told);
  }
}

TEST_CASE("answers for which the client has no memory are its own fault, and no error of the target") {
  StubRules rules;
  rules.raw = [](std::uint64_t) { return std::string(open_ended); };
  rules.pour = events();
  const StubServer server(rules);
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

TEST_CASE("bad target: ten gigabytes") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return std::string(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n");
  };
  rules.pour = std::string(64U << 10U, 'x');
  const Outcome outcome = suffered(rules);
  CHECK(outcome.metrics.failed + outcome.metrics.unfinished == 20);
}

TEST_CASE("bad target: one byte a second") {
  StubRules rules;
  rules.raw = [](std::uint64_t) { return std::string(open_ended) + events(); };
  rules.drip = second;
  const Outcome outcome = suffered(rules);
  CHECK(outcome.metrics.unfinished == 20);
  CHECK(outcome.client.ended >= load);

  // The time-out of one request is that of its whole answer, not of each byte.
  rules.drip = second / 100;
  CHECK(suffered(rules, second / 5).metrics.errors.begin()->first == "no whole answer within 0.2 s");
}

TEST_CASE("bad target: many small pieces") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return std::string(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  };
  while (rules.pour.size() < 64U << 10U) rules.pour += "1\r\n:\r\n";
  suffered(rules);
}

TEST_CASE("bad target: a compressed bomb is not unpacked") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return std::string(
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n") +
           std::string("\x1f\x8b\x08\x00", 4);
  };
  rules.pour = std::string(64U << 10U, '\0');
  CHECK(suffered(rules).metrics.errors.begin()->first ==
        "the answer is broken: it is compressed, which was not asked for");
}

TEST_CASE("bad target: every connection is reset") {
  StubRules rules;
  rules.reset = true;
  const Outcome outcome = suffered(rules);
  CHECK(outcome.metrics.failed == 20);
  CHECK(outcome.metrics.errors.begin()->first == "Connection reset by peer");
}

TEST_CASE("bad target: errors only") {
  StubRules rules;
  rules.error_every = 1;
  const Outcome outcome = suffered(rules);
  CHECK(outcome.metrics.failed == 20);
  CHECK(outcome.metrics.errors.begin()->first == "status 503: too busy");
  CHECK(outcome.verdict.reasons.at(0) == "no request had a good answer");
}

TEST_CASE("bad target: a head without end, interim answers without end") {
  StubRules rules;
  rules.raw = [](std::uint64_t) { return std::string("HTTP/1.1 200 OK\r\n"); };
  while (rules.pour.size() < 64U << 10U) rules.pour += "X-More: and more\r\n";
  CHECK(suffered(rules).metrics.errors.begin()->first == "the answer is broken: its head is too large");
  rules.raw = [](std::uint64_t) { return std::string("HTTP/1.1 100 Continue\r\n\r\n"); };
  rules.pour.clear();
  while (rules.pour.size() < 64U << 10U) rules.pour += "HTTP/1.1 100 Continue\r\n\r\n";
  suffered(rules);
}
