// Ways in which load generators are known to have been wrong, each with the tool it was seen in: the figure
// as that tool comes to it is wrong on the same engine (or the same samples), ours is right. These are of how
// an answer is read; known_bugs_test.cpp has the others.
#include <doctest/doctest.h>

#include <set>

#include "loadgen/known_bugs.hpp"

using namespace mlib;
using namespace mlib::loadgen;

TEST_CASE("B2 inference-perf: an event without content is counted as a token, which halves TPOT and ITL") {
  const StubServer server({.ttft = 10 * ms, .gap = 10 * ms, .tokens = 16, .empty_event = true});
  const std::vector<Exchange> exchanges = exchanges_of(server, 9, 17 * ms);
  std::vector<double> naive;
  for (const Exchange& exchange : exchanges) {
    naive.push_back(mean_gap(events_with(exchange, "\"choices\":[{")));
    CHECK(decode(exchange, shipped("chat"), nullptr).events == 16);
  }
  const double ours = tpot_of(exchanges);
  CHECK(middle(naive) < 0.6 * ours);
  CHECK(ours == doctest::Approx(percentile(server.truth().tpot(16), 0.5)).epsilon(0.1));
}

TEST_CASE("B2' AIPerf and all that time chunks: tokens that came together have gaps of zero") {
  const StubServer server({.ttft = 10 * ms, .gap = 10 * ms, .tokens = 16, .events_per_write = 4});
  std::vector<double> naive;
  for (const Exchange& exchange : exchanges_of(server, 4, 0)) {
    const std::vector<Instant> at = events_with(exchange, "word");
    for (std::size_t i = 1; i < at.size(); ++i) naive.push_back(static_cast<double>(at[i] - at[i - 1]) / 1e6);
  }
  CHECK(middle(naive) == 0);
  const Metrics ours = measured(plan_for(server, 20, 10)).metrics;
  CHECK_FALSE(ours.itl);
  CHECK(ours.no_itl.ends_with("% of the events came with the one before"));
  CHECK(ours.tpot.p50 == doctest::Approx(8).epsilon(0.15));  // three gaps of 40 ms over fifteen
}

TEST_CASE("B3 GuideLLM: gaps are spread evenly between the first and the last token, a stall vanishes") {
  StubRules rules{.ttft = 5 * ms, .gap = 2 * ms, .tokens = 32};
  rules.stall = 200 * ms;
  rules.stall_every = 30;
  const StubServer server(rules);
  double naive = 0, ours = 0;
  for (const Exchange& exchange : exchanges_of(server, 8, ms)) {
    const Sample sample = decode(exchange, shipped("chat"), nullptr);
    if (sample.longest_gap < 100 * ms) continue;
    naive = std::max(naive, *tpot_of(sample));
    ours = std::max(ours, static_cast<double>(sample.longest_gap) / 1e6);
  }
  CHECK(ours >= 150);
  CHECK(naive < 100);
}

namespace {

/// Of one event of so many bytes: how many the naive client looks at, seconds of processor time that ours
/// takes.
struct Cost {
  double naive = 0, ours = 0;
};

Cost cost_of_event(std::size_t size) {
  StubRules rules;
  rules.raw = [size](std::uint64_t) {
    return answer("text/event-stream",
                  "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string(size, 'x') + "\"}}]}\n\n");
  };
  const StubServer server(rules);
  Collector collector(server);
  const ClientFacts client =
      collector.run(server, {.arrivals = {0}, .answer_limit = 64U << 20U, .memory = 64U << 20U});
  const Exchange& exchange = collector.exchanges.at(0);
  const auto clock = [] { return static_cast<double>(monotonic(CLOCK_THREAD_CPUTIME_ID)) / 1e9; };
  Cost cost;
  int events = 0;
  for (const Arrived& piece : exchange.arrivals) {  // with every read it looks for the end from the beginning
    const std::string_view so_far = std::string_view(exchange.body).substr(0, piece.bytes);
    cost.naive += static_cast<double>(so_far.size());
    events += so_far.find("\n\n") != std::string_view::npos ? 1 : 0;
  }
  CHECK(events == 1);
  const double began = clock();
  CHECK(decode(exchange, shipped("chat"), nullptr).events == 1);
  cost.ours = client.cpu_seconds + clock() - began;
  return cost;
}

}  // namespace

