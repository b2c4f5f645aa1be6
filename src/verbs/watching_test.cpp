#include <doctest/doctest.h>

#include "base/text.hpp"
#include "verbs/deployments.hpp"
#include "verbs/namespaces.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;
using targets::Phase;

namespace {

targets::Status in(Phase phase, std::string summary) {
  targets::Status status;
  status.phase = phase;
  status.summary = std::move(summary);
  return status;
}

struct Test : ScriptedWorld {
  void deploy_in(const std::string& space, const std::string& name) {
    DeployArguments arguments;
    arguments.template_name = "tiny-llama-test";
    arguments.name = name;
    arguments.namespace_name = space;
    arguments.wait = false;
    deploy(world, ann, arguments, sink, cancel);
  }
  void wait_until(const std::string& condition, const std::string& timeout = "10s") {
    WaitArguments arguments;
    arguments.name = "demo";
    arguments.condition = condition;
    arguments.timeout = timeout;
    told.clear();
    wait_for(world, ann, arguments, sink, cancel);
  }
  void kill_namespace(const std::string& name, const std::string& confirm) {
    DeleteNamespaceArguments arguments;
    arguments.name = name;
    arguments.confirm = confirm;
    delete_namespace(world, ann, arguments, sink, cancel);
  }
  Cancel cancel;
  std::vector<std::string> told;
  std::string text;
  const Sink sink = [this](const Node& event) {
    if (const Node* line = event.find("progress")) told.push_back(line->string());
    text = event.text_at({"text"});
    return true;
  };
};

}  // namespace

TEST_CASE("wait tells each change until it is ready, and says in what state it was when it is not") {
  Test t;
  t.podman.statuses = {in(Phase::pulling, "image")};
  t.deploy_in("", "demo");
  t.podman.statuses = {in(Phase::pulling, "image"), in(Phase::pulling, "image"), in(Phase::ready, "answers")};
  t.wait_until("ready");
  CHECK(join(t.told, "; ") == "pulling: image");
  CHECK(t.text == "demo is ready\n");
  t.podman.statuses = {in(Phase::starting, "loading")};
  const Problem late = failure([&] { t.wait_until("ready", "2s"); });
  CHECK(late.kind() == Kind::timeout);
  CHECK(late.message() == "`demo` is not ready in time (starting: loading)");
  targets::Status dead = in(Phase::failed, "exited");
  dead.cause = "the weights are missing";
  t.podman.statuses = {dead};
  const Problem failed = failure([&] { t.wait_until("ready"); });
  CHECK(failed.kind() == Kind::failed);
  CHECK(failed.message() == "`demo` failed: the weights are missing");
}

TEST_CASE("wait --for deleted ends when record and objects are gone, at once when there is none") {
  Test t;
  t.wait_until("deleted");
  CHECK(t.text == "demo is deleted\n");
  CHECK(failure([&] { t.wait_until("ready"); }).kind() == Kind::not_found);
  t.podman.statuses = {in(Phase::ready, "answers")};
  t.deploy_in("", "demo");
  t.clock.after_sleep = [&] {
    t.podman.running.clear();
    t.store->remove("model-library", "demo", {});
  };
  t.wait_until("deleted");
  CHECK(join(t.told, "; ") == "ready: answers");
  CHECK(t.text == "demo is deleted\n");
}

TEST_CASE("events are a table, harmless to a terminal") {
  Test t;
  t.podman.statuses = {in(Phase::ready, "answers")};
  t.deploy_in("", "demo");
  t.podman.happened = {{"2026-11-28T16:00:00Z", "Warning", "Pod demo-1", "BackOff", "again\x1b[31m", 3}};
  DeploymentArguments demo;
  demo.name = "demo";
  const Response answer = events(t.world, t.ann, demo);
  CHECK(join(answer.table->rows.at(0), " | ") ==
        "2026-11-28T16:00:00Z | Warning | Pod demo-1 | BackOff | again\\x1b[31m (3 times)");
  CHECK(answer.value.items()[0].integer_at({"count"}) == 3);
}

TEST_CASE("logs hand on what was asked for, --since as a time") {
  Test t;
  t.podman.statuses = {in(Phase::ready, "answers")};
  t.podman.log = {"bad \xff byte"};
  t.deploy_in("", "demo");
  LogsArguments arguments;
  arguments.name = "demo";
  arguments.since = "1m";
  arguments.container = "server";
  arguments.timestamps = arguments.all_pods = true;
  std::string line;
  logs(
      t.world, t.ann, arguments,
      [&](const Node& event) {
        line = event.text_at({"line"});
        return true;
      },
      t.cancel);
  CHECK(line == "bad \\xff byte");
  CHECK(t.podman.asked_log.since == utc(t.clock.wall() - std::chrono::minutes{1}));
  CHECK(t.podman.asked_log.container == "server");
  CHECK(t.podman.asked_log.timestamps);
  CHECK(t.podman.asked_log.all_pods);
}

TEST_CASE("delete namespace shows what would go, and deletes when the name is given again") {
  Test t;
  t.podman.statuses = {in(Phase::ready, "answers")};
  t.deploy_in("team-a", "demo");
  t.deploy_in("team-b", "other");
  t.kill_namespace("team-a", "");
  CHECK(t.text == "namespace team-a has\n  Deployment demo, of demo\n");
  CHECK(t.store->list().size() == 2);
  const Problem other = failure([&] { t.kill_namespace("team-a", "team-b"); });
  CHECK(other.kind() == Kind::usage);
  CHECK(other.message() == "`team-b` is not the namespace's name, so nothing was deleted");
  CHECK(failure([&] { t.kill_namespace("default", "default"); }).kind() == Kind::forbidden);
  CHECK(t.podman.removed_namespaces.empty());
  t.kill_namespace("team-a", "team-a");
  CHECK(t.text == "deleted namespace team-a with\n  Deployment demo, of demo\n");
  CHECK(t.podman.removed_namespaces == std::vector<std::string>{"team-a"});
  REQUIRE(t.store->list().size() == 1);
  CHECK(t.store->list()[0].name == "other");
  CHECK(t.store->audit(1)[0].object == "team-a/demo");
}
