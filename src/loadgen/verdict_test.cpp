#include "loadgen/verdict.hpp"

#include <doctest/doctest.h>

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr Instant ms = 1'000'000;

/// A run of whole answers, one each 10 ms, each of 8 tokens after 50 ms: nothing speaks against it.
std::vector<Sample> steady(int count = 100) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    Sample sample;
    sample.index = static_cast<std::uint64_t>(i);
    sample.scheduled = sample.begun = sample.sent = i * 10 * ms;
    sample.head = sample.last = sample.end = sample.scheduled + 50 * ms;
    sample.status = 200;
    sample.usage = true;
    sample.tokens = 8;
    sample.prompt_tokens = 100;
    sample.cached_tokens = 0;
    samples.push_back(sample);
  }
  return samples;
}

void fail(Sample& sample, const std::string& error) {
  sample.error = error;
  sample.last = -1;
}

Verdict judged(const std::vector<Sample>& samples, const ClientFacts& client = {},
               const Circumstances& circumstances = {}, const Objective& objective = {}) {
  return judge(measure(samples, {}, second, objective), samples, client, circumstances);
}

/// `suspect: one reason; another`.
std::string told(const Verdict& verdict) {
  std::string text(to_text(verdict.validity));
  for (std::size_t i = 0; i < verdict.reasons.size(); ++i)
    text += (i == 0 ? ": " : "; ") + verdict.reasons[i];
  return text;
}

}  // namespace

TEST_CASE("a run that nothing speaks against is valid") {
  const Verdict verdict = judged(steady());
  CHECK(verdict.validity == Validity::valid);
  CHECK(verdict.reasons.empty());
}

TEST_CASE("answers that take longer in the second half are a doubt") {
  std::vector<Sample> samples = steady();
  for (std::size_t i = 51; i < samples.size(); ++i) samples[i].last = samples[i].end += 30 * ms;
  CHECK(told(judged(samples)) ==
        "suspect: not steady: the median answer took 50.0 ms in the first quarter of the run and 80.0 ms in "
        "the last");
  Circumstances ramp;
  ramp.even_load = false;
  CHECK(judged(samples, {}, ramp).reasons.empty());
  samples = steady(50);  // too few to say
  for (std::size_t i = 26; i < samples.size(); ++i) samples[i].last = samples[i].end += 30 * ms;
  CHECK(judged(samples).reasons.empty());
}

TEST_CASE("a prefix cache that answers prompts which share nothing is a doubt") {
  std::vector<Sample> samples = steady();
  for (Sample& sample : samples) sample.cached_tokens = 30;
  CHECK(told(judged(samples)) == "suspect: 3000 of 10000 prompt tokens came from a cache");
  Circumstances shared;
  shared.shared_prefix = true;
  CHECK(judged(samples, {}, shared).reasons.empty());
  for (Sample& sample : samples) sample.cached_tokens = 16;  // a chat's template is the same in all
  CHECK(judged(samples).reasons.empty());
}

TEST_CASE("counts of tokens that cannot be are a doubt") {
  std::vector<Sample> samples = steady();
  samples[50].odd_usage = true;  // one of a hundred is none
  CHECK(judged(samples).reasons.empty());
  samples[51].odd_usage = true;
  CHECK(told(judged(samples)) ==
        "suspect: 2 of 100 answers say in `usage` what is no count of tokens: their events were counted");
  samples = steady();
  for (Sample& sample : samples) sample.asked_tokens = 8;
  CHECK(judged(samples).reasons.empty());
  for (Sample& sample : samples) sample.asked_tokens = 7;
  CHECK(told(judged(samples)) ==
        "suspect: 100 of 100 answers have more tokens than they were asked to have at "
        "most: they may be miscounted");
  samples = steady();
  for (Sample& sample : samples) sample.events = 8;
  CHECK(judged(samples).reasons.empty());
  for (Sample& sample : samples) sample.events = 9;
  CHECK(told(judged(samples)) ==
        "suspect: 100 of 100 answers came in more events than the engine says they have "
        "tokens: it miscounts them");
}

TEST_CASE("answers shorter than half of what was asked are a doubt") {
  Circumstances asked;
  asked.asked_output_tokens = 64;
  CHECK(told(judged(steady(), {}, asked)) == "suspect: answers had 8.0 tokens where 64 were asked for");
  asked.may_end = true;  // as the engine's own end, which is said
  CHECK(told(judged(steady(), {}, asked)) ==
        "valid: answers had 8.0 tokens where up to 64 were asked for: this is the load of so short ones "
        "(--ignore-end makes them go on, where the engine can)");
  asked.asked_output_tokens = 12;
  CHECK(judged(steady(), {}, asked).reasons.empty());
}

