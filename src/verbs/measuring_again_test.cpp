// Lengths that are exact, certificates, and runs that are done again.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "loadgen/made_result.hpp"
#include "loadgen/stub_server.hpp"
#include "net/client.hpp"
#include "schema/document.hpp"
#include "verbs/bench_facts.hpp"
#include "verbs/made_tokenizer.hpp"
#include "verbs/measuring.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

/// Serves one model, and keeps how it was asked.
class Engine final : public net::Client {
 public:
  net::Answer call(const net::Call& call, const Cancel*) override {
    asked.push_back(call);
    return {200, {}, call.url.ends_with("/v1/models") ? R"({"data":[{"id":"made"}]})" : ""};
  }
  net::Answer stream(const net::Call& one, const net::BodySink&, const Cancel* cancel) override {
    return call(one, cancel);
  }
  std::vector<net::Call> asked;
};

struct Bench : ScriptedWorld {
  Bench() {
    world.http = &http;
    arguments.url = server.url();
    arguments.users = 1;
    arguments.requests = 6;
    arguments.warm_up = 0;
    arguments.seed = 3;
  }
  loadgen::Result run() {
    Node last;
    const auto sink = [&](const Node& event) {
      if (const Node* found = event.find("result")) last = *found;
      return true;
    };
    bench_endpoint(world, ann, arguments, sink, cancel);
    return loadgen::result_from(last);
  }
  /// The same load as that result's, and nothing said beside it.
  void like(const loadgen::Result& result) {
    arguments = {};
    arguments.url = server.url();
    arguments.like = schema::to_json(loadgen::to_node(result));
  }
  /// What was asked since, one prompt each.
  std::vector<std::string> prompts() {
    std::vector<std::string> all;
    for (const std::string& body : server.bodies())
      all.push_back(schema::read_json(body).text_at({"messages", "0", "content"}));
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(seen));
    seen += all.size();
    return all;
  }
  std::size_t seen = 0;
  loadgen::StubServer server{loadgen::StubRules{.ttft = 2'000'000, .gap = 0, .tokens = 1}};
  Engine http;
  EndpointBenchArguments arguments;
  Cancel cancel;
};

}  // namespace

TEST_CASE("with the model's tokenizer prompts have exactly so many tokens, and their result says by which") {
  const Folder folder;
  folder.write("tokenizer.json", made_tokenizer());
  Bench b;
  b.arguments.prompt_tokens = 20;
  b.arguments.tokenizer = folder.path;
  const loadgen::Result result = b.run();
  CHECK(result.workload.prompt_length == "exact");
  CHECK(result.workload.tokenizer->file == folder.path + "/tokenizer.json");
  CHECK(result.workload.tokenizer->sha256 == sha256_hex(made_tokenizer()));
  const std::vector<std::string> asked = b.prompts();
  CHECK(asked.size() == 6);
  for (const std::string& prompt : asked) {
    int tokens = 0;
    for (const std::string& word : split(prompt, ' '))  // of `home` ho and me, and the space before
      tokens += word != "home" ? 1 : tokens == 0 ? 2 : 3;
    CHECK(tokens == 20);
  }
  std::filesystem::remove(folder.path + "/tokenizer.json");
  b.like(result);
  CHECK(b.run().workload.prompt_length == "exact");  // what it was made of is in the result
  CHECK(b.prompts() == asked);
}

TEST_CASE("a tokenizer that cannot count is refused before any load") {
  const Folder folder;
  Bench b;
  b.arguments.tokenizer = folder.path;
  CHECK(failure([&] { b.run(); }).kind() == Kind::not_found);
  folder.write("tokenizer.json", R"({"model":{"type":"Unigram"}})");
  const Problem refused = failure([&] { b.run(); });
  CHECK(refused.message().find("its model is Unigram, so its tokens cannot be counted here") !=
        std::string::npos);
  b.arguments.prompts = CardFile{"mine.jsonl", "\"mine\""};
  CHECK(failure([&] { b.run(); }).message() == "--tokenizer is of made prompts");
  CHECK(b.server.requests() == 0);
}

TEST_CASE("certificates to trust go wherever the engine is asked") {
  Bench b;
  b.arguments.insecure = true;
  b.run();
  b.arguments.insecure = false;
  b.arguments.ca = "PEM";
  b.run();
  CHECK(b.http.asked.front().tls->insecure);
  CHECK(b.http.asked.back().tls->ca == "PEM");
  CHECK(!b.http.asked.back().tls->insecure);
  b.arguments.insecure = true;
  CHECK(failure([&] { b.run(); }).message() == "--insecure and --ca are two ways to trust");
}

TEST_CASE("a trace is replayed again as it was, requests of one's own from their file and from no other") {
  Bench b;
  b.arguments.users.reset();
  b.arguments.requests.reset();
  b.arguments.prompts = CardFile{
      "trace.jsonl",
      "{\"timestamp\": 5, \"input_length\": 9}\n"
      "{\"timestamp\": 35.5, \"input_length\": 700, \"output_length\": 3, \"hash_ids\": [46, 47]}\n"};
  const loadgen::Result result = b.run();
  CHECK(result.workload.requests == "0 9 0\n30500000 700 3 46,47\n");
  const std::vector<std::string> asked = b.prompts();
  b.like(result);
  const loadgen::Result again = b.run();
  CHECK(again.load.arrivals == "trace");
  CHECK(again.load.schedule_sha256 == result.load.schedule_sha256);
  CHECK(again.workload.own_prompts_sha256 == result.workload.own_prompts_sha256);
  CHECK(b.prompts() == asked);
  loadgen::Result other = result;
  other.workload.requests = "0 9 0\n30500001 700 3 46,47\n";
  CHECK(failure([&] { plan_of(other); }).message().find("these requests came at other instants") == 0);
  other.workload.requests = "0 9 0\n";
  CHECK(failure([&] { plan_of(other); }).message().find("these 1 requests are not the 2 that") == 0);
  other.workload.requests = "0 9\n";
  CHECK(failure([&] { plan_of(other); }).message() ==
        "line 1 of the result's requests: it has no three numbers");
}

