// Ways in which load generators are known to have been wrong, each with the tool it was seen in: the figure
// as that tool comes to it is wrong on the same engine (or the same samples), ours is right.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "loadgen/events.hpp"
#include "loadgen/random.hpp"
#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000;

double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 0.5);
}

double variation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size())) / mean;
}

/// Variance over mean of the counts of each second: 1 for a Poisson process.
double dispersion(const std::vector<Instant>& arrivals, std::size_t seconds) {
  std::vector<double> counts(seconds);
  for (const Instant at : arrivals)
    if (static_cast<std::size_t>(at / second) < seconds) ++counts[static_cast<std::size_t>(at / second)];
  double sum = 0;
  for (const double count : counts) sum += count;
  return variation(counts) * variation(counts) * sum / static_cast<double>(seconds);
}

/// A client that has at most so many requests out, whatever was to arrive.
Outcome capped(const StubServer& server, std::uint32_t cap, std::uint64_t requests) {
  Plan plan = plan_for(server, 1, requests);
  plan.users = cap;
  plan.warm_up = 0;
  return measured(plan);
}

Outcome burst(const StubServer& server, std::uint64_t requests) {
  Plan plan = plan_for(server, 1, requests);
  plan.arrivals.kind = Arrivals::Kind::trace;
  plan.arrivals.trace.assign(requests, 0);
  plan.warm_up = 0;
  return measured(plan);
}

std::vector<Exchange> exchanges_of(const StubServer& server, int count, Instant apart) {
  Load load;
  for (int i = 0; i < count; ++i) load.arrivals.push_back(i * apart);
  Collector collector(server);
  collector.run(server, load);
  return std::move(collector.exchanges);
}

/// When each event whose text has `word` came.
std::vector<Instant> events_with(const Exchange& exchange, std::string_view word) {
  std::vector<Instant> all;
  events_of(exchange, [&](std::string_view data, Instant at) {
    if (data.find(word) != std::string_view::npos) all.push_back(at);
  });
  return all;
}

double mean_gap(const std::vector<Instant>& all) {
  return static_cast<double>(all.back() - all.front()) / 1e6 / static_cast<double>(all.size() - 1);
}

/// The median of what decode makes of them: on a busy machine one of them may have been late.
double tpot_of(const std::vector<Exchange>& exchanges) {
  std::vector<double> all;
  for (const Exchange& exchange : exchanges)
    all.push_back(*tpot_of(decode(exchange, Protocol::chat, nullptr)));
  return middle(all);
}

/// A sample of a request that was sent late.
Sample late(std::uint64_t index, Instant scheduled, Instant sent, Instant took) {
  Sample sample;
  sample.index = index;
  sample.scheduled = scheduled;
  sample.begun = sample.sent = sent;
  sample.head = sample.first = sample.first_output = sample.last = sample.end = sent + took;
  sample.status = 200;
  sample.tokens = 1;
  return sample;
}

}  // namespace

TEST_CASE("B1 vllm bench serve: a cap on what is out hides the queue (coordinated omission)") {
  const StubServer one({.ttft = 20 * ms, .gap = 0, .tokens = 1, .slots = 4}),
      two({.ttft = 20 * ms, .gap = 0, .tokens = 1, .slots = 4});
  const double naive = capped(one, 4, 200).metrics.e2e_service.p50;
  Plan plan = plan_for(two, 800, 200);  // four times what it can do
  plan.warm_up = 0;
  const Metrics ours = measured(plan).metrics;
  CHECK(ours.good == 200);
  CHECK(ours.e2e.p50 > 3 * naive);
}

TEST_CASE("B1' inference-perf: a client that falls behind its schedule reports the time since it sent") {
  std::vector<Sample> samples;
  std::vector<double> naive;
  for (int i = 0; i < 400; ++i) {
    samples.push_back(late(static_cast<std::uint64_t>(i), i * 10 * ms, i * 15 * ms, 40 * ms));
    naive.push_back(static_cast<double>(samples.back().first - samples.back().sent) / 1e6);
  }
  CHECK(middle(naive) == 40);
  const Metrics ours = measure(samples, {}, 4 * second, {});
  CHECK(ours.ttft.p50 == doctest::Approx(40 + 1000).epsilon(0.01));
  CHECK(ours.ttft_service.p50 == 40);
  const Verdict verdict = judge(ours, samples, {}, {});
  CHECK(verdict.validity == Validity::invalid);
  CHECK(verdict.reasons.at(0).starts_with("the client was late: "));
}

