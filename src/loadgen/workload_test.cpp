#include "loadgen/workload.hpp"

#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include <map>
#include <set>

#include "base/text.hpp"
#include "loadgen/decoder.hpp"
#include "loadgen/recorded.hpp"
#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

Recorded recorded(const std::string& text) { return read_requests({"file.jsonl", text}); }

/// The findings of a file that cannot be read, one a line.
std::string wrong(const std::string& text) {
  try {
    recorded(text);
  } catch (const Problem& problem) {
    std::string all = problem.findings().empty() ? std::string(problem.message()) : "";
    for (const Finding& finding : problem.findings())
      all += fmt::format("{}{}:{}: {}", all.empty() ? "" : "\n", finding.place.line, finding.place.column,
                         finding.message);
    return all;
  }
  return "";
}

}  // namespace

TEST_CASE("lengths follow their distribution") {
  Workload workload;
  workload.output.kind = Length::Kind::histogram;
  workload.output.bins = {{10, 19, 3}, {100, 100, 1}};
  int long_ones = 0;
  std::set<int> short_ones;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const int tokens = ask_of(workload, 1, i).max_tokens;
    if (tokens == 100)
      ++long_ones;
    else
      short_ones.insert(tokens);
  }
  CHECK(long_ones == doctest::Approx(1000).epsilon(0.1));
  CHECK(short_ones.size() == 10);
  CHECK(*short_ones.begin() == 10);
  CHECK(*short_ones.rbegin() == 19);

  for (const auto& [kind, deviation] :
       {std::pair{Length::Kind::normal, 20.0}, {Length::Kind::lognormal, 60.0}}) {
    workload.output = {kind, 100, deviation};
    double sum = 0;
    for (std::uint64_t i = 0; i < 4000; ++i) sum += ask_of(workload, 1, i).max_tokens;
    CHECK(sum / 4000 == doctest::Approx(100).epsilon(0.05));
  }
}

TEST_CASE("a workload that makes no sense names the field") {
  Workload workload;
  workload.output.kind = Length::Kind::histogram;
  CHECK_THROWS_WITH_AS(check(workload),
                       "`output tokens` is a histogram without a bin whose weight is above 0", Problem);
  workload.output.bins = {{5, 4, 1}};
  CHECK_THROWS_WITH_AS(check(workload),
                       "`output tokens` has a bin from 5 to 4: it has to rise from 1 or more", Problem);
  workload.output = {Length::Kind::normal, 10, -1};
  CHECK_THROWS_WITH_AS(check(workload), "`output tokens` has to be 0 or more", Problem);
  workload.output = {Length::Kind::fixed, 1e300};
  CHECK_THROWS_WITH_AS(check(workload), "`output tokens` has to be 1000000000 or less", Problem);
}

TEST_CASE("no two prompts begin alike unless they share a prefix, and those of one group do") {
  Workload workload;
  workload.prompt.mean = 32;
  std::set<std::string> begins;
  for (std::uint64_t i = 0; i < 200; ++i) begins.insert(ask_of(workload, 1, i).prompt.substr(0, 12));
  CHECK(begins.size() == 200);
  workload.groups = 3;
  workload.prefix = 50;
  begins.clear();
  std::set<std::string> whole;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Ask ask = ask_of(workload, 1, i);
    begins.insert(ask.prompt.substr(0, 150));
    whole.insert(ask.prompt);
    CHECK(ask.prompt_tokens == 82);
  }
  CHECK(begins.size() == 3);
  CHECK(whole.size() == 200);
}

TEST_CASE("users hold conversations: every question carries what was said before") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 2});
  Plan plan = plan_for(server, 1, 12);
  plan.users = 2;
  plan.warm_up = 0;
  plan.workload.turns.mean = 3;
  plan.workload.groups = 1;
  plan.workload.prefix = 5;
  CHECK(measured(plan).metrics.good == 12);
  std::vector<std::string> openings;
  for (const std::string& body : server.bodies())
    if (body.find("assistant") == std::string::npos) openings.push_back(body.substr(0, body.rfind("\"}]")));
  std::size_t later = 0;
  for (const std::string& opening : openings) {
    const std::string goes_on = opening + "\"},{\"role\":\"assistant\",\"content\":\"word word \"},";
    std::size_t of_it = 0;
    for (const std::string& body : server.bodies()) of_it += body.starts_with(goes_on) ? 1 : 0;
    CHECK(of_it <= 2);
    later += of_it;
  }
  CHECK(openings.size() >= 4);  // of three questions each, the last of each user's perhaps cut short
  CHECK(openings.size() <= 6);
  CHECK(later + openings.size() == 12);

  plan.users = 0;
  CHECK_THROWS_WITH_AS(
      measured(plan),
      "conversations of several turns are had by users, whose next question waits for the answer", Problem);
  plan.users = 1;
  plan.asking.protocol = shipped("embeddings");
  CHECK_THROWS_WITH_AS(measured(plan), "`embeddings` has no conversations", Problem);
}

