// The two ends of bench/loadgen.py, each a process of its own, so that each can have a core of its own:
//   bench_loadgen stub KEY=VALUE...      the stub server, until its standard input ends
//   bench_loadgen run URL KEY=VALUE...   one run against it; prints what it reports, and what it took, as
//   JSON
//   bench_loadgen look KEY=VALUE...      does nothing but look at the clock; how often it was kept from that
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <map>

#include "loadgen/bench.hpp"
#include "loadgen/connections.hpp"
#include "loadgen/stub_server.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// KEY=VALUE words; every one has to be asked for.
class Options {
 public:
  Options(int count, char** words) {
    for (int i = 0; i < count; ++i) {
      const std::string word = words[i];
      values_[word.substr(0, word.find('='))] = word.substr(std::min(word.find('='), word.size() - 1) + 1);
    }
  }
  double number(const std::string& key, double otherwise) {
    const auto found = values_.find(key);
    if (found == values_.end()) return otherwise;
    const double value = std::stod(found->second);
    values_.erase(found);
    return value;
  }
  int whole(const std::string& key, int otherwise) { return static_cast<int>(number(key, otherwise)); }
  Instant ms(const std::string& key, double otherwise) {
    return static_cast<Instant>(number(key, otherwise) * 1e6);
  }
  void end() const {
    if (!values_.empty()) throw std::runtime_error("no option is called " + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
};

std::string of(const std::vector<double>& rising) {
  double sum = 0;
  for (const double value : rising) sum += value;
  return fmt::format(R"({{"count":{},"mean":{},"p50":{},"p90":{},"p95":{},"p99":{}}})", rising.size(),
                     rising.empty() ? 0 : sum / static_cast<double>(rising.size()), percentile(rising, 0.5),
                     percentile(rising, 0.9), percentile(rising, 0.95), percentile(rising, 0.99));
}

std::string of(const Distribution& all) {
  const auto or_null = [](const std::optional<double>& value) {
    return value ? fmt::format("{}", *value) : "null";
  };
  return fmt::format(R"({{"count":{},"mean":{},"p50":{},"p90":{},"p95":{},"p99":{}}})", all.count, all.mean,
                     all.p50, or_null(all.p90), or_null(all.p95), or_null(all.p99));
}

/// Requests a second between the tenth and the ninetieth percentile of their instants: what comes before and
/// after a run (a probe, the last answers) is left out.
double rate_of(const Truth& truth) {
  std::vector<double> instants;
  for (const Record& record : truth.records) instants.push_back(static_cast<double>(record.received) / 1e9);
  std::sort(instants.begin(), instants.end());
  const double seconds = percentile(instants, 0.9) - percentile(instants, 0.1);
  return seconds > 0 ? 0.8 * static_cast<double>(instants.size()) / seconds : 0;
}

std::string of(const Truth& truth, int tokens) {
  return fmt::format(R"({{"answers":{},"errors":{},"rate":{},"ttft":{},"e2e":{},"tpot":{},"itl":{}}})",
                     truth.records.size(), truth.errors, rate_of(truth), of(truth.ttft()), of(truth.e2e()),
                     of(truth.tpot(tokens)), of(truth.itl()));
}

int stub(Options options) {
  StubRules rules;
  rules.ttft = options.ms("ttft", 0);
  rules.gap = options.ms("gap", 0);
  rules.tokens = options.whole("tokens", 8);
  rules.tokens_per_event = options.whole("tokens_per_event", 1);
  rules.events_per_write = options.whole("events_per_write", 1);
  rules.slots = options.whole("slots", 1'000'000);
  rules.freeze_every = options.ms("freeze_every", 0);
  rules.freeze = options.ms("freeze", 0);
  rules.ttft_jitter = options.ms("ttft_jitter", 0);
  rules.gap_jitter = options.ms("gap_jitter", 0);
  rules.stall = options.ms("stall", 0);
  rules.stall_every = options.whole("stall_every", 100);
  rules.error_every = options.whole("error_every", 0);
  rules.keep = options.whole("keep", 1) != 0;
  const auto port = static_cast<std::uint16_t>(options.whole("port", 0));
  options.end();
  const int tokens = rules.tokens;
  StubServer* self = nullptr;
  rules.get = [&self, tokens](std::string_view path) -> std::string {
    if (path == "/truth") return of(self->truth(), tokens);
    if (path == "/forget") self->forget();
    return R"({"object":"list","data":[{"id":"stub","object":"model","created":1700000000,"owned_by":"stub"}]})";
  };
  StubServer server(rules, port);
  self = &server;
  fmt::print("{}\n", server.url());
  std::fflush(stdout);
  while (std::cin.get() != EOF) {
  }
  return 0;
}

int client(const std::string& url, Options options) {
  Plan plan;
  plan.endpoint.url = url;
  plan.asking.model = "stub";
  plan.users = static_cast<std::uint32_t>(options.whole("users", 0));
  plan.arrivals.kind = options.whole("constant", 0) != 0 ? Arrivals::Kind::constant : Arrivals::Kind::poisson;
  plan.arrivals.rate = options.number("rate", 1);
  plan.stop.duration = options.ms("seconds", 10) * 1000;
  plan.workload.prompt.mean = options.whole("prompt", 64);
  plan.workload.output.mean = options.whole("tokens", 8);
  plan.seed = static_cast<std::uint64_t>(options.whole("seed", 1));
  plan.warm_up = options.whole("warm_up", 1);
  options.end();
  const Cancel never;
  const Outcome outcome = bench(plan, never);
  const double cpu = outcome.client.cpu_seconds + outcome.client.decode_cpu_seconds;
  const Metrics& metrics = outcome.metrics;
  std::uint64_t events = 0;
  for (const Sample& sample : outcome.samples) events += static_cast<std::uint64_t>(sample.events);
  fmt::print(
      R"({{"good":{},"failed":{},"unfinished":{},"seconds":{},"cpu":{},"loop_cpu":{},"events":{},"verdict":"{}","why":"{}",)"
      R"("lag":{},"ttft":{},"ttft_service":{},"e2e":{},"tpot":{},"itl":{},"no_itl":"{}"}})"
      "\n",
      metrics.good, metrics.failed, metrics.unfinished, static_cast<double>(outcome.client.ended) / 1e9, cpu,
      outcome.client.cpu_seconds, events, to_text(outcome.verdict.validity),
      join(outcome.verdict.reasons, "; "), of(metrics.lag), of(metrics.ttft), of(metrics.ttft_service),
      of(metrics.e2e), of(metrics.tpot), metrics.itl ? of(*metrics.itl) : "null", metrics.no_itl);
  return 0;
}

/// What the machine takes of a core by itself: a process that never waits is away all the same.
int look(Options options) {
  const Instant long_gap = options.ms("gap", 0.5), begin = monotonic(CLOCK_MONOTONIC);
  const Instant end = begin + options.ms("ms", 8000);
  options.end();
  int gaps = 0;
  Instant longest = 0;
  for (Instant last = begin, now = begin; now < end; last = now) {
    now = monotonic(CLOCK_MONOTONIC);
    gaps += now - last > long_gap ? 1 : 0;
    longest = std::max(longest, now - last);
  }
  fmt::print("{{\"gaps\":{},\"longest\":{}}}\n", gaps, static_cast<double>(longest) / 1e6);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    const std::string what = count > 1 ? words[1] : "";
    if (what == "stub") return stub(Options(count - 2, words + 2));
    if (what == "run" && count > 2) return client(words[2], Options(count - 3, words + 3));
    if (what == "look") return look(Options(count - 2, words + 2));
    fmt::print(stderr, "bench_loadgen: stub KEY=VALUE... | run URL KEY=VALUE... | look KEY=VALUE...\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_loadgen: {}\n", error.what());
  }
  return 2;
}
