#include "loadgen/result.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "loadgen/made_result.hpp"
#include "loadgen/result_forms.hpp"
#include "schema/document.hpp"

using namespace mlib;
using namespace mlib::loadgen;

TEST_CASE("a result is the same after JSON and back") {
  const Result result = made_result();
  const std::string text = schema::to_json(to_node(result), 2);
  const Result back = result_from(schema::read_json(text));
  CHECK(schema::to_json(to_node(back), 2) == text);
  CHECK(back.metrics.size() == result.metrics.size());
  CHECK(back.samples->ttft == result.samples->ttft);
}

TEST_CASE("a plan comes back from its result, but its key") {
  Plan plan = made_plan();
  plan.memory = 32U << 20U;
  plan.bearer = Secret<std::string>("hidden");
  const Result result = result_of(plan, made_outcome(plan), {});
  CHECK(schema::to_json(to_node(result)).find("hidden") == std::string::npos);
  const Plan back = plan_of(result_from(to_node(result)));
  CHECK(back.endpoint.url == plan.endpoint.url);
  CHECK(back.path == plan.path);
  CHECK(back.asking.protocol == plan.asking.protocol);
  CHECK(back.asking.model == plan.asking.model);
  CHECK(back.workload.prompt.kind == plan.workload.prompt.kind);
  CHECK(back.workload.prompt.deviation == plan.workload.prompt.deviation);
  CHECK(back.workload.ignore_end == plan.workload.ignore_end);
  CHECK(back.arrivals.kind == plan.arrivals.kind);
  CHECK(back.timeout == plan.timeout);
  CHECK(back.drain == plan.drain);
  CHECK(back.memory == plan.memory);
  CHECK(back.stop.duration == plan.stop.duration);
  CHECK(back.seed == plan.seed);
  CHECK(to_text(back.objective.at(1)) == "tpot_p95=50ms");
  CHECK(schedule(back.arrivals, back.stop, back.seed) == schedule(plan.arrivals, plan.stop, plan.seed));
  CHECK(back.bearer.empty());
}

TEST_CASE("one user is no users") {
  CHECK(users_text(1) == "1 user");
  CHECK(users_text(8) == "8 users");
  Plan plan = made_plan();
  plan.users = 1;
  CHECK(result_of(plan, made_outcome(plan), made_setting()).description.find(", 1 user for 20 s") !=
        std::string::npos);
}

TEST_CASE("a result counts why its answers ended") {
  const Plan plan = made_plan();
  Outcome outcome = made_outcome(plan);
  outcome.samples[0].finish = "stop";
  outcome.samples[1].finish.clear();
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  CHECK(result_of(plan, outcome, {}).counts.finish_reasons ==
        Dict<std::int64_t>{{"length", 198}, {"stop", 1}});
}

TEST_CASE("the heading says what was asked for, and the figures what there was") {
  Plan plan = made_plan();
  const auto heading = [&plan] { return failed_result(plan, Problem(Kind::failed, "no"), {}).description; };
  CHECK(heading().ends_with(", 256 tokens in, 33 out"));
  plan.workload.ignore_end = false;
  CHECK(heading().ends_with(", 256 tokens in, up to 33 out"));
  plan.workload.prompts = instructions();
  CHECK(heading().ends_with(", instructions prompts, up to 33 tokens out"));
  Script script;
  script.prompt_tokens = 9;
  plan.workload.scripts = {script};
  CHECK(heading().ends_with(", own prompts, up to 33 tokens out"));
  plan.workload.scripts[0].answer_tokens = 5;
  CHECK(heading().ends_with(", own prompts, tokens out as each says"));
  Outcome outcome = made_outcome(plan);
  for (Sample& sample : outcome.samples) {
    sample.tokens = 3;
    sample.prompt_tokens = 128;
  }
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  const Result result = result_of(plan, outcome, {});
  CHECK(find_metric(result, "mean_prompt_tokens")->value.value() == 128);
  CHECK(find_metric(result, "mean_output_tokens")->value.value() == 3);
  CHECK(people_text(result).find("- a request had 128 tokens in and 3.00 tokens out, on average\n") !=
        std::string::npos);
  for (Sample& sample : outcome.samples) sample.prompt_tokens = -1;
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  CHECK(find_metric(result_of(plan, outcome, {}), "mean_prompt_tokens") == nullptr);
}

