#include "loadgen/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "loadgen/decoder.hpp"
#include "net/url.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::uint64_t of_warm_up = 1ULL << 40U;  // their prompts are others than the run's

/// Asks what the workload says; in a conversation with what was said before, for which it waits until the
/// decoder has read it.
class Asker final : public Source {
 public:
  /// `end` is when the run ends at the latest.
  Asker(const Plan& plan, std::uint64_t first, Instant end, RecordSink record = {})
      : plan_(plan),
        next_(first),
        end_(end),
        head_(head_of(plan.asking, net::parse_url(plan.endpoint.url).authority(), plan.path,
                      plan.bearer.reveal())),
        users_(plan.users > 0 && converses(plan.workload) ? plan.users : 0) {
    if (!users_.empty()) answers_ = std::make_unique<Answers>(plan.users);
    decoder_ = std::make_unique<Decoder>(plan.asking.protocol, answers_.get(), std::move(record));
  }

  bool ready(std::uint32_t user) override { return answers_ == nullptr || answers_->there(user); }
  int wakes() const override { return answers_ == nullptr ? -1 : answers_->descriptor(); }
  std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
    Ask ask = users_.empty() ? ask_of(plan_.workload, plan_.seed, next_++) : question_of(user);
    // Somebody's own requests are asked as they are, but not by the warm-up: a cache would know them then.
    if (next_ >= of_warm_up && !plan_.workload.scripts.empty())
      ask.prompt = fmt::format("warm-up {}: {}", index + 1, ask.prompt);
    return Request{request_of(plan_.asking, ask, head_), plan_.think,
                   plan_.asking.protocol->asks_length ? ask.max_tokens : 0, ask.prompt_tokens};
  }
  void done(Exchange&& exchange) override {
    // A stream of lines has no content type that all engines use.
    if (plan_.asking.streams() && plan_.asking.protocol->call.stream->framing == "lines" &&
        exchange.status / 100 == 2)
      exchange.event_stream = true;
    if (answers_ != nullptr) answers_->expect(exchange.user);
    const Instant patience = end_ - exchange.end;
    decoder_->add(std::move(exchange), patience);
  }
  Decoder& decoder() { return *decoder_; }

 private:
  /// What a user talks about; turn == turns: the next question begins a conversation.
  struct Conversation {
    std::uint64_t number = 0;
    int turn = 0, turns = 0;
    bool asked = false;  ///< the answer to `question` is to come
    std::string question;
    std::vector<Turn> before;
  };

  Ask question_of(std::uint32_t user) {
    Conversation& talk = users_.at(user);
    if (talk.asked) hear(talk, answers_->take(user));
    if (talk.turn == talk.turns) {
      talk = {};
      talk.number = next_++;
      talk.turns = turns_of(plan_.workload, plan_.seed, talk.number);
    }
    Ask ask = ask_of(plan_.workload, plan_.seed, talk.number, talk.turn);
    ask.before = talk.before;
    talk.question = ask.prompt;
    talk.asked = true;
    return ask;
  }
  /// The answer goes into the next question; after a failed one the user begins another conversation.
  static void hear(Conversation& talk, std::optional<std::string> answer) {
    talk.turn = answer ? talk.turn + 1 : talk.turns;
    if (!answer) return;
    // What is no UTF-8 cannot stand in JSON: the next request would be broken by the answer before it.
    if (!is_utf8(*answer)) answer = visible(*answer);
    talk.before.push_back({std::move(talk.question), std::move(*answer)});
  }

  const Plan& plan_;
  std::uint64_t next_;  ///< request or conversation
  Instant end_;
  std::string head_;
  std::vector<Conversation> users_;  ///< none: each request stands alone
  std::unique_ptr<Answers> answers_;
  std::unique_ptr<Decoder> decoder_;
};

/// When a run of that load ends at the latest.
Instant latest_end(const Load& load) {
  const Instant from = std::min(load.stop.duration.value_or(INT64_MAX),
                                load.arrivals.empty() ? INT64_MAX : load.arrivals.back());
  return from == INT64_MAX ? from : from + load.drain;
}

bool timed_out(const Plan& plan, const Sample& sample) {
  return sample.unfinished || (sample.end >= 0 && sample.end - sample.begun >= plan.timeout);
}

/// It failed as a target does for a moment: busy, about to start, out of memory, gone. What is asked of
/// nobody, or wrongly, fails again.
bool may_pass(const Plan& plan, const Sample& sample) {
  if (sample.good() || sample.foreign || sample.sent < 0 || timed_out(plan, sample)) return false;
  return sample.status < 300 || sample.status == 408 || sample.status == 429 || sample.status >= 500;
}

/// What whoever asked can do about it.
std::string advice(const Plan& plan, const Sample& sample) {
  if (timed_out(plan, sample)) return "give it more time, or ask for less: --timeout, --max-tokens";
  if (sample.sent < 0) return "check the URL, and that it listens there";
  if (sample.foreign) return "check the URL and --protocol with one request: curl";
  switch (sample.status) {
    case 401:
    case 403:
      return "give a key that it takes: --api-key-file FILE";
    case 404:
    case 405:
      return "check the URL's path, --protocol and --model";
    case 408:
    case 429:
      return "the server refuses for load: wait until others are done, or ask less";
    default:
      break;
  }
  if (sample.status >= 500) return "the server failed: its log says why";
  if (sample.status >= 400)
    return "the server refuses what is asked: check --model, --prompt-tokens and --max-tokens";
  if (sample.status >= 300) return "give the URL that it points to";
  return "the server, or what lies before it, broke off: its log says why";
}