TEST_CASE("an answer that is no UTF-8 is told in the next question so that it is") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return answer("text/event-stream",
                  "data: {\"choices\":[{\"delta\":{\"content\":\"caf\xe9\"}}]}\n\ndata: [DONE]\n\n");
  };
  const StubServer server(rules);
  Plan plan = plan_for(server, 1, 2);
  plan.users = 1;
  plan.warm_up = 0;
  plan.workload.turns.mean = 2;
  CHECK(measured(plan).metrics.good == 2);
  const std::string second = server.bodies().at(1);
  CHECK(is_utf8(second));
  CHECK(second.find(R"("content":"caf\\xe9")") != std::string::npos);
}

TEST_CASE("a user's next question is due when the answer came and was thought about, whoever reads it") {
  const StubServer server({.ttft = 2'000'000, .gap = 100'000, .tokens = 20});
  Plan plan = plan_for(server, 1, 120);
  plan.users = 4;
  plan.warm_up = 0;
  plan.workload.turns.mean = 3;
  for (const Instant think : {Instant{0}, Instant{7'000'000}}) {
    plan.think = think;
    const Outcome outcome = measured(plan);
    CHECK(outcome.metrics.good == 120);
    std::map<std::uint32_t, Instant> due;
    for (const Sample& sample : outcome.samples) {
      CHECK(sample.scheduled == due[sample.user]);  // to the nanosecond
      CHECK(sample.begun >= sample.scheduled);
      due[sample.user] = sample.end + think;
    }
    CHECK(due.size() == 4);
  }
}

TEST_CASE("answers wait for their user, or their user for them") {
  Answers answers(2);
  CHECK(answers.there(0));
  CHECK_FALSE(answers.take(0));
  eventfd_t woken = 0;
  answers.expect(0);
  answers.put(0, "before it was asked for");
  CHECK(::eventfd_read(answers.descriptor(), &woken) != 0);
  CHECK(answers.there(0));
  CHECK(answers.take(0) == "before it was asked for");
  answers.expect(1);
  CHECK_FALSE(answers.there(1));
  CHECK(answers.there(0));
  std::thread decoder([&] { answers.put(1, "after"); });
  decoder.join();
  CHECK(::eventfd_read(answers.descriptor(), &woken) == 0);
  CHECK(answers.there(1));
  CHECK(answers.take(1) == "after");
  answers.expect(1);
  answers.put(1, std::string(1U << 20U, 'x'));  // a target's, of which nobody has asked so much
  CHECK_FALSE(answers.take(1));
}

TEST_CASE("a conversation whose answer failed is given up") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1, .error_every = 1});
  Plan plan = plan_for(server, 1, 6);
  plan.users = 1;
  plan.warm_up = 0;
  plan.workload.turns.mean = 3;
  CHECK(measured(plan).metrics.failed == 6);
  for (const std::string& body : server.bodies()) CHECK(body.find("assistant") == std::string::npos);
}

