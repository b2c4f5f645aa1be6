#include "verbs/revisions.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

struct Test : ScriptedWorld {
  Test() {
    targets::Status ready;
    ready.phase = targets::Phase::ready;
    podman.statuses = {ready};
  }
  void deploy_with(int threads, const std::string& key = "") {
    DeployArguments arguments;
    arguments.template_name = "tiny-llama-test";
    arguments.name = "demo";
    arguments.set = {{"threads", threads}};
    arguments.api_key = key;
    deploy(world, ann, arguments, sink, cancel);
  }
  void go_back(int to = 0) {
    RollbackArguments arguments;
    arguments.name = "demo";
    arguments.to = to;
    told.clear();
    rollback(world, ann, arguments, sink, cancel);
  }
  std::string running() {
    std::string text;
    for (const Node& object : podman.running.begin()->second) text += schema::to_yaml(object);
    return text;
  }
  std::string listed() {
    HistoryArguments arguments;
    arguments.name = "demo";
    std::string text;
    const Response answer = history(world, ann, arguments);
    for (const auto& row : answer.table->rows)
      text += row[0] + " " + row[5] + (row[6].empty() ? "" : " (" + row[6] + ")") + "; ";
    return text;
  }
  Cancel cancel;
  std::vector<std::string> told;
  Node result;
  const Sink sink = [this](const Node& event) {
    if (const Node* line = event.find("progress")) told.push_back(line->string());
    if (const Node* found = event.find("result")) result = *found;
    return true;
  };
};

}  // namespace

TEST_CASE("rollback applies what ran then as a new revision, and history lists all") {
  Test t;
  t.deploy_with(1);
  const std::string first = t.running();
  t.deploy_with(2);
  CHECK(t.listed() == "2 threads=2; 1 threads=1; ");
  t.go_back();
  CHECK(t.running() == first);
  CHECK(t.result.integer_at({"revision"}) == 3);
  CHECK(t.podman.kept_secrets);
  CHECK(t.listed() == "3 threads=1 (rollback to 1); 2 threads=2; 1 threads=1; ");
  CHECK(t.store->get("model-library", "demo")->values[0].second.integer() == 1);
  t.go_back(2);
  CHECK(t.listed().rfind("4 threads=2 (rollback to 2); ", 0) == 0);
  t.deploy_with(2);
  CHECK(t.listed().rfind("5 threads=2; ", 0) == 0);
}

TEST_CASE("after an apply that failed rollback goes to the last that succeeded") {
  Test t;
  t.deploy_with(1);
  t.deploy_with(2);
  t.podman.apply_fails = Problem(Kind::failed, "no such image");
  CHECK_THROWS_AS(t.deploy_with(3), Problem);
  t.podman.apply_fails.reset();
  t.go_back();
  CHECK(t.listed().rfind("4 threads=2 (rollback to 2); ", 0) == 0);
}

TEST_CASE("history holds no secret, and prints the objects of a revision") {
  Test t;
  t.deploy_with(1, "canary-7f3a-canary-7f3a");
  for (const store::Deployment& each : t.store->history("model-library", "demo")) {
    const std::string kept = schema::to_json(schema::encode(each));
    CHECK(kept.find("canary-7f3a") == std::string::npos);
    CHECK(kept.find(base64("canary-7f3a-canary-7f3a")) == std::string::npos);
  }
  HistoryArguments arguments;
  arguments.name = "demo";
  arguments.revision = 1;
  const std::string text = *history(t.world, t.ann, arguments).text;
  CHECK(text.find("kind: Deployment") != std::string::npos);
  CHECK(text.find("LLAMA_API_KEY: \"***\"") != std::string::npos);
}

TEST_CASE("a revision that is not kept names those that are") {
  Test t;
  t.deploy_with(1);
  try {
    t.go_back();
    FAIL("it went back");
  } catch (const Problem& problem) {
    CHECK(problem.message() == "`demo` has no earlier revision to go back to");
    CHECK(problem.hint() == "its last apply was revision 1; see them: mlib history demo");
  }
  try {
    t.go_back(7);
    FAIL("it went back");
  } catch (const Problem& problem) {
    CHECK(problem.message() == "`demo` has no revision 7 that is kept");
    CHECK(problem.hint() == "kept are 1");
  }
}