TEST_CASE("B8 vllm bench serve: a long event is looked at from its beginning with every read") {
  constexpr std::size_t size = 1U << 20U;
  Cost one = cost_of_event(size), eight = cost_of_event(8 * size);
  for (int tries = 0; tries < 2; ++tries) {  // the least is that of the work, without what else went on
    const Cost small = cost_of_event(size), large = cost_of_event(8 * size);
    one = {std::min(one.naive, small.naive), std::min(one.ours, small.ours)};
    eight = {std::min(eight.naive, large.naive), std::min(eight.ours, large.ours)};
  }
  INFO("of ", size, " bytes: naive looks at ", one.naive, ", ours takes ", one.ours,
       " s; of eight times as many: ", eight.naive, ", ", eight.ours);
  // The square of eight is 64. Ours costs eight times as much, and less: something is spent on any answer.
  CHECK(eight.naive > 32 * one.naive);
  CHECK(eight.ours < 16 * one.ours);
}

TEST_CASE("B9 vllm bench serve: an event is stamped after it was parsed") {
  const StubRules rules{.ttft = 10 * ms, .gap = 4 * ms, .tokens = 16};
  const StubServer one(rules), two(rules);
  // By a client whose parser takes 8 ms for an event, on the same engine.
  const Collector collector(one);
  const std::vector<Instant> stamps = handled(one, collector.request(), [] { work_for(8 * ms); });
  REQUIRE(stamps.size() == 16);
  CHECK(mean_gap(stamps) >= 8);
  CHECK(percentile(one.truth().tpot(16), 0.5) < 6);  // of what was twice as fast

  class Parsing final : public Source {  // the same 8 ms, where they are ours
   public:
    explicit Parsing(Collector& inner) : inner_(inner) {}
    std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
      return inner_.next(index, user);
    }
    void done(Exchange&& exchange) override {
      events_of(exchange, [](std::string_view data, Instant) {
        if (data.find("word") != std::string_view::npos) work_for(8 * ms);
      });
      inner_.done(std::move(exchange));
    }

   private:
    Collector& inner_;
  };
  Collector kept(two);
  Parsing parsing(kept);
  Load load;
  load.users = 1;
  load.stop.requests = 9;
  const Cancel never;
  run({two.url()}, load, parsing, never);
  CHECK(tpot_of(kept.exchanges) ==
        doctest::Approx(percentile(two.truth().tpot(16), 0.5)).epsilon(0.02).scale(0));
}

TEST_CASE("B9 vllm bench serve: the most tokens a second counts events, whatever they hold") {
  const StubServer server({.ttft = 5 * ms, .gap = 10 * ms, .tokens = 16, .tokens_per_event = 4});
  for (const Exchange& exchange : exchanges_of(server, 3, 30 * ms)) {
    CHECK(events_with(exchange, "word").size() == 4);
    CHECK(decode(exchange, shipped("chat"), nullptr).tokens == 16);
  }
}

TEST_CASE("B9 vllm bench serve: every warm-up asks what the run asks first, so that a cache knows it") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Plan plan = plan_for(server, 200, 10);
  plan.warm_up = 3;
  std::multiset<std::string> naive;
  for (int i = 0; i < plan.warm_up; ++i)
    naive.insert(body_of(plan.asking, ask_of(plan.workload, plan.seed, 0)));
  for (std::uint64_t i = 0; i < 10; ++i)
    naive.insert(body_of(plan.asking, ask_of(plan.workload, plan.seed, i)));
  CHECK(std::set<std::string>(naive.begin(), naive.end()).size() == 10);
  CHECK(naive.count(body_of(plan.asking, ask_of(plan.workload, plan.seed, 0))) == 4);
  measured(plan);
  const std::vector<std::string> ours = server.bodies();
  CHECK(ours.size() == 13);
  CHECK(std::set<std::string>(ours.begin(), ours.end()).size() == 13);
}

