// What is asked by each protocol, and what is read in its answer.
#include <doctest/doctest.h>

#include "loadgen/metrics.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000;

/// A whole answer, due at 0 and there after 100 ms.
Sample whole(Protocol protocol, const std::string& body) {
  Exchange exchange;
  exchange.begun = exchange.sent = ms;
  exchange.head = exchange.end = 100 * ms;
  exchange.status = 200;
  exchange.body = body;
  exchange.arrivals = {{100 * ms, static_cast<std::uint32_t>(body.size())}};
  return decode(exchange, protocol, nullptr);
}

}  // namespace

TEST_CASE("a whole answer has no first token") {
  const Sample sample =
      whole(Protocol::chat, R"({"choices":[{"message":{"content":"a b c d"},"finish_reason":"stop"}],)"
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
  CHECK(metrics.kept.at(0).good == 0);  // nobody saw it
  CHECK(metrics.kept.at(1).good == 1);  // all of it took no longer
  CHECK(metrics.kept.at(2).good == 1);
}