TEST_CASE(
    "an objective that no request meets is a doubt; one that each meets is said and takes nothing away") {
  CHECK(told(judged(steady(), {}, {}, objective_of("e2e_p90=10ms"))) ==
        "suspect: no request met the objective");
  CHECK(told(judged(steady(), {}, {}, objective_of("e2e_p90=100ms"))) ==
        "valid: every request met the objective: it says nothing of the most that would be possible");
}

TEST_CASE("requests without an answer at the end, errors, and few answers") {
  std::vector<Sample> samples = steady();
  fail(samples[99], "the run ended before its answer");
  samples[99].unfinished = true;
  CHECK(told(judged(samples)) == "suspect: 1 requests had no whole answer when the run ended");
  samples = steady();
  for (std::size_t i = 0; i < 5; ++i) fail(samples[i * 20], "status 503");
  CHECK(told(judged(samples)) == "suspect: 5 of 100 requests failed");
  for (std::size_t i = 0; i < 15; ++i) fail(samples[i * 6], "status 503");
  CHECK(judged(samples).validity == Validity::invalid);
  CHECK(judged(samples).reasons.at(0).ends_with(" of 100 requests failed"));
  CHECK(told(judged(steady(40))) == "suspect: only 40 good answers (44 are needed for a 90th percentile)");
  CHECK(told(judged({})) == "invalid: no request had a good answer");
}

TEST_CASE("a client that works most of the time is a doubt, one that works nearly all of it no measure") {
  ClientFacts client;
  client.ended = second;
  client.cpu_seconds = 0.65;
  CHECK(judged(steady(), client).reasons.empty());
  client.cpu_seconds = 0.75;
  CHECK(told(judged(steady(), client)) == "suspect: the client used 75 % of its core");
  client.cpu_seconds = 0.95;
  CHECK(told(judged(steady(), client)) ==
        "invalid: the client used 95 % of its core: it may have been the limit");
  client.spun = 200 * ms;
  CHECK(told(judged(steady(), client)) == "suspect: the client used 75 % of its core");
}

TEST_CASE("answers that the client gave up are its own, and not counted as failed ones") {
  std::vector<Sample> samples = steady();
  for (std::size_t i = 0; i < 20; ++i) fail(samples[i * 5], std::string(client_full));
  ClientFacts client;
  client.given_up = 20;
  client.memory = 16U << 20U;
  CHECK(told(judged(samples, client)) ==
        "invalid: the client's memory for answers was too small: 20 were given up at 16 MiB (--memory)");
}

TEST_CASE("a client that is late makes an open loop another load, and is nothing to a closed one") {
  std::vector<Sample> samples = steady();
  for (Sample& sample : samples) sample.begun += 5 * ms;
  CHECK(
      told(judged(samples)) ==
      "invalid: the client was late: 5.0 ms after schedule at the 95th percentile (at most 1.0 ms), so this "
      "is not the load that was asked for");
  Circumstances closed;
  closed.open_loop = false;
  CHECK(judged(samples, {}, closed).reasons.empty());
}

TEST_CASE("the worst reason stands first") {
  ClientFacts client;
  client.ended = second;
  client.cpu_seconds = 0.95;
  std::vector<Sample> samples = steady();
  for (Sample& sample : samples) sample.cached_tokens = 30;
  const Verdict verdict = judged(samples, client);
  CHECK(verdict.validity == Validity::invalid);
  REQUIRE(verdict.reasons.size() == 2);
  CHECK(verdict.reasons[0].starts_with("the client used "));
  CHECK(verdict.reasons[1].ends_with("came from a cache"));
}

TEST_CASE("answers that end after the load are no part of its throughput, which is said") {
  std::vector<Sample> samples = steady();
  const auto ends = [&](Instant after) {
    for (Sample& each : samples) each.last = each.end = each.scheduled + after;
    return judged(samples);
  };
  CHECK(ends(50 * ms).reasons.empty());
  CHECK(told(ends(300 * ms)) ==
        "valid: 29 of 100 answers ended after the load did, at 1 s: requests and tokens a second count what "
        "came until then (a longer load counts more)");
  CHECK(ends(700 * ms).validity == Validity::suspect);
}
