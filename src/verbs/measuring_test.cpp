#include "verbs/measuring.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "loadgen/stub_server.hpp"
#include "net/client.hpp"
#include "schema/document.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

/// Answers by what a URL ends with; anything else is refused as by nobody who listens.
class Answers final : public net::Client {
 public:
  net::Answer call(const net::Call& call, const Cancel*) override {
    asked.push_back(call.url);
    bearer = call.bearer.reveal();
    for (const auto& [end, answer] : answers)
      if (call.url.ends_with(end)) return answer;
    throw Problem(Kind::unavailable, "GET " + call.url + ": " + refusal);
  }
  net::Answer stream(const net::Call& one, const net::BodySink&, const Cancel* cancel) override {
    return call(one, cancel);
  }
  std::map<std::string, net::Answer> answers = {
      {"/v1/models", {200, {}, R"({"data":[{"id":"made-llama","owned_by":"llamacpp"}]})"}},
      {"/version", {404, {}, ""}},
      {"/props", {200, {}, R"({"build_info":"b4000-abc"})"}},
      {"/metrics", {200, {}, "# HELP x\nprocess_start_time_seconds 1.7e9\n"}}};
  std::vector<std::string> asked;
  std::string bearer, refusal = "connection refused";
};

struct Bench : ScriptedWorld {
  Bench() { world.http = &http; }

  void run(EndpointBenchArguments arguments) {
    if (arguments.url.empty()) arguments.url = server.url();
    bench_endpoint(
        world, ann, arguments,
        [&](const Node& event) {
          if (event.find("live") != nullptr) lines.push_back(event.text_at({"live"}));
          if (event.find("result") != nullptr) last = event;
          if (on_event) on_event();
          return true;
        },
        cancel);
  }
  loadgen::Result result() const { return loadgen::result_from(*last.find("result")); }

  loadgen::StubServer server{loadgen::StubRules{.ttft = 5'000'000, .gap = 1'000'000, .tokens = 8}};
  Answers http;
  Cancel cancel;
  std::function<void()> on_event;
  std::vector<std::string> lines;
  Node last;
};

EndpointBenchArguments short_run() {
  EndpointBenchArguments arguments;
  arguments.users = 2;  // a busy machine makes an open loop invalid
  arguments.requests = 40;
  arguments.prompt_tokens = 8;
  arguments.max_tokens = 8;
  return arguments;
}

loadgen::Plan plan_of(const LoadArguments& arguments) {
  return verbs::plan_of(arguments, shipped_contract());
}

loadgen::Plan aimed(const std::string& url, const std::string& protocol = "chat") {
  LoadArguments arguments;
  arguments.protocol = protocol;
  loadgen::Plan plan = plan_of(arguments);
  aim(plan, url);
  return plan;
}

}  // namespace

TEST_CASE("an endpoint that runs is measured, with the model that it serves") {
  Bench b;
  EndpointBenchArguments arguments = short_run();
  arguments.price_per_hour = 3.6;
  arguments.slo = "ttft_p50=1s";
  arguments.seed = 7;
  b.run(arguments);
  const loadgen::Result result = b.result();
  CHECK(result.counts.good == 40);
  CHECK(result.workload.model == "made-llama");
  CHECK(result.subject.engine == "llamacpp");
  CHECK(result.subject.engine_version == "b4000-abc");
  CHECK(result.client.position == "same-machine");
  CHECK(result.when == utc(b.clock.wall()));
  CHECK(result.load.seed == 7);
  CHECK(result.price->per_hour == 3.6);
  CHECK(result.objective.at(0).holds == "yes");
  CHECK(b.last.integer_at({"exit_code"}) == 0);
  REQUIRE(!b.lines.empty());
  CHECK(b.lines.front().find("2 users ") == 0);
  CHECK(b.lines.front().find("e+") == std::string::npos);
  for (const char* form : {"csv", "html", "llm-d", "markdown", "prometheus"})
    CHECK(b.last.at({"forms", form}) != nullptr);
  CHECK(b.last.text_at({"text"}).find("40 of 40 requests had a good answer") != std::string::npos);
}