TEST_CASE("B1'' perf_analyzer: the clock starts when the thread gets round to it") {
  /// Takes long over one request.
  class Busy final : public Source {
   public:
    explicit Busy(Collector& inner) : inner_(inner) {}
    std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
      timespec now{};
      const auto clock = [&now] {
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * second + now.tv_nsec;
      };
      for (const Instant begin = clock(); index == 5 && clock() - begin < 100 * ms;) {
      }
      return inner_.next(index, user);
    }
    void done(Exchange&& exchange) override { inner_.done(std::move(exchange)); }

   private:
    Collector& inner_;
  };
  const StubServer server({.ttft = ms, .gap = 0, .tokens = 1});
  Collector collector(server);
  Busy busy(collector);
  Load load;
  for (int i = 0; i < 10; ++i) load.arrivals.push_back(i * 10 * ms);
  const Cancel never;
  run({server.url()}, load, busy, never);
  double naive = 0, ours = 0;
  for (const Exchange& exchange : collector.exchanges) {
    const Sample sample = decode(exchange, Protocol::chat, nullptr);
    if (sample.index != 5) continue;
    naive = static_cast<double>(sample.first - sample.sent) / 1e6;
    ours = *ttft_of(sample);
  }
  CHECK(ours > 80);
  CHECK(naive < ours - 70);
}

TEST_CASE("B2 inference-perf: an event without content is counted as a token, which halves TPOT and ITL") {
  const StubServer server({.ttft = 10 * ms, .gap = 10 * ms, .tokens = 16, .empty_event = true});
  const std::vector<Exchange> exchanges = exchanges_of(server, 9, 17 * ms);
  std::vector<double> naive;
  for (const Exchange& exchange : exchanges) {
    naive.push_back(mean_gap(events_with(exchange, "\"choices\":[{")));
    CHECK(decode(exchange, Protocol::chat, nullptr).events == 16);
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
    const Sample sample = decode(exchange, Protocol::chat, nullptr);
    if (sample.longest_gap < 100 * ms) continue;
    naive = std::max(naive, *tpot_of(sample));
    ours = std::max(ours, static_cast<double>(sample.longest_gap) / 1e6);
  }
  CHECK(ours >= 150);
  CHECK(naive < 100);
}

TEST_CASE("B4 GuideLLM: workers that all have the same seed make bursts of what should be Poisson") {
  constexpr int workers = 10, per_worker = 4000;
  std::vector<Instant> naive;
  double at = 0;
  for (int i = 0; i < per_worker; ++i) {
    const double gap = Random(42, 1, static_cast<std::uint64_t>(i)).exponential() / 100;
    for (int worker = 0; worker < workers; ++worker)  // each takes the same draw from the same place
      naive.push_back(static_cast<Instant>((at += gap) * 1e9));
  }
  const auto ours =
      schedule({.kind = Arrivals::Kind::poisson, .rate = 100}, {.requests = workers * per_worker}, 42);
  CHECK(dispersion(naive, 390) > 5);
  CHECK(dispersion(ours, 390) == doctest::Approx(1).epsilon(0.25));
}

TEST_CASE("B5 GuideLLM: a pool of 100 connections is all that the engine ever sees") {
  const StubServer one({.ttft = second / 2, .gap = 0, .tokens = 1}),
      two({.ttft = second / 2, .gap = 0, .tokens = 1});
  capped(one, 100, 150);
  CHECK(one.most_active() <= 100);
  CHECK(burst(two, 150).metrics.good == 150);
  CHECK(two.most_active() == 150);
}

TEST_CASE("B6 GuideLLM: a burst does not start together") {
  const StubServer one({.ttft = second / 2, .gap = 0, .tokens = 1}),
      two({.ttft = second / 2, .gap = 0, .tokens = 1});
  capped(one, 46, 50);
  CHECK(one.most_active() == 46);
  const Outcome ours = burst(two, 50);
  CHECK(two.most_active() == 50);
  CHECK(ours.samples.front().sent - ours.samples.front().scheduled < 100 * ms);  // nor does the first wait
}