TEST_CASE("a file of prompts, of texts, and of conversations in either form") {
  const Recorded file = recorded(
      "{\"prompt\": \"a\", \"output_tokens\": 7}\n\n\"b\"\r\n"
      "{\"conversations\": [{\"from\": \"human\", \"value\": \"c\"}, {\"from\": \"gpt\", \"value\": "
      "\"12345678\"}, "
      "{\"from\": \"human\", \"value\": \"d\"}]}\n"
      "{\"messages\": [{\"role\": \"system\", \"content\": \"be brief\"}, {\"role\": \"user\", \"content\": "
      "[{\"type\": "
      "\"text\", \"text\": \"e\"}]}]}");
  CHECK(file.arrivals.empty());
  Workload workload;
  workload.scripts = file.scripts;
  CHECK(converses(workload));
  CHECK(ask_of(workload, 1, 0).prompt == "a");
  CHECK(ask_of(workload, 1, 0).max_tokens == 7);
  CHECK(ask_of(workload, 1, 1).prompt == "b");
  CHECK(ask_of(workload, 1, 1).max_tokens == 128);
  CHECK(turns_of(workload, 1, 2) == 2);
  CHECK(ask_of(workload, 1, 2, 0).max_tokens == 2);
  CHECK(ask_of(workload, 1, 2, 1).prompt == "d");
  CHECK(ask_of(workload, 1, 3).prompt == "be brief\ne");
  CHECK(ask_of(workload, 1, 4).prompt == "a");
}

TEST_CASE("a trace of Mooncake's or Azure's is replayed when it came, as long as it was") {
  const Recorded mooncake = recorded(
      "{\"timestamp\": 1000, \"input_length\": 600, \"output_length\": 52, \"hash_ids\": [46, 47]}\n"
      "{\"timestamp\": 1250.5, \"input_length\": 700, \"output_length\": 26, \"hash_ids\": [46, 48]}\n");
  CHECK(mooncake.arrivals == std::vector<Instant>{0, 250'500'000});
  Workload workload;
  workload.scripts = mooncake.scripts;
  const Ask one = ask_of(workload, 1, 0), two = ask_of(workload, 1, 1);
  CHECK(one.prompt_tokens == 600);
  CHECK(std::count(one.prompt.begin(), one.prompt.end(), ' ') == 599);
  CHECK(two.max_tokens == 26);
  std::size_t shared = 0;
  while (shared < one.prompt.size() && one.prompt[shared] == two.prompt[shared]) ++shared;
  CHECK(std::count(one.prompt.begin(), one.prompt.begin() + static_cast<std::ptrdiff_t>(shared), ' ') >= 511);
  CHECK(std::count(one.prompt.begin(), one.prompt.begin() + static_cast<std::ptrdiff_t>(shared), ' ') < 520);

  const Recorded azure = recorded(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,374,44\n"
      "2023-11-17 00:00:00.000000+00:00,396,109\n");
  CHECK(azure.arrivals == std::vector<Instant>{0, 20'576'020'040'000});
  CHECK(azure.scripts.at(1).prompt_tokens == 396);
  CHECK(azure.scripts.at(1).answer_tokens == 109);

  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Plan plan = plan_for(server, 1, 2);
  plan.workload.scripts = mooncake.scripts;
  plan.arrivals = {.kind = Arrivals::Kind::trace, .trace = mooncake.arrivals};
  const Outcome outcome = measured(plan);
  CHECK(outcome.metrics.good == 2);
  CHECK(outcome.samples.at(1).scheduled == 250'500'000);
}

TEST_CASE("answers are judged by the lengths that their own requests asked for") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 4});
  Plan plan = plan_for(server, 1, 50);
  plan.users = 1;
  plan.warm_up = 0;
  plan.workload.output.mean = 128;
  plan.workload.ignore_end = true;
  Script script;
  script.prompt_tokens = 9;
  script.answer_tokens = 4;
  plan.workload.scripts = {script};
  const auto too_short = [](const Outcome& outcome) {
    return std::any_of(outcome.verdict.reasons.begin(), outcome.verdict.reasons.end(),
                       [](const std::string& each) { return each.starts_with("answers had "); });
  };
  const Outcome as_asked = measured(plan);
  CHECK(as_asked.samples.at(0).asked_tokens == 4);
  CHECK(as_asked.samples.at(0).asked_prompt_tokens == 9);
  CHECK_FALSE(too_short(as_asked));
  plan.workload.scripts[0].answer_tokens = 20;
  CHECK(too_short(measured(plan)));
}