TEST_CASE("a percentile that the sample cannot support says what it needs") {
  const Result result = made_result();
  const auto find = [&](std::string_view name) -> const Measured& {
    for (const auto& [key, value] : result.metrics)
      if (key == name) return value;
    throw Problem(Kind::internal, "absent");
  };
  CHECK(find("ttft").count == 200);
  CHECK(find("ttft").p95->value);
  CHECK(find("ttft").p95->low.value() < find("ttft").p95->value.value());
  CHECK(find("ttft").p95->high.value() > find("ttft").p95->value.value());
  CHECK_FALSE(find("ttft").p99->value);
  CHECK(find("ttft").p99->none == "not enough samples (needs 459)");
  CHECK(find("cost_per_million_output_tokens").unit == "EUR");
}

TEST_CASE("every metric that the definitions name is in a result, with its interval where one can be made") {
  const Result result = made_result();
  for (const std::string_view name :
       {"ttft", "tpot", "e2e", "ntpot", "longest_gap", "ttft_service", "e2e_service", "schedule_lag"}) {
    REQUIRE(find_metric(result, name) != nullptr);
    CHECK(find_metric(result, name)->mean_low);
    CHECK(find_metric(result, name)->p50->low);
  }
  for (const std::string_view name :
       {"request_throughput", "prompt_token_throughput", "output_token_throughput",
        "output_token_throughput_per_user", "in_flight", "attainment", "goodput", "stalled_answers",
        "cached_prompt_tokens", "cost_per_million_output_tokens"}) {
    REQUIRE(find_metric(result, name) != nullptr);
    CHECK(find_metric(result, name)->low);
    CHECK(find_metric(result, name)->low.value() <= find_metric(result, name)->value.value());
    CHECK(find_metric(result, name)->high.value() >= find_metric(result, name)->value.value());
  }
  CHECK(find_metric(result, "itl")->mean_low);
  CHECK(find_metric(result, "stalls")->count == 200 * 32);
  CHECK(find_metric(result, "output_token_throughput_per_user")->value.value() ==
        doctest::Approx(1000 / *find_metric(result, "tpot")->p50->value).epsilon(0.001));
  CHECK(find_metric(result, "most_in_flight")->value.value() >=
        find_metric(result, "in_flight")->value.value());
  CHECK(find_metric(result, "ttfo") == nullptr);  // no answer had reasoning
}

TEST_CASE("of six answers nobody knows the median, of seven one does") {
  const auto median = [](std::size_t count) {
    std::vector<Sample> samples(count);
    for (std::size_t i = 0; i < count; ++i) {
      samples[i].index = i;
      samples[i].status = 200;
      samples[i].scheduled = samples[i].begun = samples[i].sent = 0;
      samples[i].head = samples[i].last = samples[i].end = 10'000'000;
    }
    Outcome outcome;
    outcome.samples = samples;
    outcome.metrics = measure(samples, {}, second, {});
    return *find_metric(result_of(made_plan(), outcome, {}), "e2e")->p50;
  };
  CHECK(median(6).none == "not enough samples (needs 7)");
  CHECK(!median(6).value);
  CHECK(median(7).value == 10);
}

TEST_CASE("every form says which percentiles its sample cannot support, and what they need") {
  const Result result = made_result();
  for (const auto& [name, text] : forms_of(result))
    CHECK_MESSAGE(text.find("not enough samples (needs 459)") != std::string::npos, name);
  const std::string people = people_text(result);
  CHECK(people.find("needs 459") != std::string::npos);
  CHECK(people.find("needs N: not enough samples") != std::string::npos);
}

TEST_CASE("no form has figures of an invalid result without its verdict, and none that machines would rank") {
  Result result = made_result();
  result.verdict = {"invalid", {"the client was late"}};
  for (const auto& [name, text] : forms_of(result)) {
    CHECK_MESSAGE(lower(text).find("invalid") != std::string::npos, name);
    CHECK_MESSAGE(text.find("the client was late") != std::string::npos, name);
  }
  CHECK(people_text(result).starts_with("INVALID: do not use these figures."));
  for (const std::string& line : split(csv_text(result), '\n'))
    if (!line.empty())
      CHECK((line.starts_with("id,when,validity") || line.find(",invalid,") != std::string::npos));
  CHECK(prometheus_text(result).find("ttft") == std::string::npos);
  CHECK(prometheus_text(result).find("mlib_benchmark_valid{") != std::string::npos);
  const Node report = schema::read_json(llm_d_text(result));
  const Node* all = report.at({"results", "request_performance", "aggregate"});
  REQUIRE(all != nullptr);
  CHECK(all->find("requests") != nullptr);
  CHECK(all->find("latency") == nullptr);
  CHECK(all->find("throughput") == nullptr);
  result.verdict.validity = "suspect";
  CHECK(prometheus_text(result).find("mlib_benchmark_ttft_seconds{") != std::string::npos);
}

