#include "loadgen/bench.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "net/url.hpp"

namespace mlib::loadgen {
namespace {

/// Takes exchanges from the loop and decodes them on its own thread.
class Decoder {
 public:
  explicit Decoder(Protocol protocol, const RecordSink& record = {})
      : protocol_(protocol), record_(record), thread_([this] { work(); }) {}
  ~Decoder() { stop(); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  void add(Exchange&& exchange) {
    std::unique_lock lock(mutex_);
    if (held_ >= held_limit &&
        !exchange.error.empty()) {  // a failed answer is not waited for: its error counts
      exchange.body = {};
      exchange.arrivals = {};
    } else {
      // A loop that waits here is late, which its verdict says.
      room_.wait(lock, [this] { return held_ < held_limit; });
    }
    held_ += exchange.bytes();
    waiting_.push_back(std::move(exchange));
    if (waiting_.size() == 1) changed_.notify_one();
  }
  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }
  /// Means of the answers decoded since it was last asked; what it knew before when there was none.
  void tell(Live& live) {
    const std::lock_guard lock(mutex_);
    ttft_.settle();
    tpot_.settle();
    live.ttft = ttft_.mean;
    live.tpot = tpot_.mean;
  }
  std::vector<Sample> samples;
  Histogram gaps;
  double cpu_seconds = 0;  ///< once stopped

 private:
  struct Recent {
    double sum = 0;
    int count = 0;
    std::optional<double> mean;
    void add(const std::optional<double>& value) {
      sum += value.value_or(0);
      count += value ? 1 : 0;
    }
    void settle() {
      if (count > 0) mean = sum / count;
      sum = 0;
      count = 0;
    }
  };

  static constexpr std::size_t held_limit = 8U << 20U;

  void work() {
    // On a core that it shares with the loop, the loop goes first, at whatever priority the program runs.
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_OTHER, &none);
    const auto self = static_cast<id_t>(::gettid());
    ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + 10);
    std::vector<Instant> between;
    for (;;) {
      std::deque<Exchange> batch;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
        if (waiting_.empty()) break;
        batch.swap(waiting_);
      }
      for (Exchange& exchange : batch) {
        between.clear();
        samples.push_back(decode(exchange, protocol_, &between));
        if (record_) record_(samples.back(), between);
        if (samples.back().good())
          for (const Instant gap : between) gaps.add(gap);
        const std::size_t size = exchange.bytes();
        exchange = Exchange{};
        const std::lock_guard lock(mutex_);
        held_ -= size;
        room_.notify_one();
        if (!samples.back().good()) continue;
        ttft_.add(ttft_of(samples.back()));
        tpot_.add(tpot_of(samples.back()));
      }
    }
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    cpu_seconds = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }
  Protocol protocol_;
  RecordSink record_;
  std::mutex mutex_;
  std::condition_variable changed_, room_;
  std::size_t held_ = 0;  ///< bytes of bodies
  std::deque<Exchange> waiting_;
  Recent ttft_, tpot_;
  bool ended_ = false;
  std::thread thread_;
};

/// Asks what the workload says; in a conversation with what was said before.
class Asker final : public Source {
 public:
  Asker(const Plan& plan, Decoder& decoder, std::uint64_t first)
      : plan_(plan),
        decoder_(decoder),
        next_(first),
        converses_(plan.users > 0 && converses(plan.workload)),
        head_(head_of(plan.asking, net::parse_url(plan.endpoint.url).authority(), plan.path,
                      plan.bearer.reveal())),
        users_(converses_ ? plan.users : 0) {}

  std::optional<Request> next(std::uint64_t, std::uint32_t user) override {
    const Ask ask = converses_ ? question_of(users_.at(user)) : ask_of(plan_.workload, plan_.seed, next_++);
    return Request{request_of(plan_.asking, ask, head_), plan_.think, ask.max_tokens, ask.prompt_tokens};
  }
  void done(Exchange&& exchange) override {
    if (converses_) heard(users_.at(exchange.user), exchange);
    decoder_.add(std::move(exchange));
  }

