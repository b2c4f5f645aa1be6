#include "loadgen/lateness.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "loadgen/random.hpp"
#include "loadgen/verdict.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000, look = 1'970'000;

/// What a client sees of answers of 16 tokens, 500 a second for a minute, whose gaps are 8 ms and
/// exponentially more (2 ms), when it stands still for `stall` once in `every`: reads take it 20 µs each.
struct Seen {
  Histogram gaps, true_gaps, looks;
  Seen(Instant stall, Instant every) {
    struct Event {
      Instant at, answer, place;
    };
    std::vector<Event> events;
    constexpr Instant answers = 30'000, tokens = 16;
    std::vector<Instant> last(answers), true_last(answers);
    for (Instant answer = 0; answer < answers; ++answer) {
      Instant at = answer * 2 * ms;
      for (Instant place = 0; place < tokens; ++place) {
        Random random(1, 41, static_cast<std::uint64_t>(answer * tokens + place));
        at += 8 * ms + static_cast<Instant>(2e6 * random.exponential());
        events.push_back({at, answer, place});
      }
    }
    std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
    Instant free = 0;
    for (const Event& event : events) {
      const Instant phase = event.at % every, there = phase < stall ? event.at - phase + stall : event.at;
      free = std::max(free, there) + 20'000;
      const auto answer = static_cast<std::size_t>(event.answer);
      if (event.place > 0) {
        gaps.add(free - last[answer]);
        true_gaps.add(event.at - true_last[answer]);
      }
      last[answer] = free;
      true_last[answer] = event.at;
    }
    for (Instant at = 0; at < 60 * second; at += look) {
      const Instant phase = at % every;
      looks.add((phase < stall ? stall - phase : 0) + 20'000);
    }
  }
  double off() const { return share(gaps.percentile(0.99) - true_gaps.percentile(0.99)); }
  double said() const { return share(late_by(gaps, looks, 0.99)); }

 private:
  double share(double nanoseconds) const { return nanoseconds / gaps.percentile(0.99); }
};

}  // namespace

TEST_CASE("how far stalls put a percentile off is told, and little more than that") {
  for (const Instant stall : {9 * ms, 11 * ms, 13 * ms}) {
    const Seen seen(stall, 3 * second);
    CHECK(seen.off() > 0.005);
    CHECK(seen.said() >= seen.off());
    CHECK(seen.said() <= 3 * seen.off());
    CHECK(seen.looks.percentile(0.995) < 0.4 * 1e6);  // one look of 200 does not show it
  }
  const Seen long_ones(100 * ms, 3 * second);
  CHECK(long_ones.said() >= long_ones.off());
  CHECK(long_ones.said() <= 5 * long_ones.off());
}

TEST_CASE("a client that is always there, or a moment late, puts nothing off") {
  CHECK(Seen(0, 3 * second).said() == 0);
  CHECK(Seen(3 * ms, 3 * second).said() < 0.002);
  CHECK(Seen(2 * ms, second / 5).said() < 0.005);  // one look of a hundred is late, and it does not matter
  CHECK(late_by({}, {}, 0.99) == 0);
}

TEST_CASE("a result whose highest percentile between tokens may be off by a hundredth is suspect") {
  const auto told = [](const Seen& seen) {
    Metrics metrics;
    metrics.offered = metrics.good = 30'000;
    metrics.itl = distribution_of(seen.gaps);
    ClientFacts client;
    client.stall = seen.looks;
    Circumstances circumstances;
    circumstances.gaps = &seen.gaps;
    std::string all;
    for (const std::string& reason : judge(metrics, {}, client, circumstances).reasons) all += reason;
    return all;
  };
  const std::string reason = told(Seen(11 * ms, 3 * second));
  CHECK(
      reason.starts_with("the client stalled: it looked up to 11 ms late, so that p99 of the time between "
                         "tokens may be 0."));
  CHECK(reason.ends_with(" %) too long"));
  CHECK(told(Seen(3 * ms, 3 * second)).empty());
}
