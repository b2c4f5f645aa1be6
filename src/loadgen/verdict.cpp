#include "loadgen/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "loadgen/lateness.hpp"
#include "loadgen/steady.hpp"

namespace mlib::loadgen {
namespace {

class Judge {
 public:
  explicit Judge(Verdict so_far = {}) : verdict(std::move(so_far)) {}
  void invalid(std::string reason) { add(Validity::invalid, std::move(reason)); }
  void suspect(std::string reason) { add(Validity::suspect, std::move(reason)); }
  /// Takes nothing away.
  void note(std::string reason) { add(Validity::valid, std::move(reason)); }
  Verdict verdict;

 private:
  std::ptrdiff_t invalid_ = 0;
  void add(Validity validity, std::string reason) {
    verdict.validity = std::max(verdict.validity, validity);
    if (validity == Validity::invalid)  // the worst first
      verdict.reasons.insert(verdict.reasons.begin() + invalid_++, std::move(reason));
    else
      verdict.reasons.push_back(std::move(reason));
  }
};

void judge_client(Judge& judge, const Metrics& metrics, const ClientFacts& client, bool open_loop) {
  const Distribution& late = metrics.lag;
  const std::optional<double> high = late.p99 ? late.p99 : late.p95 ? late.p95 : late.p90;
  const double lag = high.value_or(late.most);
  const Distribution& answers = metrics.ttft.count > 0 ? metrics.ttft : metrics.e2e;
  const double allowed = std::max(1.0, 0.01 * answers.p50);
  if (open_loop && lag > allowed)
    judge.invalid(
        fmt::format("the client was late: {:.1f} ms after schedule at the {} (at most {:.1f} ms), so this is "
                    "not the load that was asked for",
                    lag,
                    late.p99   ? "99th percentile"
                    : late.p95 ? "95th percentile"
                    : late.p90 ? "90th percentile"
                               : "worst",
                    allowed));
  if (client.given_up > 0)
    judge.invalid(fmt::format(
        "the client's memory for answers was too small: {} were given up at {:.3g} MiB (--memory)",
        client.given_up, static_cast<double>(client.memory) / 0x1p20));
  // A loop that only waits for its next instant spins; what counts is the rest.
  const double busy = client.cpu_seconds - static_cast<double>(client.spun) / 1e9;
  const double work = client.ended > 0 ? busy / (static_cast<double>(client.ended) / 1e9) : 0;
  if (work > 0.9)
    judge.invalid(
        fmt::format("the client used {:.0f} % of its core: it may have been the limit", work * 100));
  else if (work > 0.7)
    judge.suspect(fmt::format("the client used {:.0f} % of its core", work * 100));
}

/// Few and long stalls show in the highest percentile of the shortest times.
void judge_percentile(Judge& judge, const Distribution& itl, const Histogram& gaps, const Histogram& stall) {
  const double p = itl.p99 ? 0.99 : itl.p95 ? 0.95 : 0.90;
  const double highest = itl.p99.value_or(itl.p95.value_or(itl.p90.value_or(0)));
  const double late = late_by(gaps, stall, p) / 1e6;
  if (late > 0.01 * highest)
    judge.suspect(
        fmt::format("the client stalled: it looked up to {:.3g} ms late, so that p{:.0f} of the time between "
                    "tokens may be "
                    "{:.3g} ms ({:.1f} %) too long",
                    static_cast<double>(stall.most()) / 1e6, p * 100, late, 100 * late / highest));
}

/// Stalls between arrivals show in nothing that was sent, only in when answers were seen.
void judge_stall(Judge& judge, const Metrics& metrics, const Histogram& stall, const Histogram* gaps) {
  struct Figure {
    double median = 0;
    std::string_view name;
  };
  Figure least{metrics.e2e_service.p50, "time to the answer"};
  if (metrics.ttft_service.count > 0) least = {metrics.ttft_service.p50, "time to the first token"};
  if (metrics.tpot.count > 0) least = {metrics.tpot.p50, "time between tokens"};
  if (metrics.itl && metrics.itl->p50 > 0) least = {metrics.itl->p50, "time between tokens"};
  if (stall.count() == 0 || least.median <= 0) return;
  const double half = stall.percentile(0.5) / 1e6, tail = stall.percentile(0.995) / 1e6;
  if (half > std::max(5.0, 0.25 * least.median))
    judge.invalid(fmt::format(
        "the client was not there half of the time: it looked {:.3g} ms late or more, and the median {} is "
        "{:.3g} ms",
        half, least.name, least.median));
  else if (tail > std::max(0.1, 0.04 * least.median))
    judge.suspect(fmt::format(
        "the client stalled: at one of 200 instants it looked {:.3g} ms late or more, and the median {} is "
        "{:.3g} ms, so the high percentiles may be off by that",
        tail, least.name, least.median));
  else if (gaps != nullptr && metrics.itl && metrics.itl->p90)
    judge_percentile(judge, *metrics.itl, *gaps, stall);
}

/// Answers that are not as they were asked for, or say of their tokens what cannot be.
void judge_counts(Judge& judge, const Metrics& metrics, bool streams) {
  const auto doubt = [&](std::uint64_t count, std::string_view what) {
    if (100 * count > metrics.good)
      judge.suspect(fmt::format("{} of {} answers {}", count, metrics.good, what));
  };
  if (streams)
    doubt(
        metrics.whole,
        "came whole where a stream was asked for, and have no first token (--no-stream asks for whole ones)");
  doubt(metrics.unreadable, "say in `usage` what is no count of tokens: their events were counted");
  doubt(metrics.too_long, "have more tokens than they were asked to have at most: they may be miscounted");
  doubt(metrics.too_few, "came in more events than the engine says they have tokens: it miscounts them");
}

void judge_answers(Judge& judge, const Metrics& metrics, const ClientFacts& client,
                   const Circumstances& circumstances) {
  const auto offered = static_cast<double>(metrics.offered);
  // What the client gave up is no failure of the target's.
  const std::uint64_t failed = metrics.failed - std::min(metrics.failed, client.given_up);
  const double errors = metrics.offered == 0 ? 0 : static_cast<double>(failed) / offered;
  if (metrics.good == 0) return judge.invalid("no request had a good answer");
  if (errors > 0.1)
    judge.invalid(fmt::format("{} of {} requests failed", failed, metrics.offered));
  else if (errors > 0.01)
    judge.suspect(fmt::format("{} of {} requests failed", failed, metrics.offered));
  if (metrics.unfinished > 0)
    judge.suspect(fmt::format("{} requests had no whole answer when the run ended", metrics.unfinished));
  if (metrics.good < samples_needed(0.9))
    judge.suspect(fmt::format("only {} good answers (44 are needed for a 90th percentile)", metrics.good));
  if (metrics.prompt_tokens > 0 && !circumstances.shared_prefix &&
      static_cast<double>(metrics.cached_tokens) > 0.2 * static_cast<double>(metrics.prompt_tokens))
    judge.suspect(fmt::format("{} of {} prompt tokens came from a cache", metrics.cached_tokens,
                              metrics.prompt_tokens));
  judge_counts(judge, metrics, circumstances.streams);
  const double answered = static_cast<double>(metrics.output_tokens) / static_cast<double>(metrics.good);
  if (answered > 0 && answered < circumstances.asked_output_tokens / 2) {
    const std::string had =
        fmt::format("answers had {:.1f} tokens where {}{:.0f} were asked for", answered,
                    circumstances.may_end ? "up to " : "", circumstances.asked_output_tokens);
    if (circumstances.may_end)
      judge.note(had +
                 ": this is the load of so short ones (--ignore-end makes them go on, where the engine can)");
    else
      judge.suspect(had);
  }
  if (10 * metrics.later > metrics.good) {
    const std::string after = fmt::format(
        "{} of {} answers ended after the load did, at {:.3g} s: requests and tokens a second count what "
        "came "
        "until then (a longer load counts more)",
        metrics.later, metrics.good, metrics.seconds);
    2 * metrics.later > metrics.good ? judge.suspect(after) : judge.note(after);
  }
  if (metrics.unseen > 0.1) judge.suspect("TPOT is not of all answers: " + metrics.no_tpot);
  if (metrics.attainment && metrics.attainment->good == 0) judge.suspect("no request met the objective");
}

}  // namespace

std::string_view to_text(Validity validity) {
  constexpr std::string_view names[] = {"valid", "suspect", "invalid"};
  return names[static_cast<std::size_t>(validity)];
}

Verdict judge(const Metrics& metrics, const std::vector<Sample>& samples, const ClientFacts& client,
              const Circumstances& circumstances) {
  Judge judge;
  judge_answers(judge, metrics, client, circumstances);
  judge_client(judge, metrics, client, circumstances.open_loop);
  judge_stall(judge, metrics, client.stall, circumstances.gaps);
  if (circumstances.even_load)
    if (std::string reason = unsteady(samples, circumstances.open_loop); !reason.empty())
      judge.suspect(std::move(reason));
  if (metrics.attainment && metrics.attainment->good == metrics.offered)
    judge.note("every request met the objective: it says nothing of the most that would be possible");
  if (!circumstances.warm_up.empty()) judge.note(circumstances.warm_up);
  return judge.verdict;
}

void judge_known(Verdict& verdict, const Metrics& metrics, const Known& known) {
  Judge judge{std::move(verdict)};
  if (known.step_bytes > 0 && known.bandwidth > 0 && metrics.tpot.count > 0 && metrics.tpot.p50 > 0) {
    const double needed = known.step_bytes / (metrics.tpot.p50 / 1000);
    if (needed > known.bandwidth)
      judge.invalid(fmt::format(
          "a token each {:.3g} ms would read {:.3g} GB of weights at {:.3g} GB/s, and the hardware has "
          "{:.3g} "
          "GB/s: tokens are miscounted or guessed ahead, or it is another model or other hardware",
          metrics.tpot.p50, known.step_bytes / 1e9, needed / 1e9, known.bandwidth / 1e9));
  }
  if (known.token_flops > 0 && known.flops > 0 && metrics.seconds > 0) {
    const auto computed =
        static_cast<double>(metrics.prompt_tokens - std::min(metrics.prompt_tokens, metrics.cached_tokens));
    const double needed = known.token_flops * (computed / metrics.seconds + metrics.tokens_per_second);
    if (needed > known.flops)
      judge.invalid(fmt::format(
          "so many tokens a second would need {:.3g} TFLOP/s, and the hardware has {:.3g}: a cache answered, "
          "or tokens are miscounted, or it is another model or other hardware",
          needed / 1e12, known.flops / 1e12));
  }
  if (known.restarts > 0)
    judge.invalid(fmt::format("it was started anew {} during the run",
                              known.restarts == 1 ? "once" : fmt::format("{} times", known.restarts)));
  if (!known.other_load.empty()) judge.suspect("something else ran there: " + known.other_load);
  verdict = std::move(judge.verdict);
}

void suspect(Verdict& verdict, std::string reason) {
  Judge judge{std::move(verdict)};
  judge.suspect(std::move(reason));
  verdict = std::move(judge.verdict);
}

}  // namespace mlib::loadgen
