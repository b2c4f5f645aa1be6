// The loop against servers that are slow to be reached, or that go away.
#include <doctest/doctest.h>

#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

TEST_CASE("a handshake that takes its time is the network's, and no lag of the client") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});  // which answers no handshake
  Collector collector(server);
  Load load{.arrivals = {0}};
  load.timeout = second / 2;
  const Cancel never;
  run({"https" + server.url().substr(4), net::Tls{}}, load, collector, never);
  REQUIRE(collector.exchanges.size() == 1);
  const Sample sample = decode(collector.exchanges[0], Protocol::chat, nullptr);
  CHECK(sample.begun >= 0);
  CHECK(sample.sent == -1);
  const Metrics metrics = measure({sample}, {}, second, {});
  CHECK(metrics.lag.count == 1);
  CHECK(metrics.lag.most < 200);
  CHECK(metrics.connect.count == 0);
}

TEST_CASE("waiting for an instant without sleeping is counted, and is no work of the client") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Collector collector(server);
  Load load;
  for (int i = 0; i < 400; ++i) load.arrivals.push_back(i * second / 2000);
  const ClientFacts facts = collector.run(server, load);
  CHECK(facts.spun > 0);
  CHECK(facts.spun < facts.ended);
  ClientFacts spinning;
  spinning.ended = second;
  spinning.cpu_seconds = 0.95;
  spinning.spun = second / 2;
  Sample sample;
  sample.begun = sample.sent = 0;
  sample.last = sample.end = second / 2;
  const auto busy = [&] {
    const Verdict verdict = judge(measure({sample}, {}, second, {}), {sample}, spinning, {});
    return std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                       [](const std::string& each) { return each.starts_with("the client used "); });
  };
  CHECK_FALSE(busy());
  spinning.spun = 0;
  CHECK(busy());
}

TEST_CASE("the time to connect stands apart from the lag, and is that of new connections") {
  Sample sample;
  sample.scheduled = 0;
  sample.begun = 1'000'000;
  sample.sent = 201'000'000;
  Sample over_the_same = sample;
  over_the_same.reused = true;
  over_the_same.sent = sample.begun;
  const Metrics metrics = measure({sample, over_the_same}, {}, second, {});
  CHECK(metrics.lag.count == 2);
  CHECK(metrics.lag.most == 1);
  CHECK(metrics.connect.count == 1);
  CHECK(metrics.connect.p50 == 200);
}
