#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "verbs/asking.hpp"
#include "verbs/deployments.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;
using targets::Phase;

namespace {

targets::Status in(Phase phase, std::string summary) {
  targets::Status status;
  status.phase = phase;
  status.summary = std::move(summary);
  if (phase == Phase::ready) status.endpoint = "http://127.0.0.1:31000";
  return status;
}

struct Test : ScriptedWorld {
  Test() {
    podman.statuses = {in(Phase::pulling, "image"), in(Phase::starting, "loading"),
                       in(Phase::starting, "loading"), in(Phase::ready, "answers")};
    kubernetes.statuses = podman.statuses;
  }

  /// Runs deploy; what it told stays in `told` (progress), `result` and `text`.
  void deploy_demo(const std::function<void(DeployArguments&)>& change = [](DeployArguments&) {}) {
    DeployArguments arguments;
    arguments.template_name = "tiny-llama-test";
    arguments.name = "demo";
    change(arguments);
    told.clear();
    deploy(
        world, ann, arguments,
        [&](const Node& event) {
          if (const Node* line = event.find("progress")) told.push_back(line->string());
          if (const Node* found = event.find("result")) result = *found;
          text = event.text_at({"text"});
          return true;
        },
        cancel);
  }

  Problem failure(const std::function<void(DeployArguments&)>& change = [](DeployArguments&) {}) {
    return verbs::failure([&] { deploy_demo(change); });
  }

  std::vector<std::string> audited() {
    std::vector<std::string> verbs;
    for (const store::Audit& each : store->audit(100)) verbs.push_back(each.who + " " + each.verb);
    return verbs;
  }

  Cancel cancel;
  std::vector<std::string> told;
  Node result;
  std::string text;
};

}  // namespace

TEST_CASE("deploy tells each new step, waits until ready and keeps a record") {
  Test t;
  t.deploy_demo();
  CHECK(join(t.told, "; ") == "applying; pulling: image; starting: loading");
  CHECK(t.result.text_at({"endpoint"}) == "http://127.0.0.1:31000");
  CHECK(t.text.rfind("demo is ready at http://127.0.0.1:31000\n", 0) == 0);
  const store::Deployment record = *t.store->get("model-library", "demo");
  CHECK(record.state == "deployed");
  CHECK(record.applies == 1);
  CHECK(t.result.integer_at({"revision"}) == 1);
  CHECK(record.hardware == "cpu-tiny");
  CHECK(record.inventory.items().size() == t.podman.running.begin()->second.size());
  CHECK(join(t.audited(), ", ") == "ann deployed, ann deploy");
}

TEST_CASE("row 6: that fields of others were taken over is in the audit") {
  Test t;
  t.deploy_demo([](DeployArguments& arguments) { arguments.force_conflicts = true; });
  CHECK(t.store->audit(1).front().detail == "--force-conflicts");
  CHECK(t.store->get("model-library", "demo")->message.empty());
}

TEST_CASE("no secret reaches the store") {
  Test t;
  t.deploy_demo([](DeployArguments& arguments) { arguments.api_key = "canary-7f3a"; });
  const std::string kept = schema::to_json(schema::encode(*t.store->get("model-library", "demo")));
  CHECK(kept.find("canary-7f3a") == std::string::npos);
  CHECK(kept.find(base64("canary-7f3a")) == std::string::npos);
  bool in_secret = false;
  for (const Node& object : t.podman.running.begin()->second)
    in_secret = in_secret || schema::to_json(object).find(base64("canary-7f3a")) != std::string::npos;
  CHECK(in_secret);
}

TEST_CASE("an apply that fails leaves no record when nothing is there") {
  Test t;
  t.podman.apply_fails = Problem(Kind::failed, "no such image");
  CHECK(t.failure().message() == "no such image");
  CHECK(t.store->list().empty());
  CHECK(join(t.audited(), ", ") == "ann deploy-failed, ann deploy");
}

TEST_CASE("a target that does not answer leaves no record of a new deployment") {
  Test t;
  t.podman.observe_fails = t.podman.apply_fails = Problem(Kind::unavailable, "podman is down");
  CHECK(t.failure().message() == "podman is down");
  CHECK(t.store->list().empty());
}