TEST_CASE("an objective that does not hold ends with exit code 1") {
  Bench b;
  EndpointBenchArguments arguments = short_run();
  arguments.slo = "ttft_p50=1ms";
  b.run(arguments);
  CHECK(b.result().objective.at(0).holds == "no");
  CHECK(b.last.integer_at({"exit_code"}) == 1);
}

/// A load of so long, of which Ctrl-C ends the first second.
EndpointBenchArguments ended_early(Bench& b, const std::string& duration) {
  EndpointBenchArguments arguments = short_run();
  arguments.requests.reset();
  arguments.users.reset();
  arguments.rate = 50;
  arguments.duration = duration;
  b.on_event = [&b] {
    if (!b.lines.empty()) b.cancel.ask();
  };
  return arguments;
}

TEST_CASE("Ctrl-C ends with what was measured until then, marked") {
  Bench b;
  b.run(ended_early(b, "60s"));
  const loadgen::Result result = b.result();
  CHECK(result.ended == "interrupted");
  CHECK(result.seconds < 30);
  CHECK(result.counts.good > 0);
  CHECK(result.counts.offered < 1500);  // what was to come later was never offered
  CHECK(result.verdict.validity != "valid");
  CHECK(b.last.text_at({"text"}).find("(interrupted)") != std::string::npos);
  CHECK(b.last.integer_at({"exit_code"}) == 130);
}

TEST_CASE("records of a run that was ended are of what it offered, and no more") {
  Bench b;
  EndpointBenchArguments arguments = ended_early(b, "600s");
  arguments.records =
      std::filesystem::temp_directory_path() / fmt::format("mlib-records-{}.jsonl", ::getpid());
  b.run(arguments);
  std::ifstream file(arguments.records);
  std::int64_t lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  std::filesystem::remove(arguments.records);
  CHECK(lines == b.result().counts.offered);
  CHECK(lines < 1500);
}

TEST_CASE(
    "an engine that is started anew during the run makes the result invalid; others' requests are seen") {
  Bench b;
  b.http.answers["/metrics"].body =
      "process_start_time_seconds 100\nvllm:num_requests_running{a=\"b c\"} 3\n";
  b.on_event = [&] {
    if (!b.lines.empty()) b.http.answers["/metrics"].body = "process_start_time_seconds 200\n";
  };
  b.run(short_run());
  CHECK(b.result().verdict.validity == "invalid");
  std::string reasons;
  for (const std::string& reason : b.result().verdict.reasons) reasons += reason + "\n";
  CHECK(reasons.find("it was started anew once during the run") != std::string::npos);
  CHECK(reasons.find("something else ran there: 3 requests ran before ours") != std::string::npos);
  CHECK(b.last.integer_at({"exit_code"}) == 1);
}

TEST_CASE("what cannot be measured says why, before any load") {
  Bench b;
  EndpointBenchArguments arguments = short_run();
  arguments.model = "made-lama";
  Problem problem = failure([&] { b.run(arguments); });
  CHECK(problem.kind() == Kind::not_found);
  CHECK(problem.message().find("does not serve `made-lama`") != std::string::npos);
  CHECK(problem.hint() == "did you mean `made-llama`?");
  b.http.answers["/v1/models"] = {401, {}, ""};
  problem = failure([&] { b.run(short_run()); });
  CHECK(problem.kind() == Kind::forbidden);
  CHECK(problem.hint().find("--api-key-file") != std::string::npos);
  b.http.answers["/v1/models"] = {404, {}, ""};
  problem = failure([&] { b.run(short_run()); });
  CHECK(problem.kind() == Kind::usage);
  CHECK(problem.hint() == "say it: --model NAME");
  b.http.answers.erase("/v1/models");
  problem = failure([&] { b.run(short_run()); });
  CHECK(problem.kind() == Kind::unavailable);
  CHECK(problem.message().find("connection refused") != std::string::npos);
  CHECK(problem.hint().find("is it running") == 0);
  CHECK(b.server.requests() == 0);
  b.http.refusal = "it speaks no TLS (wrong version number)";
  arguments = short_run();
  arguments.url = "https://engine:8080/v1";
  CHECK(failure([&] { b.run(arguments); }).hint() == "ask it without: http://engine:8080");
  b.http.refusal = "the certificate is refused: self-signed certificate";
  CHECK(failure([&] { b.run(arguments); }).hint().find("--insecure") != std::string::npos);
}