TEST_CASE("texts of one's own are not kept: a repeat takes their file, and no other") {
  Bench b;
  b.arguments.prompts = CardFile{"mine.jsonl", "\"mine\"\n\"yours\"\n"};
  const loadgen::Result result = b.run();
  CHECK(result.workload.requests.empty());
  const std::vector<std::string> asked = b.prompts();
  b.like(result);
  b.arguments.prompts = CardFile{"mine.jsonl", "\"mine\"\n\"yours\"\n"};
  CHECK(b.run().counts.good == 6);
  CHECK(b.prompts() == asked);
  b.arguments.prompts = CardFile{"mine.jsonl", "\"mine\"\n"};
  CHECK(failure([&] { b.run(); }).message().find("these 1 requests are not the 2 that") == 0);
  b.arguments.prompts.reset();
  const Problem gone = failure([&] { b.run(); });
  CHECK(gone.message().find("the 2 requests of `") == 0);
  CHECK(gone.hint() == "name their file: --prompts FILE");
}

TEST_CASE("beside --like no part of the load is said, and what has to hold is heard") {
  Bench b;
  b.like(b.run());
  b.arguments.rate = 5;
  const Problem refused = failure([&] { b.run(); });
  CHECK(refused.kind() == Kind::usage);
  CHECK(refused.message() == "--like says the whole load, and --rate a part of it");
  b.arguments.rate.reset();
  b.arguments.slo = "e2e_p50=0.001ms";
  const loadgen::Result broken = b.run();
  REQUIRE(broken.objective.size() == 1);
  CHECK(broken.objective[0].limit == "e2e_p50=0.001ms");
}

TEST_CASE("lengths by histogram and by distribution") {
  const loadgen::Length length = histogram_of("16-64:3, 1024:1,8", "--prompt-histogram");
  REQUIRE(length.bins.size() == 3);
  CHECK(length.kind == loadgen::Length::Kind::histogram);
  CHECK(length.bins[0].most == 64);
  CHECK(length.bins[0].weight == 3);
  CHECK(length.bins[1].least == 1024);
  CHECK(length.bins[2].weight == 1);
  CHECK(length.mean == doctest::Approx((40 * 3 + 1024 + 8) / 5.0));
  for (const char* wrong : {"", "a", "0-5", "9-5", "5:x", "5:-1", "5:inf", "5-", "5:1,", "2000000"}) {
    const Problem problem = failure([&] { histogram_of(wrong, "--prompt-histogram"); });
    CHECK(problem.kind() == Kind::usage);
    CHECK(problem.message().find("--prompt-histogram: `") == 0);
  }
  CHECK(failure([&] { histogram_of("5:0", "--x"); }).message() == "--x: all weights are 0");
  LoadArguments arguments;
  arguments.output_histogram = "4-8:1";
  CHECK(plan_of(arguments, shipped_contract()).workload.output.kind == loadgen::Length::Kind::histogram);
  arguments.output_deviation = 5;
  CHECK(failure([&] { plan_of(arguments, shipped_contract()); }).message() ==
        "--output-histogram and --output-deviation are two ways to say lengths");
  arguments.output_histogram.clear();
  CHECK(plan_of(arguments, shipped_contract()).workload.output.kind == loadgen::Length::Kind::normal);
  arguments.distribution = "lognormal";
  CHECK(plan_of(arguments, shipped_contract()).workload.output.kind == loadgen::Length::Kind::lognormal);
  arguments.output_deviation = 0;
  CHECK(failure([&] { plan_of(arguments, shipped_contract()); }).message() ==
        "--distribution is of --prompt-deviation and --output-deviation");
}

TEST_CASE("results kept as cards are compared as those in JSON are") {
  const loadgen::Result result = loadgen::made_result();
  const std::string json = schema::to_json(loadgen::to_node(result));
  const std::string card = schema::to_yaml(schema::encode(card_of(result)));
  ScriptedWorld w;
  BenchCompareArguments arguments;
  arguments.files = {{"before.yaml", card}, {"after.yaml", card}};
  const Response same = bench_compare(w.world, w.ann, arguments);
  CHECK(same.exit_code == 0);
  CHECK(same.value.text_at({"a"}) == result.id);
  CHECK(same.value.text_at({"conclusion"}) == "no difference beyond noise");
  loadgen::Plan slower = loadgen::made_plan();
  loadgen::Outcome outcome = loadgen::made_outcome(slower);
  for (loadgen::Sample& sample : outcome.samples)
    for (loadgen::Instant* at : {&sample.first, &sample.first_output, &sample.last, &sample.end})
      *at += 80'000'000;
  arguments.files[1] = {
      "after.json", schema::to_json(loadgen::to_node(result_of(slower, outcome, loadgen::made_setting())))};
  const Response differs = bench_compare(w.world, w.ann, arguments);
  CHECK(differs.exit_code == 1);
  CHECK(differs.text->find("ttft") != std::string::npos);
  arguments.files[0].text = "apiVersion: model-library/v1\nkind: Benchmark\nspec: {}\n";
  CHECK(failure([&] { bench_compare(w.world, w.ann, arguments); }).message() ==
        "before.yaml: this is no benchmark result");
  arguments.files[0].text = "a: [";
  CHECK(failure([&] { bench_compare(w.world, w.ann, arguments); }).message().find("before.yaml") == 0);
}