TEST_CASE(
    "B7 inference-perf: constant arrivals that are not, Poisson whose every second has the same count, no "
    "seed") {
  const Stop stop{.requests = 5'000};
  std::vector<double> naive, ours;
  const auto constant = schedule({.kind = Arrivals::Kind::constant, .rate = 50}, stop, 1);
  for (std::size_t i = 1; i < constant.size(); ++i) {
    naive.push_back(Random(1, 1, i).exponential() / 50);
    ours.push_back(static_cast<double>(constant[i] - constant[i - 1]) / 1e9);
  }
  CHECK(variation(naive) > 0.9);
  CHECK(variation(ours) < 0.001);
  std::vector<Instant> normalised;  // 50 gaps of each second are stretched to fill it
  for (int each = 0; each < 100; ++each) {
    double sum = 0, at = 0;
    for (std::uint64_t i = 0; i <= 50; ++i)
      sum += Random(1, static_cast<std::uint64_t>(each), i).exponential();
    for (std::uint64_t i = 0; i < 50; ++i) {
      at += Random(1, static_cast<std::uint64_t>(each), i).exponential() / sum;
      normalised.push_back(each * second + static_cast<Instant>(at * 1e9));
    }
  }
  const Arrivals poisson{.kind = Arrivals::Kind::poisson, .rate = 50};
  CHECK(dispersion(normalised, 100) < 0.01);
  CHECK(dispersion(schedule(poisson, stop, 1), 95) > 0.6);
  CHECK(fingerprint(schedule(poisson, stop, 1)) == fingerprint(schedule(poisson, stop, 1)));
}

TEST_CASE("B8 vllm bench serve: a long event is looked at from its beginning with every read") {
  const auto cost = [](std::size_t size, double& naive) {
    StubRules rules;
    rules.raw = [size](std::uint64_t) {
      return answer("text/event-stream",
                    "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string(size, 'x') + "\"}}]}\n\n");
    };
    const StubServer server(rules);
    Collector collector(server);
    Load load{.arrivals = {0}, .answer_limit = 64U << 20U, .memory = 64U << 20U};
    const double cpu = collector.run(server, load).cpu_seconds;
    const Exchange& exchange = collector.exchanges.at(0);
    for (const Arrived& piece : exchange.arrivals) naive += piece.bytes;  // what such a client has looked at
    CHECK(decode(exchange, Protocol::chat, nullptr).events == 1);
    return cpu;
  };
  double naive_of_one = 0, naive_of_sixteen = 0;
  const double one = cost(1U << 20U, naive_of_one), sixteen = cost(16U << 20U, naive_of_sixteen);
  CHECK(naive_of_sixteen > 64 * naive_of_one);  // sixteen times as long, and the square of it to look at
  CHECK(sixteen < 64 * one + 0.05);
}

TEST_CASE("B9 vllm bench serve: an event is stamped after it was parsed; warm-ups ask what the run asks") {
  const StubServer server({.ttft = 10 * ms, .gap = 4 * ms, .tokens = 16});
  const std::vector<Exchange> exchanges = exchanges_of(server, 9, 7 * ms);
  std::vector<double> naive;  // by a client that takes 8 ms to parse an event
  for (const Exchange& exchange : exchanges) {
    std::vector<Instant> stamps;
    for (const Instant at : events_with(exchange, "word"))
      stamps.push_back(std::max(at, stamps.empty() ? 0 : stamps.back()) + 8 * ms);
    naive.push_back(mean_gap(stamps));
  }
  const double ours = tpot_of(exchanges);
  CHECK(middle(naive) > 1.5 * ours);
  CHECK(ours == doctest::Approx(percentile(server.truth().tpot(16), 0.5)).epsilon(0.1));

  const StubServer other({.ttft = 0, .gap = 0, .tokens = 1});
  Plan plan = plan_for(other, 200, 10);
  plan.warm_up = 3;
  measured(plan);
  const std::vector<std::string> bodies = other.bodies();
  CHECK(bodies.size() == 13);
  CHECK(std::set<std::string>(bodies.begin(), bodies.end()).size() == 13);
}

TEST_CASE("B10 llmperf: the time to the first token is part of its inter-token latency") {
  const StubServer server({.ttft = 200 * ms, .gap = 10 * ms, .tokens = 8});
  const std::vector<Exchange> exchanges = exchanges_of(server, 9, 7 * ms);
  const double ours = tpot_of(exchanges);
  for (const Exchange& exchange : exchanges) {
    const Sample sample = decode(exchange, Protocol::chat, nullptr);
    CHECK(static_cast<double>(sample.last - sample.sent) / 1e6 / sample.tokens > 2 * ours);
  }
  CHECK(ours == doctest::Approx(percentile(server.truth().tpot(8), 0.5)).epsilon(0.1));
}

TEST_CASE("B11 AIPerf: a new connection for each request; a busy client goes unsaid") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return answer("application/json", R"({"choices":[{"message":{"content":"a"}}]})");
  };
  rules.close = true;
  const StubServer closing(rules);
  CHECK(measured(plan_for(closing, 200, 40)).client.connections == 40);  // as such a client has
  rules.close = false;
  const StubServer keeping(rules);
  CHECK(measured(plan_for(keeping, 50, 40)).client.connections < 20);
  ClientFacts busy;
  busy.ended = second;
  busy.cpu_seconds = 0.95;
  busy.reads = 100;
  std::vector<Sample> samples;
  for (int i = 0; i < 100; ++i) samples.push_back(late(static_cast<std::uint64_t>(i), i * ms, i * ms, ms));
  const Verdict verdict = judge(measure(samples, {}, second, {}), samples, busy, {});
  CHECK(verdict.validity == Validity::invalid);
  CHECK(verdict.reasons.at(0) == "the client used 95 % of its core: it may have been the limit");
}