 private:
  /// What a user talks about; turn == turns: the next question begins a conversation.
  struct Conversation {
    std::uint64_t number = 0;
    int turn = 0, turns = 0;
    std::string question;
    std::vector<Turn> before;
  };

  Ask question_of(Conversation& talk) {
    if (talk.turn == talk.turns) {
      talk = {};
      talk.number = next_++;
      talk.turns = turns_of(plan_.workload, plan_.seed, talk.number);
    }
    Ask ask = ask_of(plan_.workload, plan_.seed, talk.number, talk.turn);
    ask.before = talk.before;
    talk.question = ask.prompt;
    return ask;
  }
  /// The answer goes into the next question; after a failed one the user begins another conversation.
  void heard(Conversation& talk, const Exchange& exchange) {
    std::string answer;
    const bool good = decode(exchange, plan_.asking.protocol, nullptr, &answer).good();
    talk.turn = good ? talk.turn + 1 : talk.turns;
    if (good) talk.before.push_back({std::move(talk.question), std::move(answer)});
  }

  const Plan& plan_;
  Decoder& decoder_;
  std::uint64_t next_;  ///< request or conversation
  bool converses_;
  std::string head_;
  std::vector<Conversation> users_;
};

constexpr std::uint64_t of_warm_up = 1ULL << 40U;  // their prompts are others than the run's

void warm_up(const Plan& plan, const Cancel& cancel) {
  if (plan.warm_up == 0) return;
  Load load;
  load.users = 1;
  load.stop.requests = static_cast<std::uint64_t>(plan.warm_up);
  load.timeout = plan.timeout;
  load.drain = plan.timeout;
  Decoder decoder(plan.asking.protocol);
  Asker asker(plan, decoder, of_warm_up);
  run(plan.endpoint, load, asker, cancel);
  decoder.stop();
  cancel.check();
  if (decoder.samples.empty() || !decoder.samples.back().good())
    throw Problem(
        Kind::failed,
        fmt::format("{} does not answer as it should: {}", net::parse_url(plan.endpoint.url).origin(),
                    decoder.samples.empty() ? "nothing was asked" : decoder.samples.back().error),
        "check the URL, --protocol, --model and --api-key-file with one request: curl");
}

void check_workload(const Plan& plan) {
  check(plan.workload);
  if (!converses(plan.workload)) return;
  if (plan.users == 0 && plan.workload.scripts.empty())
    throw Problem(Kind::usage,
                  "conversations of several turns are had by users, whose next question waits for the answer",
                  "give --users N instead of --rate");
  if (plan.users > 0 && plan.asking.protocol != Protocol::chat &&
      plan.asking.protocol != Protocol::completions)
    throw Problem(Kind::usage,
                  fmt::format("`{}` has no conversations",
                              protocol_names()[static_cast<std::size_t>(plan.asking.protocol)]),
                  "known: chat, completions");
}

/// Requests share what a cache may hold: a prefix, what was said before, or blocks of a trace.
bool shares_prefix(const Plan& plan) {
  const Workload& workload = plan.workload;
  if (workload.scripts.empty() && workload.prompts.empty() && workload.groups > 0) return true;
  if (plan.users > 0 && converses(workload)) return true;
  return std::any_of(workload.scripts.begin(), workload.scripts.end(),
                     [](const Script& script) { return !script.blocks.empty(); });
}

/// Neither a ramp, nor bursts with pauses, nor what somebody recorded.
bool is_even(const Plan& plan) {
  using Kind = Arrivals::Kind;
  const Kind kind = plan.arrivals.kind;
  return plan.users > 0 || kind == Kind::constant || kind == Kind::poisson || kind == Kind::gamma;
}

