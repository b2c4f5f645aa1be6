// An engine with an API of its own, added by YAML alone, is measured as any other.
#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "verbs/bench_testing.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

const char* const calls =
    "  made:\n    path: /ask\n    body: {text: $prompt, stream: $stream, limit: $max_tokens, kind: plain}\n"
    "    answer: {text: [/choices/0/message/content]}\n    stream: {text: [/choices/0/delta/content]}\n";

/// The result that was kept first.
loadgen::Result result_of(const BenchTest& test) {
  return loadgen::result_from(test.kept.saved.at(0).spec.run);
}

}  // namespace

TEST_CASE("a template is measured by the protocol that its framework says, and again as its result says") {
  BenchTest test;
  test.shelf.replace(library_speaking(calls));
  REQUIRE(test.shelf.library()->findings.empty());
  test.run();
  REQUIRE(test.kept.saved.size() == 1);
  const loadgen::Result kept = result_of(test);
  CHECK(kept.counts.good == 5);
  CHECK(kept.counts.output_tokens == 20);
  CHECK(kept.workload.protocol == "made");
  REQUIRE(kept.workload.call);
  CHECK(kept.workload.call->path == "/ask");
  // The cards are the shipped ones again, which know no such protocol; the result does.
  test.repeat(test.kept.saved[0].metadata.name);
  const std::vector<std::string> bodies = test.stub.bodies();
  CHECK(bodies.size() == 12);  // warm-ups are among them
  for (const std::string& body : bodies) {
    CHECK(body.starts_with(R"({"text":")"));
    CHECK(body.ends_with(R"(,"stream":true,"limit":128,"kind":"plain"})"));
  }
}

TEST_CASE("a task that a call names is asked by that call, and --protocol by any other") {
  BenchTest test;
  const auto library = library_speaking(std::string(calls) +
                                        "  other:\n    tasks: [text-generation]\n    path: /other\n"
                                        "    body: {question: $prompt}\n    answer: {items: [/choices]}\n");
  test.shelf.replace(library);
  test.arguments.load.requests = 1;
  test.run();
  CHECK(test.stub.bodies().back().starts_with(R"({"question":")"));
  CHECK(result_of(test).workload.protocol == "other");
  test.shelf.replace(library);
  test.arguments.load.protocol = "made";
  test.run();
  CHECK(test.stub.bodies().back().starts_with(R"({"text":")"));
  test.shelf.replace(library);
  test.arguments.load.protocol = "mde";
  const Problem problem = failure([&] { test.run(); });
  CHECK(problem.message() == "no protocol is called `mde`");
  CHECK(problem.hint() == "did you mean `made`?");
}

TEST_CASE(
    "the key of a template's endpoint is in its Secret and asks the engine; no result and no line has it") {
  BenchTest test;
  kube::ScriptedHttp http([](const net::Call& call) {
    net::Answer answer;
    answer.status = call.url.ends_with("/v1/models") ? 200 : 404;
    answer.body = answer.status == 200 ? R"({"data":[{"id":"tiny"}]})" : "";
    return answer;
  });
  test.world.http = &http;
  test.arguments.load.requests = 1;
  test.arguments.api_key = "canary-of-the-key";
  std::string secrets, others, told;
  test.on_event = [&](const Node& event) {
    told += schema::to_json(event);
    for (const auto& [name, objects] : test.podman.running)
      for (const Node& object : objects)
        (object.text_at({"kind"}) == "Secret" ? secrets : others) += schema::to_json(object);
  };
  test.run();
  CHECK(secrets.find("Y2FuYXJ5LW9mLXRoZS1rZXk=") != std::string::npos);
  std::size_t asked = 0;
  for (const net::Call& call : http.calls)
    if (call.url.ends_with("/v1/models")) {
      ++asked;
      CHECK(call.bearer.reveal() == "canary-of-the-key");
    }
  CHECK(asked > 0);
  const std::string kept = schema::to_yaml(schema::encode(test.kept.saved.at(0)));
  for (const std::string& text : {others, told, kept}) {
    CHECK(!text.empty());
    CHECK(text.find("canary") == std::string::npos);
    CHECK(text.find("Y2FuYXJ5") == std::string::npos);
  }
}