TEST_CASE("B12 inference-perf: coroutines that wait for their turn stamp late") {
  const StubServer server({.ttft = 20 * ms, .gap = 10 * ms, .tokens = 8});
  std::vector<Instant> events;
  for (const Exchange& exchange : exchanges_of(server, 20, 0)) {
    for (const Instant at : events_with(exchange, "word")) events.push_back(at);
    // Ours are those of the reads, whenever somebody gets round to decoding.
    const Sample sample = decode(exchange, Protocol::chat, nullptr);
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

TEST_CASE("B13 aiohttp: at most 100 connections, so that what comes beyond them waits") {
  const StubServer server({.ttft = second / 2, .gap = 0, .tokens = 1});
  const Outcome ours = burst(server, 150);
  std::vector<Instant> slots(100, 0);  // the pool
  std::vector<double> naive;
  for (const Sample& sample : ours.samples) {
    const auto free = std::min_element(slots.begin(), slots.end());
    *free += sample.last - sample.sent;
    naive.push_back(static_cast<double>(*free) / 1e6);
  }
  CHECK(*std::max_element(naive.begin(), naive.end()) > 990);
  CHECK(ours.metrics.e2e.most < 990);
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
  CHECK(*ttft_of(decode(exchange, Protocol::chat, nullptr)) >= 100);
}

TEST_CASE(
    "B17 the original: failures count as answers, prompt tokens as output, and no success divides by zero") {
  const StubServer half({.ttft = 0, .gap = 0, .tokens = 8, .error_every = 2});
  Plan plan = plan_for(half, 200, 60);
  plan.warm_up = 0;
  const Metrics ours = measured(plan).metrics;
  const double naive =
      static_cast<double>(ours.output_tokens + ours.prompt_tokens) / static_cast<double>(ours.offered);
  CHECK(ours.good == 30);
  CHECK(ours.failed == 30);
  CHECK(static_cast<double>(ours.output_tokens) / static_cast<double>(ours.good) == 8);
  CHECK(naive != doctest::Approx(8));
  CHECK(half.bodies().at(0).find("stop") == std::string::npos);  // it ended answers at the first line

  const StubServer none({.error_every = 1});
  plan.endpoint.url = none.url();
  const Outcome nothing = measured(plan);
  CHECK_FALSE(std::isfinite(static_cast<double>(nothing.metrics.output_tokens) /
                            static_cast<double>(nothing.metrics.good)));
  CHECK(std::isfinite(nothing.metrics.tokens_per_second));
  CHECK(nothing.metrics.e2e.count == 0);
  CHECK(nothing.verdict.validity == Validity::invalid);
}