/// Mean length that the good answers were asked to have; 0 without any.
double asked_tokens(const std::vector<Sample>& samples) {
  double sum = 0, count = 0;
  for (const Sample& sample : samples) {
    if (!sample.good()) continue;
    sum += sample.asked_tokens;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

/// When the load ended: after its duration, or with the last request where those ended before it. What comes
/// later is drain.
Instant end_of_load(const Plan& plan, const Outcome& outcome) {
  Instant end = plan.stop.duration.value_or(INT64_MAX);
  const bool trace = plan.users == 0 && plan.arrivals.kind == Arrivals::Kind::trace;
  std::uint64_t most = plan.stop.requests.value_or(UINT64_MAX);
  if (trace) most = std::min<std::uint64_t>(most, plan.arrivals.trace.size());
  if (!outcome.samples.empty() && outcome.samples.size() >= most)
    end = std::min(end, outcome.samples.back().scheduled);
  if (outcome.interrupted) end = std::min(end, outcome.client.ended);
  // All of a burst are due at once: its load has no length but that of its answers.
  return end > 0 && end < INT64_MAX ? end : outcome.client.ended;
}

double engines_own(const std::vector<Sample>& samples) {
  std::vector<double> all;
  for (const Sample& sample : samples)
    if (sample.engine_tokens_per_second > 0) all.push_back(sample.engine_tokens_per_second);
  if (all.empty()) return 0;
  std::sort(all.begin(), all.end());
  return all[(all.size() - 1) / 2];
}

}  // namespace

void check_objective(const Plan& plan) {
  const bool generates =
      plan.asking.protocol == Protocol::chat || plan.asking.protocol == Protocol::completions;
  for (const Limit& limit : plan.objective) {
    if (limit.of == Limit::Of::ttft && !(generates && plan.asking.stream))
      throw Problem(
          Kind::usage,
          fmt::format("`{}` is of streamed answers: a whole one has no first token", to_text(limit)),
          "limit the whole answer: e2e_p95=2s");
    if (limit.of == Limit::Of::tpot && !generates)
      throw Problem(
          Kind::usage,
          fmt::format("`{}` is of chat and completions: other answers have no tokens", to_text(limit)),
          "limit the whole answer: e2e_p95=2s");
  }
}

Outcome bench(const Plan& plan, const Cancel& cancel, const LiveSink& live, const RecordSink& record) {
  check_workload(plan);
  check_objective(plan);
  Outcome outcome;
  Load load;
  load.users = plan.users;
  load.stop = plan.stop;
  load.timeout = plan.timeout;
  load.drain = plan.drain;
  if (plan.memory > 0) load.memory = plan.memory;
  if (plan.users == 0) {
    load.arrivals = schedule(plan.arrivals, plan.stop, plan.seed);
    outcome.schedule = fingerprint(load.arrivals);
    if (load.arrivals.empty())
      throw Problem(Kind::usage, "no request falls into that time", "raise --duration or --rate");
  } else {
    check({.kind = Arrivals::Kind::constant}, plan.stop);
  }
  warm_up(plan, cancel);
  Decoder decoder(plan.asking.protocol, record);
  Asker asker(plan, decoder, 0);
  LiveSink told;
  if (live)
    told = [&](const Live& now) {
      Live more = now;
      decoder.tell(more);
      live(more);
    };
  outcome.client = run(plan.endpoint, load, asker, cancel, told);
  decoder.stop();
  outcome.client.decode_cpu_seconds = decoder.cpu_seconds;
  outcome.samples = std::move(decoder.samples);
  std::sort(outcome.samples.begin(), outcome.samples.end(),
            [](const Sample& a, const Sample& b) { return a.index < b.index; });
  outcome.interrupted = cancel.asked();
  const Instant window = end_of_load(plan, outcome);
  if (outcome.interrupted)  // what was to come later was never offered
    std::erase_if(outcome.samples, [&](const Sample& sample) { return sample.scheduled > window; });
  outcome.metrics = measure(outcome.samples, decoder.gaps, window, plan.objective);
  outcome.engine_tokens_per_second = engines_own(outcome.samples);
  Circumstances circumstances;
  circumstances.open_loop = plan.users == 0;
  circumstances.even_load = is_even(plan);
  circumstances.asked_output_tokens = plan.workload.ignore_end ? asked_tokens(outcome.samples) : 0;
  circumstances.shared_prefix = shares_prefix(plan);
  outcome.verdict = judge(outcome.metrics, outcome.samples, outcome.client, circumstances);
  if (outcome.interrupted)
    suspect(outcome.verdict,
            fmt::format("it was ended after {:.1f} s, before its end", static_cast<double>(window) / 1e9));
  return outcome;
}

}  // namespace mlib::loadgen