TEST_CASE("while somebody deploys a name, another deploy or delete of it is a conflict") {
  Test t;
  std::unique_ptr<store::Hold> other = t.store->hold("model-library", "demo");
  const Problem refused = t.failure();
  CHECK(refused.kind() == Kind::conflict);
  CHECK(refused.message() == "`demo` is being changed by somebody else right now");
  CHECK(t.store->list().empty());
  CHECK(t.podman.running.empty());
  other.reset();
  t.deploy_demo();
  other = t.store->hold("model-library", "demo");
  DeleteArguments arguments;
  arguments.name = "demo";
  CHECK_THROWS_AS(delete_deployment(
                      t.world, t.ann, arguments, [](const Node&) { return true; }, t.cancel),
                  Problem);
  CHECK(t.podman.running.size() == 1);
}

TEST_CASE("a new deployment that dies is removed, and the error has cause, evidence, log and next step") {
  Test t;
  targets::Status dead = in(Phase::failed, "exited with 1");
  dead.cause = "the model cannot be loaded";
  dead.evidence = "exit code 1, 3 restarts";
  dead.hint = "check the weights";
  t.podman.statuses = {in(Phase::starting, "loading"), dead};
  t.podman.log = {"loading", "error: bad magic"};
  const Problem problem = t.failure();
  CHECK(problem.kind() == Kind::failed);
  CHECK(problem.message() ==
        "`demo` failed: the model cannot be loaded\n  exit code 1, 3 restarts\n  | loading\n  | error: bad "
        "magic");
  CHECK(problem.hint() == "check the weights; nothing of it is left (--keep-failed would leave it)");
  CHECK(t.podman.running.empty());
  CHECK(t.store->list().empty());
}

TEST_CASE("--keep-failed leaves it, and so does an update") {
  Test t;
  t.podman.statuses = {in(Phase::failed, "exited")};
  const Problem problem = t.failure([](DeployArguments& arguments) { arguments.keep_failed = true; });
  CHECK(problem.hint() == "remove it: mlib delete deployment demo");
  CHECK(t.store->get("model-library", "demo")->state == "failed");
  t.failure();
  CHECK(t.podman.running.size() == 1);
}

TEST_CASE("waiting ends after the time-out and at Ctrl-C, and says how to go on") {
  Test t;
  t.podman.statuses = {in(Phase::starting, "loading")};
  t.podman.statuses[0].evidence = "no such folder";
  const Problem late = t.failure([](DeployArguments& arguments) { arguments.timeout = "3s"; });
  CHECK(late.kind() == Kind::timeout);
  CHECK(late.message() == "`demo` is not ready in time (starting: loading)\n  no such folder");
  CHECK(t.podman.observed == 5);  // once before it, and four times waiting
  t.clock.after_sleep = [&] { t.cancel.ask(); };
  const Problem ended = t.failure();
  CHECK(ended.kind() == Kind::cancelled);
  CHECK(ended.message() == "stopped waiting; `demo` goes on (starting: loading)");
  CHECK(ended.hint() == "see it: mlib status demo; remove it: mlib delete deployment demo");
  CHECK(t.podman.running.size() == 1);
}

TEST_CASE("Ctrl-C while it is applied says what is left") {
  Test t;
  t.cancel.ask();
  CHECK(t.failure().message() == "ended before `demo` ran; nothing of it is left");
  CHECK(t.store->list().empty());
  Test other;
  other.deploy_demo();
  other.cancel.ask();
  const Problem ended = other.failure();
  CHECK(ended.message() == "ended while `demo` was changed; some of it may run");
  CHECK(ended.hint() == "deploy it again, or remove it: mlib delete deployment demo");
}