TEST_CASE(
    "llm-d's report tells conversations, and of prompts that were not made the length that was counted") {
  Result result = made_result();
  result.workload.prompts = "instructions";
  result.workload.turns.emplace();
  result.workload.turns->mean = 4;
  result.load.users = 8;
  const Node report = schema::read_json(llm_d_text(result));
  const Node* load = report.at({"scenario", "load", "standardized"});
  REQUIRE(load != nullptr);
  CHECK(load->at({"multi_turn", "max_turns", "value"})->number() == 4);
  CHECK(load->at({"input_seq_len", "value"})->number() == 256);
  CHECK(load->text_at({"input_seq_len", "distribution"}) == "other");
  CHECK(load->at({"concurrency"})->number() == 8);
  CHECK(load->find("rate_qps") == nullptr);
}

TEST_CASE("llm-d's mean length of prompts is that of the answers that say it") {
  Plan plan = made_plan();
  plan.workload.prompts = instructions();
  Outcome outcome = made_outcome(plan);
  for (std::size_t i = 0; i < outcome.samples.size(); i += 2)
    outcome.samples[i].prompt_tokens = outcome.samples[i].cached_tokens = -1;
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  const Node report = schema::read_json(llm_d_text(result_of(plan, outcome, {})));
  CHECK(report.at({"scenario", "load", "standardized", "input_seq_len", "value"})->number() == 256);
  CHECK(report.at({"results", "request_performance", "aggregate", "requests", "input_length", "mean"})
            ->number() == 256);
}

TEST_CASE("what could not be measured is a result too, and says why") {
  const Result result = failed_result(made_plan(), Problem(Kind::failed, "out of memory"), {});
  CHECK(result.ended == "failed");
  CHECK(result.cause == "out of memory");
  CHECK(result.verdict.validity == "invalid");
  CHECK(result_from(to_node(result)).objective.at(0).holds == "undecided");
}

TEST_CASE("whole answers have no time to the first token, and that is said") {
  const Plan plan = made_plan();
  Outcome outcome = made_outcome(plan);
  for (Sample& sample : outcome.samples) {
    sample.first = sample.first_output = -1;
    sample.streamed = false;
  }
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  const Result result = result_of(plan, outcome, {});
  CHECK(find_metric(result, "ttft")->count == 0);
  CHECK(find_metric(result, "ttft")->none == "answers were not streamed");
  CHECK(find_metric(result, "ttft_service")->none == "answers were not streamed");
  CHECK(find_metric(result, "e2e")->count == 200);
  CHECK(find_metric(result, "output_token_throughput")->value.value() > 300);
  CHECK(result.samples->ttft.empty());
  CHECK(result.samples->at.size() == 200);
  CHECK(result.samples->e2e.size() == 200);
}

TEST_CASE("a result of embeddings has nothing of tokens out, and what its prompts cost") {
  Plan plan = made_plan();
  plan.objective.clear();
  Outcome outcome = made_outcome(plan);
  for (Sample& sample : outcome.samples) {
    sample.first = sample.first_output = -1;
    sample.streamed = sample.usage = false;
    sample.tokens = sample.events = sample.asked_tokens = 0;
    sample.finish.clear();
  }
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  outcome.engine_tokens_per_second = 0;
  plan.asking.protocol = shipped("embeddings");
  const Result result = result_of(plan, outcome, made_setting());
  CHECK(result.description.ends_with(", 256 tokens in"));
  for (const std::string_view name :
       {"ttft", "ttft_service", "tpot", "itl", "ntpot", "longest_gap", "coalesced", "output_token_throughput",
        "cost_per_million_output_tokens"})
    CHECK_MESSAGE(find_metric(result, name) == nullptr, name);
  const Measured* rate = find_metric(result, "prompt_token_throughput");
  REQUIRE(rate != nullptr);
  CHECK(rate->value.value() == doctest::Approx(200 * 256 / 20.0).epsilon(0.03));
  CHECK(rate->low);
  const Measured* cost = find_metric(result, "cost_per_million_prompt_tokens");
  REQUIRE(cost != nullptr);
  CHECK(cost->value.value() == doctest::Approx(0.36 / 3600 * 1e6 / rate->value.value()).epsilon(0.001));
  CHECK(cost->low.value() < cost->value.value());
  const std::string people = people_text(result);
  for (const std::string_view absent : {"TTFT", "TPOT", "ITL", "output tokens"})
    CHECK_MESSAGE(people.find(absent) == std::string::npos, absent);
  for (const std::string_view there :
       {"E2E counts from", " prompt tokens/s", " EUR per million prompt tokens at",
        "- a request had 256 tokens in, on average\n"})
    CHECK_MESSAGE(people.find(there) != std::string::npos, there);
  for (const auto& [form, text] : forms_of(result))
    CHECK_MESSAGE(text.find("output_token_throughput") == std::string::npos, form);
  const Node report = schema::read_json(llm_d_text(result));
  CHECK(report.at({"scenario", "load", "standardized", "output_seq_len"}) == nullptr);
  CHECK(report.at({"results", "request_performance", "aggregate", "throughput", "input_token_rate"}) !=
        nullptr);
  plan.asking.protocol = shipped("http");
  CHECK(result_of(plan, outcome, {}).description == "http of gemma-3-270m, 10 requests/s gamma for 20 s");
}