TEST_CASE("the key goes to the engine and nowhere else") {
  Bench b;
  EndpointBenchArguments arguments = short_run();
  arguments.api_key = "hidden-key";
  b.run(arguments);
  CHECK(b.http.bearer == "hidden-key");
  CHECK(schema::to_json(b.last).find("hidden-key") == std::string::npos);
}

TEST_CASE("an endpoint is an origin, ends with /v1, or is a whole path") {
  CHECK(aimed("engine:8080").endpoint.url == "http://engine:8080");
  CHECK(aimed("http://engine:8080/").path.empty());
  CHECK(aimed("http://engine:8080/v1").path.empty());
  CHECK(aimed("http://engine:8080/v1/chat/completions").path.empty());
  CHECK(aimed("https://gateway/team/v1/").path == "/team/v1/chat/completions");
  CHECK(aimed("https://gateway/team").path == "/team/v1/chat/completions");
  CHECK(aimed("http://engine/anything?x=1", "http").path == "/anything?x=1");
  CHECK(aimed("http://engine", "deepsparse").path.empty());
  CHECK_THROWS_AS(aimed("ftp://engine"), Problem);
  // A gateway's path goes before what the engine is asked besides.
  Bench b;
  EngineSaid said = ask_engine(b.http, aimed("http://gateway/team/v1"), b.cancel);
  CHECK(b.http.asked.at(0) == "http://gateway/team/v1/models");
  CHECK(said.models.size() == 1);
}