TEST_CASE("deploying the same name again updates it; another template or target is a conflict") {
  Test t;
  t.deploy_demo();
  t.deploy_demo([](DeployArguments& arguments) { arguments.set = {{"threads", 1}}; });
  CHECK(t.store->get("model-library", "demo")->applies == 2);
  const Problem other =
      t.failure([](DeployArguments& arguments) { arguments.template_name = "gemma-3-270m-cpu"; });
  CHECK(other.kind() == Kind::conflict);
  CHECK(other.message() == "`demo` exists already, from template `tiny-llama-test`");
  const Problem where = t.failure([](DeployArguments& arguments) { arguments.where.target = "kubernetes"; });
  CHECK(where.message() == "`demo` exists already, on target `podman`");
  CHECK(where.hint() == "take another --name, or remove it first: mlib delete deployment demo");
}

TEST_CASE("a conflict that kept everything from being changed leaves the record as it was, or none") {
  Test t;
  t.deploy_demo();
  t.podman.apply_fails = Problem(Kind::conflict, "it exists");
  CHECK(t.failure([](DeployArguments& arguments) {
           arguments.set = {{"threads", 1}};
         }).message() == "it exists");
  const store::Deployment record = *t.store->get("model-library", "demo");
  CHECK(record.state == "deployed");
  CHECK(record.values.empty());
  Test other;
  other.podman.apply_fails = Problem(Kind::conflict, "somebody else's");
  CHECK(other.failure().kind() == Kind::conflict);
  CHECK(other.store->list().empty());
}

TEST_CASE("a dry run changes nothing") {
  Test t;
  t.deploy_demo([](DeployArguments& arguments) { arguments.dry_run = "client"; });
  CHECK(t.text.find("kind: Deployment") != std::string::npos);
  t.deploy_demo([](DeployArguments& arguments) { arguments.dry_run = "server"; });
  CHECK(t.text.find("create     Deployment demo") != std::string::npos);
  CHECK(t.store->list().empty());
  CHECK(t.store->audit(1).empty());
  CHECK(t.podman.running.empty());
}

TEST_CASE("diff says what differs, by exit code 1 too") {
  Test t;
  DiffArguments arguments;
  arguments.template_name = "tiny-llama-test";
  arguments.name = "demo";
  CHECK(diff(t.world, t.ann, arguments).exit_code == 1);
  t.deploy_demo();
  const Response same = diff(t.world, t.ann, arguments);
  CHECK(same.exit_code == 0);
  CHECK(*same.text == "no differences\n");
  arguments.set = {{"context_length", 256}};
  const Response changed = diff(t.world, t.ann, arguments);
  CHECK(changed.exit_code == 1);
  CHECK(changed.text->find("update Deployment demo\n") == 0);
  CHECK(changed.text->find("256") != std::string::npos);
}

TEST_CASE("status, endpoint and logs ask the target that the record names") {
  Test t;
  StatusArguments demo;
  demo.name = "demo";
  CHECK_THROWS_WITH_AS(status(t.world, t.ann, demo),
                       "there is no deployment `demo` in namespace `model-library`", Problem);
  t.deploy_demo();
  CHECK(status(t.world, t.ann, demo).value.text_at({"phase"}) == "ready");
  EndpointArguments where;
  where.name = "demo";
  CHECK(*endpoint(t.world, t.ann, where).text == "http://127.0.0.1:31000\n");
  demo.name = "demi";
  try {
    status(t.world, t.ann, demo);
    FAIL("it was found");
  } catch (const Problem& problem) {
    CHECK(problem.hint() == "did you mean `demo`?");
  }
  t.podman.log = {"one", "two", "three"};
  LogsArguments arguments;
  arguments.name = "demo";
  arguments.tail = 2;
  std::vector<std::string> lines;
  logs(
      t.world, t.ann, arguments,
      [&](const Node& event) {
        lines.push_back(event.text_at({"line"}));
        return true;
      },
      t.cancel);
  CHECK(join(lines, " ") == "two three");
}

TEST_CASE("a target that does not answer makes statuses unknown and says why, asked once") {
  Test t;
  t.deploy_demo();
  t.deploy_demo([](DeployArguments& arguments) { arguments.name = "second"; });
  t.podman.observe_fails =
      Problem(Kind::unavailable, "podman is not running", "systemctl start podman.socket");
  t.podman.observed = 0;
  const Response all = get_deployments(t.world, t.ann, {});
  REQUIRE(all.value.items().size() == 2);
  CHECK(all.value.items()[1].text_at({"phase"}) == "unknown");
  CHECK(all.value.items()[1].text_at({"summary"}) == "podman is not running");
  CHECK(t.podman.observed == 1);
  CHECK(get_deployments(t.world, t.ann, {.filter = {"name=second"}}).value.items().size() == 1);
}

