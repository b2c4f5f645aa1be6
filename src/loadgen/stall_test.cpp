// A client that is not there while answers come: it shows in nothing that was sent.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>

#include "loadgen/connections.hpp"
#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

Instant clock_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second + time.tv_nsec;
}

/// One user, whose answers take a second: nothing is sent while they come.
Plan one_long_answer(const StubServer& server) {
  Plan plan = plan_for(server, 1, 2);
  plan.users = 1;
  plan.warm_up = 0;
  return plan;
}

std::string told(const Verdict& verdict) {
  std::string all;
  for (const std::string& reason : verdict.reasons) all += reason + "\n";
  return all;
}

Histogram looks(int in_time, int late, Instant by) {
  Histogram stall;
  for (int i = 0; i < in_time; ++i) stall.add(50'000);
  for (int i = 0; i < late; ++i) stall.add(by);
  return stall;
}

Verdict judged(const Histogram& stall) {
  const StubServer server({.ttft = 20'000'000, .gap = 10'000'000, .tokens = 8});
  static const Outcome outcome = measured(plan_for(server, 50, 60));
  ClientFacts client;
  client.stall = stall;
  return judge(outcome.metrics, outcome.samples, client, {});
}

}  // namespace

TEST_CASE(
    "a client thread that stalls while answers come is a doubt with its numbers, in a closed loop too") {
  /// Takes 60 ms to say what its second user asks, while the answer of the first one comes.
  class Slow final : public Source {
   public:
    explicit Slow(Collector& inner) : inner_(inner) {}
    std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
      for (const Instant end = clock_now() + 60'000'000; user == 1 && clock_now() < end;) continue;
      return user == 1 || index > 0 ? std::nullopt : inner_.next(index, user);
    }
    void done(Exchange&& exchange) override { inner_.done(std::move(exchange)); }

   private:
    Collector& inner_;
  };
  const StubServer server({.ttft = 20'000'000, .gap = 10'000'000, .tokens = 100});
  Collector collector(server);
  Slow slow(collector);
  Load load;
  load.users = 2;
  load.stop.requests = 2;
  const Cancel never;
  const ClientFacts client = run({server.url()}, load, slow, never);
  CHECK(client.stall.count() > 500);
  CHECK(client.stall.most() > 55'000'000);
  CHECK(client.stall.percentile(0.995) > 10'000'000);
  Histogram gaps;
  const Sample sample = decode(collector.exchanges.at(0), shipped("chat"), nullptr);
  const Verdict verdict = judge(measure({sample}, gaps, client.ended, {}), {sample}, client, {});
  CHECK(verdict.validity != Validity::valid);
  CHECK(told(verdict).find("the client stalled: at one of 200 instants it looked ") != std::string::npos);
}

TEST_CASE("who looks on does not hold the loop, is told on its own thread, and ends the run by a throw") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Plan plan = plan_for(server, 50, 60);
  plan.warm_up = 0;
  const Cancel never;
  const std::thread::id self = std::this_thread::get_id();
  std::vector<Live> told;
  bool went_on = false;
  const Outcome outcome = bench(plan, never, [&](const Live& live) {
    CHECK(std::this_thread::get_id() == self);
    const std::uint64_t so_far = server.requests();
    // It does not come back before ten more were asked, which a loop that waited for it would never do.
    for (const Instant end = clock_now() + 5 * second; told.empty() && clock_now() < end && !went_on;)
      went_on = server.requests() >= so_far + 10;
    told.push_back(live);
  });
  CHECK(went_on);
  CHECK(outcome.metrics.good == 60);
  REQUIRE(told.size() >= 2);
  CHECK(told.front().offered >= 25);
  CHECK(told.back().offered == 60);
  CHECK(told.back().ended == 60);
  CHECK(told.back().in_flight == 0);
  plan.stop = {.duration = 60 * second};
  CHECK_THROWS_WITH_AS(
      bench(plan, never, [](const Live&) { throw Problem(Kind::cancelled, "nobody listens"); }),
      "nobody listens", Problem);
}

TEST_CASE("looks are spread evenly over the run, and a stall counts for as long as it was") {
  const StubServer server({.ttft = 20'000'000, .gap = 10'000'000, .tokens = 100});
  Plan plan = one_long_answer(server);
  plan.stop.requests = 1;
  const Outcome outcome = measured(plan);
  const double expected = static_cast<double>(outcome.client.ended) / 1'970'000;
  CHECK(static_cast<double>(outcome.client.stall.count()) == doctest::Approx(expected).epsilon(0.1));
}

TEST_CASE("few late looks are no doubt, one of a hundred is, and half of them end belief") {
  CHECK(told(judged(looks(1000, 0, 0))).find("it looked") == std::string::npos);
  CHECK(told(judged(looks(1000, 4, 5'000'000))).find("it looked") == std::string::npos);
  CHECK(told(judged(looks(1000, 10, 300'000))).find("it looked") == std::string::npos);  // 3 % of 10 ms
  CHECK(told(judged(looks(1000, 10, 5'000'000)))
            .find("the client stalled: at one of 200 instants it looked 5") != std::string::npos);
  const Verdict half = judged(looks(1000, 1100, 9'000'000));
  CHECK(half.validity == Validity::invalid);
  CHECK(told(half).find("the client was not there half of the time: it looked 9") != std::string::npos);
  CHECK(told(judged({})).find("it looked") == std::string::npos);
}

TEST_CASE(
    "the kernel makes room for descriptors before the first request: while it does, who opens one waits") {
  const pid_t child = ::fork();  // whose table has room for what is open, and no more
  REQUIRE(child >= 0);
  if (child == 0) {
    ClientFacts facts;
    const Load load;
    const Connections connections({.url = "http://127.0.0.1:9"}, load, facts, {});
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    std::ifstream file("/proc/self/status");
    unsigned long room = 0;
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("FDSize:")) room = std::stoul(line.substr(7));
    ::_exit(room >= std::min<rlim_t>(files.rlim_max, 65'536) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