TEST_CASE("tokens that nobody counted are not none") {
  const Plan plan = made_plan();
  Outcome outcome = made_outcome(plan);
  for (Sample& sample : outcome.samples) {
    sample.first = sample.first_output = -1;
    sample.streamed = sample.usage = false;
    sample.tokens = sample.events = 0;
  }
  outcome.metrics = measure(outcome.samples, {}, 20 * second, {});
  const Result result = result_of(plan, outcome, made_setting());
  CHECK_FALSE(find_metric(result, "output_token_throughput")->value);
  CHECK(find_metric(result, "output_token_throughput")->none ==
        "the engine does not say how many tokens an answer has");
  CHECK(find_metric(result, "tpot")->none == "answers were not streamed");
  CHECK(find_metric(result, "cost_per_million_output_tokens") == nullptr);
  CHECK(people_text(result).find("output tokens/s") == std::string::npos);
}

TEST_CASE("a limit of the first token is not known where the engine streamed no answer") {
  Plan plan = made_plan();
  plan.objective = objective_of("ttft_p95=500ms,e2e_p95=2s");
  Outcome outcome = made_outcome(plan);
  for (Sample& sample : outcome.samples) {
    sample.first = sample.first_output = -1;
    sample.streamed = false;
  }
  outcome.metrics = measure(outcome.samples, {}, 20 * second, plan.objective);
  CHECK_FALSE(outcome.metrics.attainment);
  Circumstances asked;
  asked.streams = true;
  outcome.verdict = judge(outcome.metrics, outcome.samples, outcome.client, asked);
  const Result result = result_of(plan, outcome, {});
  CHECK(result.verdict.validity == "suspect");
  CHECK(
      result.verdict.reasons.back() ==
      "200 of 200 answers came whole where a stream was asked for, and have no first token (--no-stream asks "
      "for whole ones)");
  CHECK(result.objective.at(0).holds == "undecided");
  CHECK(result.objective.at(1).of == 205);
  CHECK(people_text(result).find("- ttft_p95=500ms is not known: no answer had a first token\n") !=
        std::string::npos);
  CHECK(markdown_text(result).find("| undecided | not known |") != std::string::npos);
  asked.streams = false;  // it is as it was asked
  CHECK(judge(outcome.metrics, outcome.samples, outcome.client, asked).reasons ==
        std::vector<std::string>{"5 of 205 requests failed"});
}

TEST_CASE("that events were counted is said where there are tokens at all") {
  const auto said = [](const Result& result) {
    const std::vector<std::string> all = remarks(result);
    return std::any_of(all.begin(), all.end(), [](const std::string& each) {
      return each.ends_with("how many tokens an answer has: events were counted.");
    });
  };
  Result result = made_result();
  CHECK_FALSE(said(result));
  result.counts.usage = false;
  CHECK(said(result));
  result.workload.protocol = "embeddings";
  result.counts.output_tokens = 0;
  CHECK_FALSE(said(result));
}

TEST_CASE("what is no result is refused with its place, and a later version's fields are passed over") {
  Node node = to_node(made_result());
  node.set("added_later", 1);
  CHECK(result_from(node).kind == "BenchmarkResult");
  node.child("verdict").set("validity", "perfect");
  CHECK_THROWS_WITH_AS(result_from(node), "this is no benchmark result", Problem);
  CHECK_THROWS_AS(result_from(Node::map()), Problem);
}