TEST_CASE("delete removes and keeps storage; with --with-storage what is left goes later too") {
  Test t;
  t.deploy_demo();
  t.podman.kept = {"Volume demo-pvc (1.2 GiB)"};
  DeleteArguments arguments;
  arguments.name = "demo";
  std::string said;
  const auto sink = [&](const Node& event) {
    said = event.text_at({"text"});
    return true;
  };
  delete_deployment(t.world, t.ann, arguments, sink, t.cancel);
  CHECK(said ==
        "removed demo\n  Deployment model-library/demo\nkept\n  Volume demo-pvc (1.2 GiB)\n"
        "remove that too: mlib delete deployment demo --with-storage\n");
  CHECK(t.store->list().empty());
  CHECK_THROWS_AS(delete_deployment(t.world, t.ann, arguments, sink, t.cancel), Problem);
  arguments.with_storage = true;
  delete_deployment(t.world, t.ann, arguments, sink, t.cancel);
  CHECK(said == "removed demo\n  Volume demo-pvc (1.2 GiB)\n");
  CHECK_THROWS_AS(delete_deployment(t.world, t.ann, arguments, sink, t.cancel), Problem);
}

TEST_CASE("a target that is away for a moment does not end the waiting") {
  Test t;
  t.podman.away = 3;
  t.deploy_demo();
  CHECK(t.result.text_at({"phase"}) == "ready");
  CHECK(std::find(t.told.begin(), t.told.end(), "pending: not known now: no answer") != t.told.end());
}

TEST_CASE("what is on one cluster is not changed or removed by way of another") {
  Test t;
  t.podman.place = "uid-1";
  t.deploy_demo();
  t.podman.place = "uid-2";
  const Problem changing = t.failure();
  CHECK(changing.kind() == Kind::conflict);
  CHECK(changing.message() ==
        "`demo` is on another cluster than the one that is reached now (kube-system of that one has uid "
        "uid-1, of this one uid-2)");
  DeleteArguments arguments;
  arguments.name = "demo";
  const auto nobody = [](const Node&) { return true; };
  CHECK(verbs::failure([&] { delete_deployment(t.world, t.ann, arguments, nobody, t.cancel); }).kind() ==
        Kind::conflict);
  CHECK(t.store->get("model-library", "demo")->state == "deployed");
  t.podman.place.clear();  // where it cannot be told, nothing is refused
  delete_deployment(t.world, t.ann, arguments, nobody, t.cancel);
  CHECK(t.store->list().empty());
}

TEST_CASE("a change that ended halfway is told as long as it is not put right") {
  Test t;
  t.deploy_demo();
  t.podman.apply_fails = Problem(Kind::failed, "webhook down");
  t.failure();
  StatusArguments arguments;
  arguments.name = "demo";
  const Response seen = status(t.world, t.ann, arguments);
  CHECK(seen.value.text_at({"phase"}) == "degraded");
  CHECK(seen.value.text_at({"cause"}) == "webhook down");
  t.podman.apply_fails.reset();
  t.deploy_demo();
  CHECK(status(t.world, t.ann, arguments).value.text_at({"phase"}) == "ready");
}

TEST_CASE("names and spans that are none say what is right") {
  Test t;
  const Problem name = t.failure([](DeployArguments& arguments) { arguments.name = "My Demo"; });
  CHECK(name.message() == "`My Demo` is not a valid name");
  CHECK(name.hint().find("did you mean `my-demo`?") == 0);
  const Problem span = t.failure([](DeployArguments& arguments) { arguments.timeout = "soon"; });
  CHECK(span.message() == "--timeout: `soon` is not a span of time");
  const Problem target = t.failure([](DeployArguments& arguments) { arguments.where.target = "podmen"; });
  CHECK(target.message() == "there is no target `podmen`");
  CHECK(target.hint() == "did you mean `podman`? known: podman, kubernetes");
}