TEST_CASE("options that do not go together are refused with what would be right") {
  const auto refused = [](const std::function<void(LoadArguments&)>& change) {
    LoadArguments arguments;
    change(arguments);
    return failure([&] { plan_of(arguments); }).message();
  };
  CHECK(refused([](auto& a) { a.rate = 1, a.users = 2; }) == "--rate and --users are two loads");
  CHECK(refused([](auto& a) { a.rate = 1, a.think = "1s"; }) == "--think is of --users");
  CHECK(refused([](auto& a) { a.arrivals = "constant"; }) == "--arrivals is of --rate");
  CHECK(refused([](auto& a) { a.rate = 1, a.arrivals = "constant", a.burstiness = 2; }) ==
        "--burstiness is of --arrivals gamma");
  CHECK(refused([](auto& a) { a.on = "5s"; }) == "--on is of --rate");
  CHECK(refused([](auto& a) { a.rate = 1, a.arrivals = "constant", a.off = "3s"; }) ==
        "--off is of --arrivals on_off");
  CHECK(refused([](auto& a) { a.rate = 1, a.burstiness = 2, a.on = "3s"; }) ==
        "--on is of --arrivals on_off");
  CHECK(refused([](auto& a) { a.rate = 1, a.arrivals = "ramp"; }) == "--arrivals ramp needs --end-rate");
  CHECK(refused([](auto& a) { a.rate = 1, a.end_rate = 2, a.requests = 5; }) ==
        "--arrivals ramp needs --duration, not --requests");
  CHECK(refused([](auto& a) { a.prefix_groups = 2; }) == "--prefix-groups and --prefix-tokens go together");
  CHECK(refused([](auto& a) { a.rate = 1, a.turns = 2; }) == "--turns is of --users");
  CHECK(refused([](auto& a) {
          a.prompts = CardFile{"own.jsonl", "\"hello\""}, a.instructions = true;
        }) == "--instructions and --prompts are two workloads");
  CHECK(refused([](auto& a) { a.prompts = CardFile{"own.jsonl", "{}"}; }) == "own.jsonl cannot be read");
  CHECK(refused([](auto& a) { a.prompts = CardFile{"own.jsonl", ""}; }) == "own.jsonl has no request");
  CHECK(refused([](auto& a) { a.prompts = CardFile{"", ""}; }) == "--prompts has no request");
  CHECK(refused([](auto& a) { a.duration = "soon"; }) == "--duration: `soon` is not a span of time");
  CHECK(refused([](auto& a) { a.duration = "0s"; }) == "--duration has to be above 0");
  CHECK(refused([](auto& a) { a.slo = "ttft_p95=1s", a.stream = false; }) ==
        "`ttft_p95=1000ms` is of streamed answers: a whole one has no first token");
  CHECK(refused([](auto& a) { a.slo = "tpot_p95=1s", a.protocol = "rerank"; }) ==
        "`tpot_p95=1000ms` is of answers that are text: those of `rerank` have no tokens");
  CHECK(refused([](auto& a) { a.protocol = "chatt"; }) == "no protocol is called `chatt`");
  CHECK(refused([](auto& a) { a.slo = "ttft=1s"; }).find("--slo") == 0);
  LoadArguments pulses;
  pulses.rate = 20;
  pulses.on = "5s";
  CHECK(plan_of(pulses).arrivals.kind == loadgen::Arrivals::Kind::on_off);
  CHECK(plan_of(pulses).arrivals.on == 5 * loadgen::second);
  CHECK(plan_of(pulses).arrivals.off == 10 * loadgen::second);
  LoadArguments own;
  own.prompts = CardFile{"own.jsonl", "{\"prompt\": \"hello\"}\n\"there\"\n"};
  CHECK(plan_of(own).workload.scripts.size() == 2);
  CHECK(plan_of(own).users == 1);
  LoadArguments trace;
  trace.prompts = CardFile{"trace.jsonl", ""};
  for (const char* line : {"{\"timestamp\": 1000, \"input_length\": 9, \"output_length\": 5}\n",
                           "{\"timestamp\": 1250, \"input_length\": 9, \"output_length\": 5}\n",
                           "{\"timestamp\": 2000, \"input_length\": 9, \"output_length\": 5}\n"})
    trace.prompts->text += line;
  CHECK(plan_of(trace).users == 0);
  CHECK(plan_of(trace).arrivals.kind == loadgen::Arrivals::Kind::trace);
  CHECK(plan_of(trace).arrivals.trace == std::vector<loadgen::Instant>{0, 250'000'000, 1'000'000'000});
  CHECK(plan_of(trace).arrivals.rate == doctest::Approx(2));
  CHECK(plan_of(trace).stop.requests == 3);
  CHECK(!plan_of(trace).stop.duration);
  trace.users = 2;
  CHECK(plan_of(trace).users == 2);
  trace.users.reset();
  trace.rate = 4;
  CHECK(plan_of(trace).arrivals.kind == loadgen::Arrivals::Kind::poisson);
  LoadArguments plain;
  plain.timeout = "5m";
  CHECK(plan_of(plain).drain == 300 * loadgen::second);  // a long answer at the end is waited for
  CHECK(plan_of(plain).users == 1);
  CHECK(plan_of(plain).stop.duration == 30 * loadgen::second);
  CHECK(plan_of(plain).seed != plan_of(plain).seed);  // so that no cache answers a second run
}

TEST_CASE("what cards say of cost and limits") {
  ScriptedWorld w;
  const auto library = w.shelf.library();
  cards::Model model;
  model.spec.parameters = 8'000'000'000;
  model.spec.weights_bytes = 16'000'000'000;
  model.spec.shape.vocabulary = 100'000;
  model.spec.shape.hidden = 4'000;
  cards::Hardware hardware;
  hardware.spec.gpu.emplace();
  hardware.spec.gpu->count = 2;
  hardware.spec.gpu->bandwidth = 3350;
  hardware.spec.gpu->tflops = 989;
  hardware.spec.gpu->tflops_by_type.fp8 = 1978;
  hardware.spec.price = cards::Price{2.5, "USD", "2026-01-01", ""};
  const cards::Framework framework;
  const loadgen::Known known = known_of(model, framework, hardware);
  CHECK(known.step_bytes == doctest::Approx(15.2e9));
  CHECK(known.token_flops == doctest::Approx(15.2e9));
  CHECK(known.bandwidth == doctest::Approx(6700e9));
  CHECK(known.flops == doctest::Approx(3956e12));
  CHECK(price_of(hardware)->per_hour == 2.5);
  CHECK(known_of(cards::Model{}, framework, cards::Hardware{}).step_bytes == 0);
  model.spec.weights_bytes = 32'000'000'000;  // engines halve 32-bit files
  CHECK(known_of(model, framework, hardware).step_bytes == doctest::Approx(15.2e9));
  CHECK_FALSE(price_of(cards::Hardware{}));
}

TEST_CASE("of weights that a framework has of its own no bytes are known, but the arithmetic is") {
  const ScriptedWorld w;
  const auto library = w.shelf.library();
  int own = 0, of_cards = 0;
  for (const cards::Template& card : library->templates) {
    const std::string& name = card.metadata.name;
    const cards::Framework& framework = library->framework_of(card);
    const cards::Model& model = library->get_model(card.spec.model);
    const loadgen::Known known = known_of(model, framework, library->get_hardware(card.spec.hardware));
    const bool ollama = framework.metadata.name == "ollama";
    CHECK_MESSAGE(framework.spec.serves.own_weights.value_or(false) == ollama, name);
    if (ollama) CHECK_MESSAGE(known.step_bytes == 0, name);
    if (ollama) CHECK_MESSAGE(known.token_flops > 0, name);
    own += ollama;
    of_cards += known.step_bytes > 0;
  }
  CHECK(own > 0);
  CHECK(of_cards > 0);
}

TEST_CASE("two result files are compared; what is none is refused with its name") {
  Bench b;
  b.run(short_run());
  const std::string text = schema::to_json(*b.last.find("result"));
  BenchCompareArguments arguments;
  arguments.files = {{"a.json", text}, {"b.json", text}};
  const Response same = bench_compare(b.world, b.ann, arguments);
  CHECK(same.exit_code == 0);
  CHECK(same.value.text_at({"conclusion"}) == "no difference beyond noise");
  CHECK(same.text->find("- both are one result, which cannot differ from itself\n") != std::string::npos);
  loadgen::Result other = b.result();
  other.id += "-other";
  arguments.files[1].text = schema::to_json(loadgen::to_node(other));
  CHECK(bench_compare(b.world, b.ann, arguments).text->find("both are one result") == std::string::npos);
  for (const char* path : {"b.json", "b.yaml"}) {
    arguments.files[1] = {path, " \n"};
    CHECK(failure([&] { bench_compare(b.world, b.ann, arguments); }).message() ==
          fmt::format("{} is empty", path));
  }
  arguments.files[1] = {"b.json", "{"};
  CHECK(failure([&] { bench_compare(b.world, b.ann, arguments); }).message().find("b.json: no JSON") == 0);
  arguments.files[1].text = "{}";
  CHECK(failure([&] { bench_compare(b.world, b.ann, arguments); }).message() ==
        "b.json: this is no benchmark result");
  arguments.files.pop_back();
  CHECK(failure([&] { bench_compare(b.world, b.ann, arguments); }).kind() == Kind::usage);
}

TEST_CASE("a search finds the load that holds, and needs to know what has to") {
  Bench b;
  BenchSearchArguments arguments;
  arguments.url = b.server.url();
  arguments.users = 1;
  arguments.duration = "300ms";
  arguments.tries = 2;
  arguments.prompt_tokens = 8;
  arguments.max_tokens = 8;
  arguments.slo = "e2e_p50=1s";
  Node last;
  const auto sink = [&](const Node& event) {
    if (event.find("result") != nullptr) last = event;
    return true;
  };
  bench_search(b.world, b.ann, arguments, sink, b.cancel);
  REQUIRE(last.at({"result", "holds_at"}) != nullptr);
  CHECK(last.at({"result", "holds_at"})->number() == 2);
  CHECK(last.text_at({"text"}).find("it still holds at 2 users") != std::string::npos);
  arguments.from = 3;
  arguments.tries = 1;
  bench_search(b.world, b.ann, arguments, sink, b.cancel);
  REQUIRE(last.at({"result", "holds_at"}) != nullptr);
  CHECK(last.at({"result", "holds_at"})->number() == 3);
  arguments.users.reset();
  arguments.rate = 1;
  CHECK(failure([&] { bench_search(b.world, b.ann, arguments, sink, b.cancel); }).message() ==
        "--from and --rate are two loads to begin with");
  arguments.slo.clear();
  CHECK(failure([&] { bench_search(b.world, b.ann, arguments, sink, b.cancel); }).message() ==
        "`mlib bench search` needs --slo: what has to hold");
}