TEST_CASE("a cache that answers is a doubt unless the requests share something") {
  StubRules rules;
  rules.raw = [](std::uint64_t) {
    return answer("application/json",
                  R"({"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":100,)"
                  R"("completion_tokens":1,"prompt_tokens_details":{"cached_tokens":90}}})");
  };
  const StubServer server(rules);
  const auto doubted = [&](const std::function<void(Plan&)>& change) {
    Plan plan = plan_for(server, 1, 4);
    plan.users = 1;
    plan.warm_up = 0;
    change(plan);
    const Outcome outcome = measured(plan);
    return std::any_of(outcome.verdict.reasons.begin(), outcome.verdict.reasons.end(),
                       [](const std::string& each) { return each.ends_with("came from a cache"); });
  };
  Script one, two, trace;
  one.questions = {{"a"}};
  two.questions = {{"a"}, {"b"}};
  trace.prompt_tokens = 9;
  trace.blocks = {1};
  CHECK(doubted([](Plan&) {}));
  CHECK(doubted([&](Plan& plan) { plan.workload.scripts = {one}; }));
  CHECK_FALSE(doubted([&](Plan& plan) { plan.workload.scripts = {two}; }));
  CHECK_FALSE(doubted([&](Plan& plan) { plan.workload.scripts = {trace}; }));
  CHECK_FALSE(doubted([](Plan& plan) { plan.workload.turns.mean = 2; }));
  CHECK_FALSE(doubted([](Plan& plan) { plan.workload.groups = plan.workload.prefix = 1; }));
  CHECK(doubted([&](Plan& plan) {  // an open loop asks each conversation's first question only
    plan.workload.scripts = {two};
    plan.users = 0;
    plan.arrivals.rate = 100;
  }));
}

TEST_CASE("a file that cannot be read names each line that is wrong") {
  CHECK(wrong("") == "file.jsonl has no request");
  CHECK(wrong("\"a\"\n{\"prompt\": 1}\n{\"prompt\": \"a\"\n{\"text\": \"a\"}\n3") ==
        "2:1: `prompt` has to be a text\n"
        "3:15: Expecting value\n"
        "4:1: nothing in it says what to ask\n"
        "5:1: a line has to be a JSON object or text, not integer");
  CHECK(wrong("{\"prompt\": \"a\", \"output_tokens\": -1}") ==
        "1:1: `output_tokens` has to be a whole number from 0 to 10000000");
  CHECK(wrong("{\"conversations\": [{\"from\": \"gpt\", \"value\": \"a\"}]}\n"
              "{\"conversations\": [{\"from\": \"humam\", \"value\": \"a\"}]}\n"
              "{\"conversations\": [{\"from\": \"human\"}]}\n{\"messages\": 3}") ==
        "1:1: nobody asks anything in this conversation\n2:1: nobody is called `humam`\n"
        "3:1: a message has no `value`\n4:1: a conversation has to be a list of messages");
  CHECK(wrong("{\"input_length\": 600, \"hash_ids\": [1]}\n{\"input_length\": 6, \"hash_ids\": "
              "\"a\"}\n{\"input_length\": 0}") ==
        "1:1: 1 `hash_ids` of 512 tokens are too few for an `input_length` of 600\n"
        "2:1: `hash_ids` has to be a list of whole numbers\n3:1: `input_length` has to be above 0");
  CHECK(wrong("{\"prompt\": \"a\", \"timestamp\": 2}\n{\"prompt\": \"a\", \"timestamp\": 1}\n\"b\"\n"
              "{\"prompt\": \"a\", \"timestamp\": \"now\"}\n{\"prompt\": \"a\", \"timestamp\": 1e300}") ==
        "2:1: its `timestamp` is before that of the line above\n"
        "3:1: it has no `timestamp`, which the first request has\n"
        "4:1: `timestamp` has to be a number of milliseconds\n5:1: `timestamp` has to be a number of "
        "milliseconds");
  CHECK(wrong("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,1\n2023-02-31 00:00:00,1,1\n"
              "2023-11-16 18:17:03.9,x,1\n2023-11-16 18:17:03.9,1\n2023-11-16 18:17:03.9,0,1") ==
        "2:1: `2023-11-16` is no instant\n3:1: `2023-02-31` is no day\n4:1: ContextTokens is no number: `x`\n"
        "5:1: 2 of the 3 columns TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "6:1: a number of tokens is not within 1 to 10000000");
  std::string many;
  for (int i = 0; i < 50; ++i) many += "?\n";
  const std::string told = wrong(many);
  CHECK(std::count(told.begin(), told.end(), '\n') == 9);
  try {
    recorded("[\n{\"prompt\": \"a\"}\n]");
  } catch (const Problem& problem) {
    CHECK(problem.findings().at(0).hint == "make lines of a list: jq -c '.[]' file.jsonl");
  }
}
