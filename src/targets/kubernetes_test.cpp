#include "targets/kubernetes.hpp"

#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "targets/fake_cluster.hpp"

namespace mlib::targets {
namespace {

using kube::HeldClock;
constexpr std::string_view core = "/api/v1/namespaces/team/";
constexpr std::string_view apps = "/apis/apps/v1/namespaces/team/";

Node object(std::string_view api_version, std::string_view kind, const std::string& name) {
  Node node = schema::read_json(
      R"({"metadata":{"namespace":"team","labels":{"app.kubernetes.io/managed-by":"model-library",)"
      R"("app.kubernetes.io/instance":"llama"}}})");
  node.set("apiVersion", api_version);
  node.set("kind", kind);
  node.child("metadata").set("name", name);
  return node;
}

/// Secret, claim, Service, Deployment, as render gives them, and a target on a fake cluster.
struct Bench {
  FakeCluster cluster;
  HeldClock clock;
  Cancel cancel;
  render::Rendered rendered;
  std::vector<std::string> told;
  std::string id;
  std::unique_ptr<Target> target;

  Bench() {
    kube::Config config;
    config.server = "https://fake";
    config.context = "fake";
    target = kubernetes_target(cluster, clock, {config});
    Node space = schema::read_json(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team"}})");
    Node secret = object("v1", "Secret", "llama-key");
    secret.set("data", schema::read_json(R"({"KEY":"Y2FuYXJ5","SAME":"c2FtZQ=="})"));
    Node claim = object("v1", "PersistentVolumeClaim", "llama-pvc");
    claim.set("spec", schema::read_json(R"({"resources":{"requests":{"storage":"10Gi"}}})"));
    rendered.objects = {space, secret, claim, object("v1", "Service", "llama"),
                        object("apps/v1", "Deployment", "llama")};
  }
  Desired desired(std::vector<Owned> known = {}, bool force = false) {
    return {{"team", "llama", id}, &rendered, std::move(known), force};
  }
  std::vector<Owned> apply(std::vector<Owned> known = {}, bool force = false) {
    return target->apply(
        desired(std::move(known), force),
        [&](std::string_view line) { return told.emplace_back(line), true; }, cancel);
  }
  Removed remove(std::vector<Owned> known, bool with_storage = false) {
    return target->remove({"team", "llama", id}, {with_storage, std::move(known)}, {}, cancel);
  }
  int real_calls() const {
    int count = 0;
    for (const std::string& line : cluster.done) count += line.find('?') == std::string::npos ? 1 : 0;
    return count;
  }
  bool has(std::string_view path) const { return cluster.objects.count(std::string(path)) > 0; }
};

template <class F>
Problem problem_in(F&& work) {
  try {
    work();
  } catch (const Problem& problem) {
    return problem;
  }
  return {Kind::internal, "no problem"};
}

std::string at(std::string_view folder, std::string_view name) {
  return std::string(folder) + std::string(name);
}

TEST_CASE("apply makes the namespace, tries all objects, then applies them in order and gives their uids") {
  Bench bench;
  const auto owned = bench.apply();
  REQUIRE(owned.size() == 4);
  CHECK(owned[3].kind == "Deployment");
  CHECK_FALSE(owned[3].uid.empty());
  const std::vector<std::string> expected{"POST /api/v1/namespaces",
                                          "PATCH? " + at(core, "secrets/llama-key"),
                                          "PATCH? " + at(core, "persistentvolumeclaims/llama-pvc"),
                                          "PATCH? " + at(core, "services/llama"),
                                          "PATCH? " + at(apps, "deployments/llama"),
                                          "POST? " + at(core, "pods"),
                                          "PATCH " + at(core, "secrets/llama-key"),
                                          "PATCH " + at(core, "persistentvolumeclaims/llama-pvc"),
                                          "PATCH " + at(core, "services/llama"),
                                          "PATCH " + at(apps, "deployments/llama")};
  CHECK(bench.cluster.done == expected);
  CHECK(bench.told.back() == "created Deployment team/llama");
}

TEST_CASE("nothing is sent for real when the server refuses one, and all refusals are told together") {
  Bench bench;
  bench.apply();
  const auto before = bench.real_calls();
  Bench fresh;
  fresh.cluster.add("/api/v1/namespaces/team", R"({"kind":"Namespace","metadata":{"name":"team"}})");
  fresh.cluster.refuse = [](const net::Call& call) {
    if (call.method != "PATCH" || call.url.find("/services/") != std::string::npos) return net::Answer{};
    if (call.url.find("/deployments/") != std::string::npos)
      return FakeCluster::status(422, "Invalid", "spec.replicas: Invalid value");
    if (call.url.find("/secrets/") != std::string::npos)
      return FakeCluster::status(403, "Forbidden", "no secrets");
    return net::Answer{};
  };
  const Problem problem = problem_in([&] { fresh.apply(); });
  CHECK(problem.message() == "the cluster refuses 2 of 4 objects; nothing was changed");
  CHECK(problem.findings().size() == 2);
  CHECK(fresh.real_calls() == 0);
  CHECK(before > 0);
}

TEST_CASE("row 34: what was changed before the refusal is left, and deploying again goes on from there") {
  Bench bench;
  const auto owned = bench.apply();
  bench.rendered.objects[3].child("spec").set("type", "NodePort");
  bool refuses = true;
  bench.cluster.refuse = [&](const net::Call& call) {
    const bool real = call.url.find("dryRun") == std::string::npos;
    return refuses && real && call.method == "PATCH" && call.url.find("/deployments/") != std::string::npos
               ? FakeCluster::status(500, "InternalError", "webhook down")
               : net::Answer{};
  };
  const Problem problem = problem_in([&] { bench.apply(owned); });
  REQUIRE(problem.findings().size() == 4);
  CHECK(problem.findings()[2].message == "Service team/llama: changed, and left so");
  refuses = false;
  bench.told.clear();
  CHECK(bench.apply(owned).size() == 4);
  CHECK(bench.told[2] == "unchanged Service team/llama");
}

TEST_CASE("rights that are missing are told all at once, by verb, kind and namespace") {
  Bench bench;
  bench.cluster.add("/api/v1/namespaces/team", R"({"kind":"Namespace","metadata":{"name":"team"}})");
  bench.cluster.denied = {"patch secrets", "create services", "get pods"};
  bench.cluster.refuse = [](const net::Call& call) {
    return call.method == "PATCH" && call.url.find("/secrets/") != std::string::npos
               ? FakeCluster::status(403, "Forbidden", "secrets is forbidden: no")
               : net::Answer{};
  };
  const Problem problem = problem_in([&] { bench.apply(); });
  CHECK(problem.kind() == Kind::forbidden);
  std::vector<std::string> lines;
  for (const Finding& each : problem.findings()) lines.push_back(each.message);
  CHECK(lines == std::vector<std::string>{"you may not patch secrets in namespace team",
                                          "you may not create services in namespace team",
                                          "you may not get pods/log in namespace team"});
  CHECK(bench.real_calls() == 0);
  Bench fresh;
  const auto owned = fresh.apply();
  fresh.cluster.refuse = [](const net::Call& call) {
    return call.method == "DELETE" ? FakeCluster::status(403, "Forbidden", "no") : net::Answer{};
  };
  fresh.cluster.denied = {"delete deployments"};
  const Problem removing = problem_in([&] { fresh.remove(owned); });
  REQUIRE(removing.findings().size() == 1);
  CHECK(removing.findings()[0].message == "you may not delete deployments.apps in namespace team");
}

TEST_CASE("an object of somebody else is never touched") {
  Bench bench;
  bench.cluster.add("/api/v1/namespaces/team", R"({"kind":"Namespace","metadata":{"name":"team"}})");
  bench.cluster.add(at(core, "services/llama"), R"({"kind":"Service","metadata":{"name":"llama"}})");
  const Problem problem = problem_in([&] { bench.apply({}, true); });
  CHECK(problem.kind() == Kind::conflict);
  CHECK(problem.message() == "Service team/llama exists and is not managed by the Model Library");
  CHECK(bench.real_calls() == 0);
}

TEST_CASE(
    "row 8: our labels without a recorded uid are a conflict, unless taken over; claims are taken back up") {
  Bench bench;
  const auto owned = bench.apply();
  CHECK(problem_in([&] { bench.apply(); }).kind() == Kind::conflict);
  CHECK(bench.apply(owned).size() == 4);
  CHECK(bench.apply({}, true).size() == 4);
  bench.remove(owned);
  CHECK(bench.apply()[1].uid == owned[1].uid);
}

TEST_CASE("what an apply made that did not live to record it is its record's by the record's id") {
  Bench bench;
  bench.id = "0f1e";
  bench.apply();
  CHECK(bench.apply().size() == 4);
  bench.id = "another";
  CHECK(problem_in([&] { bench.apply(); }).kind() == Kind::conflict);
  const Removed nothing = bench.remove({});
  CHECK(nothing.removed.empty());
  CHECK(nothing.kept.size() == 4);
  bench.id = "0f1e";
  const Removed all = bench.remove({});
  CHECK(all.removed.size() == 3);
  REQUIRE(all.kept.size() == 1);
  CHECK(all.kept[0] == "PersistentVolumeClaim team/llama-pvc (10Gi)");
  CHECK_FALSE(bench.has(at(apps, "deployments/llama")));
}

TEST_CASE(
    "what the server would say of the pods is asked before anything is sent, and told beside the rest") {
  Bench bench;
  bench.cluster.add("/api/v1/namespaces/team", R"({"kind":"Namespace","metadata":{"name":"team"}})");
  bench.rendered.objects[4].set("spec", schema::read_json(R"({"template":{"spec":{"containers":[]}}})"));
  std::string says = "pods \"llama-dry-run\" is forbidden: violates PodSecurity \"restricted:latest\": no";
  bench.cluster.refuse = [&](const net::Call& call) {
    if (call.method == "POST" && call.url.find("/pods?") != std::string::npos)
      return FakeCluster::status(403, "Forbidden", says);
    if (call.method == "PATCH" && call.url.find("/services/") != std::string::npos)
      return FakeCluster::status(422, "Invalid", "spec.ports: Required value");
    return net::Answer{};
  };
  const Problem problem = problem_in([&] { bench.apply(); });
  CHECK(problem.message() == "the cluster refuses 2 of 4 objects; nothing was changed");
  REQUIRE(problem.findings().size() == 2);
  CHECK(problem.findings()[1].message.starts_with(
      "Deployment team/llama would have no pod: cannot create Pod team/llama-dry-run: "));
  CHECK(problem.findings()[1].message.ends_with("violates PodSecurity \"restricted:latest\": no"));
  CHECK(bench.real_calls() == 0);
  says = "pods is forbidden: User \"ann\" cannot create resource \"pods\" in API group \"\"";
  CHECK(problem_in([&] { bench.apply(); }).message().find("Service team/llama") != std::string::npos);
}

TEST_CASE("a namespace that was made for what is refused is taken back") {
  Bench bench;
  bench.cluster.refuse = [](const net::Call& call) {
    return call.method == "PATCH" && call.url.find("/services/") != std::string::npos
               ? FakeCluster::status(422, "Invalid", "spec.ports: Required value")
               : net::Answer{};
  };
  CHECK(problem_in([&] { bench.apply(); }).kind() == Kind::invalid);
  CHECK_FALSE(bench.has("/api/v1/namespaces/team"));
  CHECK(bench.told == std::vector<std::string>{"created Namespace team", "taken back Namespace team"});
}

TEST_CASE("a kind that the cluster lacks is told among the refusals") {
  Bench bench;
  bench.cluster.add("/api/v1/namespaces/team", R"({"kind":"Namespace","metadata":{"name":"team"}})");
  bench.rendered.objects.push_back(object("example.com/v1", "Gadget", "llama"));
  bench.cluster.refuse = [](const net::Call& call) {
    return call.method == "PATCH" && call.url.find("/services/") != std::string::npos
               ? FakeCluster::status(422, "Invalid", "spec.ports: Required value")
               : net::Answer{};
  };
  const Problem problem = problem_in([&] { bench.apply(); });
  REQUIRE(problem.findings().size() == 2);
  CHECK(problem.findings()[1].message == "the cluster of context `fake` has no Gadget of example.com/v1");
  CHECK(bench.real_calls() == 0);
}

TEST_CASE(
    "a conflict after something was changed is told as a failure, so that it is not taken for nothing") {
  Bench bench;
  const auto owned = bench.apply();
  bench.rendered.objects[3].child("spec").set("type", "NodePort");
  bench.cluster.refuse = [](const net::Call& call) {
    const bool real = call.url.find("dryRun") == std::string::npos;
    return real && call.method == "PATCH" && call.url.find("/deployments/") != std::string::npos
               ? FakeCluster::status(409, "Conflict", "the object has been modified")
               : net::Answer{};
  };
  CHECK(problem_in([&] { bench.apply(owned); }).kind() == Kind::failed);
  bench.rendered.objects[3].child("spec").set("type", "NodePort");
  CHECK(problem_in([&] { bench.apply(owned); }).kind() == Kind::conflict);
}

TEST_CASE(
    "row 34: a failed apply tells what became of each object, takes back what it made and nothing else") {
  Bench bench;
  bench.apply();
  const auto kept = bench.cluster.objects.at(at(core, "persistentvolumeclaims/llama-pvc"));
  Bench second;
  second.cluster.add("/api/v1/namespaces/team", R"({"kind":"Namespace","metadata":{"name":"team"}})");
  second.cluster.add(at(core, "persistentvolumeclaims/llama-pvc"), schema::to_json(kept));
  second.cluster.refuse = [](const net::Call& call) {
    const bool real = call.url.find("dryRun") == std::string::npos;
    return real && call.method == "PATCH" && call.url.find("/deployments/") != std::string::npos
               ? FakeCluster::status(500, "InternalError", "webhook down")
               : net::Answer{};
  };
  const Problem problem = problem_in([&] { second.apply(); });
  CHECK(problem.kind() == Kind::failed);
  std::vector<std::string> became;
  for (const Finding& each : problem.findings()) became.push_back(each.message);
  CHECK(became == std::vector<std::string>{"Secret team/llama-key: created and taken back",
                                           "PersistentVolumeClaim team/llama-pvc: unchanged",
                                           "Service team/llama: created and taken back",
                                           "Deployment team/llama: refused"});
  CHECK_FALSE(second.has(at(core, "secrets/llama-key")));
  CHECK_FALSE(second.has(at(core, "services/llama")));
  CHECK(second.has(at(core, "persistentvolumeclaims/llama-pvc")));
}

TEST_CASE("what is no longer rendered is removed by its uid; claims stay in the records") {
  Bench bench;
  auto owned = bench.apply();
  bench.rendered.objects.erase(bench.rendered.objects.begin() + 1, bench.rendered.objects.begin() + 3);
  Owned replaced = owned[0];
  replaced.name = "other";
  replaced.uid = "another";
  bench.cluster.add(at(core, "secrets/other"), R"({"kind":"Secret","metadata":{"name":"other"}})");
  owned.push_back(replaced);
  const auto now = bench.apply(owned);
  CHECK_FALSE(bench.has(at(core, "secrets/llama-key")));
  CHECK(bench.has(at(core, "secrets/other")));
  CHECK(bench.has(at(core, "persistentvolumeclaims/llama-pvc")));
  REQUIRE(now.size() == 3);
  CHECK(now[2].kind == "PersistentVolumeClaim");
}

TEST_CASE("remove keeps the claim and says its size, with storage it leaves nothing") {
  Bench bench;
  auto owned = bench.apply();
  const Removed first = bench.remove(owned);
  CHECK(first.removed.size() == 3);
  CHECK(first.kept == std::vector<std::string>{"PersistentVolumeClaim team/llama-pvc (10Gi)"});
  const Removed second = bench.remove(owned, true);
  CHECK(second.removed == std::vector<std::string>{"PersistentVolumeClaim team/llama-pvc"});
  CHECK(bench.cluster.objects.size() == 1);  // the namespace
  CHECK(bench.remove(owned, true).removed.empty());
}

TEST_CASE("storage that was left is removed by its labels when its record is gone, but not under what runs") {
  Bench bench;
  const auto owned = bench.apply();
  CHECK(bench.remove({}, true).removed.empty());
  CHECK(bench.has(at(core, "persistentvolumeclaims/llama-pvc")));
  bench.remove(owned);
  CHECK(bench.remove({}, true).removed == std::vector<std::string>{"PersistentVolumeClaim team/llama-pvc"});
}

TEST_CASE("remove leaves what was made anew under the same name, and tells of it") {
  Bench bench;
  auto owned = bench.apply();
  bench.cluster.objects.at(at(core, "services/llama")).child("metadata").set("uid", "new");
  const Removed removed = bench.remove(owned);
  CHECK(bench.has(at(core, "services/llama")));
  CHECK(removed.kept.back() == "Service team/llama (not recorded here, so not touched)");
}

TEST_CASE("remove leaves an object whose labels somebody took away, and tells of it") {
  Bench bench;
  const auto owned = bench.apply();
  bench.cluster.objects.at(at(core, "services/llama")).child("metadata").erase("labels");
  const Removed removed = bench.remove(owned);
  CHECK(bench.has(at(core, "services/llama")));
  CHECK(removed.kept.front() == "Service team/llama (without our labels now, so not touched)");
}

TEST_CASE("remove names the finalizer when an object hangs for a minute") {
  Bench bench;
  auto owned = bench.apply();
  bench.cluster.lingers = true;
  const Problem problem = problem_in([&] { bench.remove(owned); });
  CHECK(problem.kind() == Kind::timeout);
  CHECK(problem.message() ==
        "Deployment team/llama is still there after 60 s; it waits for its finalizer example.com/hold");
  CHECK(bench.clock.passed >= std::chrono::seconds{60});
}

TEST_CASE("a cancelled remove stops waiting") {
  Bench bench;
  auto owned = bench.apply();
  bench.cluster.lingers = true;
  bench.cluster.refuse = [&](const net::Call& call) {
    if (call.method == "DELETE" && call.url.find("/secrets/") != std::string::npos) bench.cancel.ask();
    return net::Answer{};
  };
  CHECK(problem_in([&] { bench.remove(owned); }).kind() == Kind::cancelled);
}

TEST_CASE("plan changes nothing, masks secrets, and still shows which of them differ") {
  Bench bench;
  const auto owned = bench.apply();
  const int before = bench.real_calls();
  bench.rendered.objects[1].child("data").set("KEY", "b3RoZXI=");
  const auto changes = bench.target->plan(bench.desired(owned));
  CHECK(bench.real_calls() == before);
  REQUIRE(changes.size() == 4);
  CHECK(changes[0].action == Change::Action::update);
  CHECK(changes[0].before.find("Y2FuYXJ5") == std::string::npos);
  CHECK(changes[0].after.find("b3RoZXI=") == std::string::npos);
  CHECK(changes[0].before.find("*** (before)") != std::string::npos);
  CHECK(changes[0].after.find("*** (after)") != std::string::npos);
  CHECK(changes[0].before.find("SAME: \"***\"\n") != std::string::npos);
  CHECK(changes[0].after.find("SAME: \"***\"\n") != std::string::npos);
  CHECK(changes[2].action == Change::Action::unchanged);
}

TEST_CASE("a changed Secret restarts the pods that read it, an unchanged one does not") {
  Bench bench;
  const auto owned = bench.apply();
  const auto pods = [&] {
    return bench.cluster.objects.at(at(apps, "deployments/llama"))
        .text_at({"spec", "template", "metadata", "annotations", "model-library/configuration"});
  };
  const std::string first = pods();
  CHECK_FALSE(first.empty());
  CHECK(bench.target->plan(bench.desired(owned))[3].action == Change::Action::unchanged);
  bench.apply(owned);
  CHECK(pods() == first);
  bench.rendered.objects[1].child("data").set("KEY", "b3RoZXI=");
  CHECK(bench.target->plan(bench.desired(owned))[3].action == Change::Action::update);
  bench.apply(owned);
  CHECK(pods() != first);
}

TEST_CASE("an earlier rendering keeps the Secret that runs, and is refused when that lacks a key") {
  Bench bench;
  const auto owned = bench.apply();
  bench.rendered.objects[1].child("data").set("KEY", "***");
  Desired desired = bench.desired(owned);
  desired.keeps_secrets = true;
  const Cancel never;
  bench.target->apply(desired, nullptr, never);
  const Node& secret = bench.cluster.objects.at(at(core, "secrets/llama-key"));
  CHECK(secret.text_at({"data", "KEY"}) == "Y2FuYXJ5");
  bench.rendered.objects[1].child("data").set("OTHER", "***");
  const Problem problem = problem_in([&] { bench.target->apply(desired, nullptr, never); });
  CHECK(problem.kind() == Kind::conflict);
  CHECK(problem.message().find("had a value of `OTHER` then") != std::string::npos);
  CHECK(secret.find("data")->find("OTHER") == nullptr);
}

TEST_CASE("plan in a namespace that is not there yet says that it would be made") {
  Bench bench;
  const auto changes = bench.target->plan(bench.desired());
  CHECK(bench.real_calls() == 0);
  REQUIRE(changes.size() == 5);
  CHECK(changes[0].object == "Namespace team");
  CHECK(changes[1].after.find("Y2FuYXJ5") == std::string::npos);
  CHECK(changes[4].action == Change::Action::create);
}

TEST_CASE("row 4: a namespace that is being deleted is not applied into") {
  Bench bench;
  bench.cluster.add("/api/v1/namespaces/team",
                    R"({"kind":"Namespace","metadata":{"name":"team"},"status":{"phase":"Terminating"}})");
  CHECK(problem_in([&] { bench.apply(); }).message() == "namespace team is being deleted");
}

TEST_CASE("a gateway that is away for a moment costs nothing but time") {
  Bench bench;
  int count = 0;
  bench.cluster.refuse = [&](const net::Call& call) {
    return call.method == "PATCH" && ++count % 3 == 0 ? FakeCluster::status(503, "", "away") : net::Answer{};
  };
  CHECK(bench.apply().size() == 4);
  CHECK(bench.clock.passed > std::chrono::milliseconds{0});
}

}  // namespace
}  // namespace mlib::targets