TEST_CASE("B10 llmperf: the time to the first token is part of its inter-token latency") {
  const StubServer server({.ttft = 200 * ms, .gap = 10 * ms, .tokens = 8});
  const std::vector<Exchange> exchanges = exchanges_of(server, 9, 7 * ms);
  const double ours = tpot_of(exchanges);
  for (const Exchange& exchange : exchanges) {
    const Sample sample = decode(exchange, shipped("chat"), nullptr);
    CHECK(static_cast<double>(sample.last - sample.sent) / 1e6 / sample.tokens > 2 * ours);
  }
  CHECK(ours == doctest::Approx(percentile(server.truth().tpot(8), 0.5)).epsilon(0.1));
}

TEST_CASE("B12 inference-perf: coroutines that wait for their turn stamp late") {
  const StubServer server({.ttft = 20 * ms, .gap = 10 * ms, .tokens = 8});
  std::vector<Instant> events;
  for (const Exchange& exchange : exchanges_of(server, 20, 0)) {
    for (const Instant at : events_with(exchange, "word")) events.push_back(at);
    // Ours are those of the reads, whenever somebody gets round to decoding.
    const Sample sample = decode(exchange, shipped("chat"), nullptr);
    for (const Instant stamp : {sample.first, sample.last})
      CHECK(std::count_if(exchange.arrivals.begin(), exchange.arrivals.end(),
                          [stamp](const Arrived& read) { return read.at == stamp; }) == 1);
  }
  std::sort(events.begin(), events.end());
  Instant turn = 0, worst = 0;  // one loop that takes 0.3 ms for each event, in the order they came
  for (const Instant at : events) {
    turn = std::max(turn, at) + 300'000;
    worst = std::max(worst, turn - at);
  }
  CHECK(worst > 2 * ms);
}

TEST_CASE(
    "B14 parsers of event streams: no blank after the colon, CRLF, broken JSON, an error in a stream of "
    "200") {
  // As inference-perf and vLLM read it.
  const auto naive = [](const std::string& body) {
    int tokens = 0;
    for (std::size_t at = 0, end = 0; at < body.size(); at = end + 2) {
      end = std::min(body.find("\n\n", at), body.size());
      const std::string event = body.substr(at, end - at);
      if (event.starts_with("data: {") && event.ends_with("}") && event.find("content") != std::string::npos)
        ++tokens;
    }
    return tokens;
  };
  const std::string word = "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}";
  const std::string plain = "data: " + word + "\n\n";
  CHECK(naive(plain + plain) == 2);
  for (const std::string& body : {"data:" + word + "\n\ndata:" + word + "\n\n",
                                  "data: " + word + "\r\n\r\ndata: " + word + "\r\n\r\n"}) {
    CHECK(naive(body) < 2);
    CHECK(read(answer("text/event-stream", body)).tokens == 2);
  }
  CHECK(naive(plain + "data: {\"choi\n\n" + plain) == 2);  // and nobody is told
  CHECK(read(answer("text/event-stream", plain + "data: {\"choi\n\n" + plain)).error ==
        "1 events of its stream are no JSON");
  const std::string failed = plain + "data: {\"error\":{\"message\":\"no memory\"}}\n\n";
  CHECK(naive(failed) == 1);
  CHECK(read(answer("text/event-stream", failed)).error == "the engine says: no memory");
}

TEST_CASE("B15 perf_analyzer: reasoning tokens are counted beside the completion tokens they are part of") {
  const std::string body =
      "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\ndata: "
      "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
      "data: "
      "{\"choices\":[],\"usage\":{\"completion_tokens\":10,\"completion_tokens_details\":{\"reasoning_"
      "tokens\":6}}}\n\n";
  const Sample sample = read(answer("text/event-stream", body));
  CHECK(sample.tokens + sample.reasoning_tokens == 16);  // as it counts
  CHECK(sample.tokens == 10);
}

TEST_CASE("B16 vllm bench serve: the event that only names the role is taken for the first token") {
  const StubServer server({.ttft = 100 * ms, .gap = ms, .tokens = 4});
  const Exchange exchange = exchanges_of(server, 1, 0).at(0);
  const double naive =
      static_cast<double>(events_with(exchange, "\"choices\":[{").front() - exchange.sent) / 1e6;
  CHECK(naive < 80);
  CHECK(*ttft_of(decode(exchange, shipped("chat"), nullptr)) >= 100);
}