/// Sends requests that do not count, from the warm-up's `first` on.
std::vector<Sample> asked_before(const Plan& plan, Load load, std::size_t first, const Cancel& cancel) {
  load.timeout = plan.timeout;
  load.drain = plan.timeout + second;  // so that each ends by its own time-out
  Asker asker(plan, of_warm_up + first, latest_end(load));
  run(plan.endpoint, load, asker, cancel);
  asker.decoder().stop();
  cancel.check();
  return std::move(asker.decoder().samples);
}

/// Which of its requests failed, and why; "" when none did.
std::string failures_of(const Plan& plan, const std::vector<Sample>& warmed) {
  std::map<std::string, std::uint64_t> causes;
  std::uint64_t failed = 0;
  for (const Sample& sample : warmed) {
    if (sample.good()) continue;
    ++failed;
    ++causes[sample.error];
  }
  if (failed == 0) return "";
  std::vector<std::string> parts;
  for (const auto& [cause, count] : most_frequent(causes))
    parts.push_back(fmt::format("{} × {}", count, cause));
  return fmt::format("{} of {} requests of the warm-up failed: {}{}", failed, warmed.size(),
                     join(parts, "; "), warmed.back().good() ? "" : " (" + advice(plan, warmed.back()) + ")");
}

/// Warms up, and tries on for some seconds while the target fails as one does for a moment. What there is to
/// say of it. When it fails to the end it is measured all the same: that is what there is to measure.
std::string warm_up(const Plan& plan, const Cancel& cancel) {
  if (plan.warm_up == 0) return "";
  Load load;
  load.users = 1;
  load.stop.requests = static_cast<std::uint64_t>(plan.warm_up);
  std::vector<Sample> all = asked_before(plan, load, 0, cancel);
  load = {};
  load.arrivals = {second / 2};
  for (Instant spent = 0; spent < 3 * second && !all.empty() && may_pass(plan, all.back());) {
    for (Sample& each : asked_before(plan, load, all.size(), cancel)) all.push_back(std::move(each));
    spent += all.back().end;
  }
  const std::string origin = net::parse_url(plan.endpoint.url).origin();
  if (all.empty()) throw Problem(Kind::failed, fmt::format("{}: nothing was asked", origin));
  const Sample& last = all.back();
  if (!last.good() && !may_pass(plan, last))
    throw Problem(Kind::failed, fmt::format("{} does not answer as it should: {}", origin, last.error),
                  advice(plan, last));
  return failures_of(plan, all);
}

void check_plan(const Plan& plan) {
  check(plan.workload);
  if (plan.timeout <= 0)
    throw Problem(Kind::usage, "no answer comes within a --timeout of 0 s", "as in --timeout 120s");
  if (!converses(plan.workload)) return;
  if (plan.users == 0 && plan.workload.scripts.empty())
    throw Problem(Kind::usage,
                  "conversations of several turns are had by users, whose next question waits for the answer",
                  "give --users N instead of --rate");
  if (plan.users > 0 && !plan.asking.protocol->generates)
    throw Problem(Kind::usage, fmt::format("`{}` has no conversations", plan.asking.protocol->name),
                  "they are had where answers are text, as those of chat");
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
  const bool generates = plan.asking.protocol->generates;
  for (const Limit& limit : plan.objective) {
    if (limit.of == Limit::Of::ttft && !(generates && plan.asking.streams()))
      throw Problem(
          Kind::usage,
          fmt::format("`{}` is of streamed answers: a whole one has no first token", to_text(limit)),
          "limit the whole answer: e2e_p95=2s");
    if (limit.of == Limit::Of::tpot && !generates)
      throw Problem(Kind::usage,
                    fmt::format("`{}` is of answers that are text: those of `{}` have no tokens",
                                to_text(limit), plan.asking.protocol->name),
                    "limit the whole answer: e2e_p95=2s");
  }
}

Outcome bench(const Plan& plan, const Cancel& cancel, const LiveSink& live, const RecordSink& record) {
  check_plan(plan);
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
  Circumstances circumstances;
  circumstances.warm_up = warm_up(plan, cancel);
  Asker asker(plan, 0, latest_end(load), record);
  Decoder& decoder = asker.decoder();
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
  outcome.client.given_up += decoder.given_up;
  outcome.samples = std::move(decoder.samples);
  std::sort(outcome.samples.begin(), outcome.samples.end(),
            [](const Sample& a, const Sample& b) { return a.index < b.index; });
  outcome.interrupted = cancel.asked();
  const Instant window = end_of_load(plan, outcome);
  outcome.metrics = measure(outcome.samples, decoder.gaps, window, plan.objective);
  outcome.engine_tokens_per_second = engines_own(outcome.samples);
  circumstances.open_loop = plan.users == 0;
  circumstances.even_load = is_even(plan);
  circumstances.asked_output_tokens = asked_tokens(outcome.samples);
  circumstances.may_end = !plan.workload.ignore_end;
  circumstances.streams = plan.asking.streams();
  circumstances.shared_prefix = shares_prefix(plan);
  circumstances.gaps = &decoder.gaps;
  outcome.verdict = judge(outcome.metrics, outcome.samples, outcome.client, circumstances);
  if (outcome.interrupted)
    suspect(outcome.verdict,
            fmt::format("it was ended after {:.1f} s, before its end", static_cast<double>(window) / 1e9));
  return outcome;
}

}  // namespace mlib::loadgen