TEST_CASE("an objective says which of its limits is wrong, and how") {
  const Objective objective = objective_of("ttft_p95=0.5s, tpot_p99.9=50ms");
  CHECK(to_text(objective.at(0)) == "ttft_p95=500ms");
  CHECK(to_text(objective.at(1)) == "tpot_p99.9=50ms");
  for (const char* wrong : {"ttft", "ttft_p95", "ttft_p95=", "ttft_p95=5", "ttft_p95=-5ms", "ttft_p0=5ms",
                            "ttft_p100=5ms", "tftt_p95=5ms", "ttft_95=5ms", "", "ttft_p95=5ms,"})
    CHECK_THROWS_AS(objective_of(wrong), Problem);
}

TEST_CASE("a limit holds when the share's interval lies above what was asked for") {
  Plan plan = made_plan();
  plan.objective = objective_of("ttft_p50=1s,ttft_p95=1ms,e2e_p95=466ms");
  const Result result = result_of(plan, made_outcome(plan), {});
  CHECK(result.objective.at(0).holds == "yes");
  CHECK(result.objective.at(1).holds == "no");
  CHECK(result.objective.at(1).of == 205);  // the failed ones, too
  CHECK(result.objective.at(2).holds == "undecided");
}

TEST_CASE("what the hardware cannot do makes a result invalid") {
  const Plan plan = made_plan();
  const Outcome outcome = made_outcome(plan);
  Setting setting;
  CHECK(result_of(plan, outcome, setting).verdict.validity != "invalid");
  setting.known.step_bytes = 16e9;  // 8 B parameters of 16 bit, each 10 ms: 1.6 TB/s
  setting.known.bandwidth = 3350e9;
  CHECK(result_of(plan, outcome, setting).verdict.validity != "invalid");
  setting.known.bandwidth = 1000e9;
  CHECK(result_of(plan, outcome, setting).verdict.validity == "invalid");
  CHECK(result_of(plan, outcome, setting).verdict.reasons.front().find("1.6e+03 GB/s") != std::string::npos);
  setting.known = {};
  setting.known.token_flops = 16e9;
  setting.known.flops = 1e12;
  CHECK(result_of(plan, outcome, setting).verdict.validity == "invalid");
  setting.known = {};
  setting.known.restarts = 1;
  CHECK(result_of(plan, outcome, setting).verdict.validity == "invalid");
  setting.known = {};
  setting.known.other_load = "two pods";
  CHECK(result_of(plan, outcome, setting).verdict.validity == "suspect");
}

TEST_CASE("intervals of percentiles hold what they promise") {
  // 400 draws of 200 exponential numbers: the true 90th percentile is -ln(0.1).
  int held = 0;
  for (std::uint64_t draw = 0; draw < 400; ++draw) {
    std::vector<double> values;
    Random random(7, 1, draw);
    for (int i = 0; i < 200; ++i) values.push_back(random.exponential());
    std::sort(values.begin(), values.end());
    const auto in = percentile_interval(values, 0.9);
    REQUIRE(in);
    if (in->low <= 2.302585 && 2.302585 <= in->high) ++held;
  }
  CHECK(held >= 374);  // 95 % of 400 is 380; 374 within 1.5 standard deviations
  CHECK(held < 400);
  CHECK_FALSE(percentile_interval({1, 2, 3, 4, 5}, 0.5));
  CHECK(percentile_interval({1, 2, 3, 4, 5, 6}, 0.5));
  CHECK_FALSE(percentile_interval(std::vector<double>(300, 1), 0.99));
}

TEST_CASE("intervals of means widen where samples hang together") {
  std::vector<double> independent, hanging;
  Random random(7, 2, 0);
  double level = 0;
  for (int i = 0; i < 1000; ++i) {
    if (i % 50 == 0) level = random.normal();
    independent.push_back(random.normal());
    hanging.push_back(level + 0.1 * random.normal());
  }
  const auto narrow = mean_interval(independent), wide = mean_interval(hanging);
  CHECK(wide->high - wide->low > 2 * (narrow->high - narrow->low));
  CHECK_FALSE(mean_interval(std::vector<double>(19, 1)));
}

TEST_CASE("a rate spreads an answer over the time it took") {
  Rate rate(10 * second);
  rate.add(-5 * second, 5 * second, 100);  // half of it before
  rate.add(8 * second, 12 * second, 40);   // half of it after
  rate.add(11 * second, 11 * second, 1);
  CHECK(rate.per_second() == doctest::Approx(7));
  CHECK(rate.interval()->low < 7);
  CHECK(Rate(0).per_second() == 0);
}
