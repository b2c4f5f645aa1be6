#include "targets/kube_watcher.hpp"

#include <doctest/doctest.h>

#include "cards/library.hpp"
#include "kube/scripted_http.hpp"
#include "targets/fake_kube_watcher.hpp"
#include "targets/kube_watcher_config.hpp"

namespace mlib::targets {
namespace {

using Shape = FakeKubeWatcher::Shape;

const std::string manifest = R"(apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Secret
metadata: {name: demo-key, namespace: a}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: demo-pvc, namespace: a}
---
apiVersion: v1
kind: Service
metadata: {name: demo, namespace: a}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo, namespace: a}
spec:
  replicas: 1
  template:
    spec: {containers: [{name: c, args: ["--pem=a---b", "x"]}]}
)";

/// A target on a fake Kube Watcher, and what it said.
struct Bench {
  explicit Bench(Shape shape) : fake(shape) {
    rendered.objects = schema::read_yaml({"manifest", manifest});
    options.url = fake.url();
    options.causes = cards::load_causes(cards::embedded());
  }
  std::unique_ptr<Target> target() { return kube_watcher_target(*http, clock, options); }
  Desired desired(bool replace = false) {
    Desired made;
    made.ref = ref;
    made.rendered = &rendered;
    made.known = known;
    made.replace = replace;
    return made;
  }
  const LineSink progress = [this](std::string_view line) {
    said += std::string(line) + '\n';
    return true;
  };
  std::vector<Owned> apply(bool replace = false) {
    known = target()->apply(desired(replace), progress, never);
    return known;
  }
  Problem failure(bool replace = false) {
    try {
      target()->apply(desired(replace), progress, never);
    } catch (const Problem& problem) {
      return problem;
    }
    return {Kind::internal, "it did not fail"};
  }
  Removed remove(bool with_storage = false) {
    RemoveOptions removing;
    removing.with_storage = with_storage;
    removing.known = known;
    return target()->remove(ref, removing, progress, never);
  }
  bool there(const std::string& id) const { return fake.objects.count(id) > 0; }

  FakeKubeWatcher fake;
  KubeWatcherOptions options;
  std::unique_ptr<net::Client> http = net::make_client();
  kube::HeldClock clock;
  render::Rendered rendered;
  Ref ref{"a", "demo"};
  std::vector<Owned> known;
  std::string said;
  const Cancel never;
};

std::string texts(const Problem& problem) {
  return to_text(problem) + "\n" + problem.message() + "\n" + problem.hint();
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr Shape shapes[] = {Shape::plain, Shape::lists, Shape::today};

}  // namespace

TEST_CASE("every generation creates all objects, each whole however its text is split") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    const std::vector<Owned> owned = bench.apply();
    CHECK(owned.size() == 4);
    for (const char* id :
         {"Secret/a/demo-key", "PersistentVolumeClaim/a/demo-pvc", "Service/a/demo", "Deployment/a/demo"})
      CHECK(bench.there(id));
    for (const std::string& config : bench.fake.configs) CHECK(!has(config, "---"));
    const Node& deployment = bench.fake.objects["Deployment/a/demo"];
    CHECK(deployment.text_at({"spec", "template", "spec", "containers", "0", "args", "0"}) == "--pem=a---b");
    CHECK(owned.back().uid == (shape == Shape::today ? "uid-of-Deployment/a/demo" : ""));
  }
}

TEST_CASE("a namespace that exists is no failure, any other object is one and is named") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.fake.objects["Namespace//a"] = bench.rendered.objects[0];
    bench.fake.objects["Service/a/demo"] = Node::map();
    const Problem problem = bench.failure();
    CHECK(problem.kind() == Kind::conflict);
    CHECK(has(texts(problem), "Service a/demo: "));
    CHECK(has(texts(problem), shape == Shape::plain ? "does not say why" : "already exists"));
    CHECK(!bench.there("Deployment/a/demo"));
    CHECK(!bench.there("Secret/a/demo-key"));
    CHECK(bench.there("PersistentVolumeClaim/a/demo-pvc") == (shape != Shape::today));
    CHECK(has(problem.hint(), shape == Shape::today
                                  ? "nothing of it is left"
                                  : "left: PersistentVolumeClaim a/demo-pvc (Kube Watcher"));
  }
}

TEST_CASE("a failure inside a 200 carries Kubernetes' own words") {
  Bench bench(Shape::today);
  bench.fake.refused = {"PersistentVolumeClaim"};
  const Problem problem = bench.failure();
  CHECK(problem.kind() == Kind::failed);
  CHECK(has(texts(problem), "PersistentVolumeClaim a/demo-pvc: exceeded quota"));
}

TEST_CASE("what it says that it created is looked for") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.fake.lies = true;
    CHECK(has(texts(bench.failure()),
              "Deployment a/demo: Kube Watcher says that it was created, and it is not there"));
  }
}

TEST_CASE("the same again changes nothing, without asking for a replacement") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.rendered.objects[1].child("data").set("k", "Y2FuYXJ5");
    bench.apply();
    const std::size_t sent = bench.fake.configs.size();
    for (const Change& change : bench.target()->plan(bench.desired()))
      CHECK(change.action == Change::Action::unchanged);
    const std::vector<Owned> owned = bench.apply();
    CHECK(bench.fake.configs.size() == sent);
    CHECK(owned.size() == 4);
    CHECK(has(bench.said, "demo runs already as asked for"));
  }
}

TEST_CASE("a change is a conflict, and replace creates it anew with its storage kept") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.apply();
    const std::size_t sent = bench.fake.configs.size();
    bench.rendered.objects.back().child("spec").set("replicas", 2);
    const Problem problem = bench.failure();
    CHECK(problem.kind() == Kind::conflict);
    CHECK(has(problem.message(), "Deployment a/demo"));
    CHECK(has(problem.hint(), "--replace"));
    CHECK(bench.fake.configs.size() == sent);
    bench.fake.objects["Deployment/a/demo"].set("old", true);
    bench.fake.objects["PersistentVolumeClaim/a/demo-pvc"].set("old", true);
    bench.apply(true);
    CHECK(bench.fake.objects["Deployment/a/demo"].find("old") == nullptr);
    CHECK(bench.fake.objects["PersistentVolumeClaim/a/demo-pvc"].find("old") != nullptr);
    CHECK(has(bench.said, "PersistentVolumeClaim a/demo-pvc exists already and is used as it is"));
  }
}

TEST_CASE("a difference is told against what was deployed last, and no secret with it") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.rendered.objects[1].child("data").set("k", "Y2FuYXJ5");
    bench.apply();
    Desired desired = bench.desired();
    desired.last = render::to_manifest(bench.rendered, false);
    render::Rendered next = bench.rendered;
    next.objects[1].child("data").set("k", "b3RoZXI=");
    next.objects.back().child("spec").set("replicas", 2);
    desired.rendered = &next;
    std::string before, after;
    for (const Change& change : bench.target()->plan(desired))
      if (change.action == Change::Action::update) before += change.before, after += change.after;
    CHECK(has(before, "replicas: 1"));
    CHECK(has(after, "replicas: 2"));
    CHECK(has(before, "*** (before)"));
    CHECK(has(after, "*** (after)"));
    CHECK(!has(before + after, "Y2FuYXJ5"));
    CHECK(!has(before + after, "b3RoZXI="));
  }
}

TEST_CASE("what it cannot delete belongs to the Service, and Kubernetes deletes it along") {
  for (const Shape shape : {Shape::lists, Shape::today}) {
    Bench bench(shape);
    bench.rendered.objects[1].child("data").set("k", "Y2FuYXJ5");
    Node files = schema::read_json(
        R"({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-files", "namespace": "a"}})");
    bench.rendered.objects.insert(bench.rendered.objects.begin() + 1, files);
    bench.apply();
    CHECK(bench.there("ConfigMap/a/demo-files"));
    bench.rendered.objects[2].child("data").set("k", "b3RoZXI=");
    bench.apply(true);
    CHECK(bench.fake.objects["Secret/a/demo-key"].text_at({"data", "k"}) == "b3RoZXI=");
    const Removed removed = bench.remove();
    CHECK(bench.fake.objects.size() == 2);  // the claim and the namespace
    CHECK(removed.kept.size() == 1);
  }
}

TEST_CASE("an earlier rendering keeps the Secret that runs") {
  Bench bench(Shape::today);
  bench.rendered.objects[1].child("data").set("k", "Y2FuYXJ5");
  bench.apply();
  Desired desired = bench.desired(true);
  desired.keeps_secrets = true;
  desired.last = render::to_manifest(bench.rendered, false);
  render::Rendered then = bench.rendered;
  then.objects[1].child("data").set("k", "***");
  then.objects.back().child("spec").set("replicas", 3);
  desired.rendered = &then;
  bench.known = bench.target()->apply(desired, bench.progress, bench.never);
  CHECK(bench.known.size() == 4);
  CHECK(bench.fake.objects["Secret/a/demo-key"].text_at({"data", "k"}) == "Y2FuYXJ5");
  CHECK(bench.fake.objects["Deployment/a/demo"].integer_at({"spec", "replicas"}) == 3);
  then.objects[1].child("data").set("other", "***");
  CHECK_THROWS_WITH_AS(bench.target()->apply(desired, bench.progress, bench.never),
                       doctest::Contains("has none"), Problem);
  Bench early(Shape::lists);
  early.rendered.objects[1].child("data").set("k", "Y2FuYXJ5");
  early.apply();
  desired.known = early.known;
  CHECK_THROWS_WITH_AS(early.target()->apply(desired, early.progress, early.never),
                       doctest::Contains("cannot go back"), Problem);
}

TEST_CASE("a Deployment of others is neither replaced nor removed") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.fake.objects["Deployment/a/demo"] = bench.rendered.objects.back();
    CHECK(bench.failure(true).kind() == Kind::conflict);
    CHECK(bench.fake.configs.empty());
    bench.remove(true);
    CHECK(bench.there("Deployment/a/demo"));
  }
}

TEST_CASE("a Secret that the oldest cannot replace stops it before anything is deleted") {
  Bench bench(Shape::plain);
  bench.rendered.objects[1].child("data").set("k", "dg==");
  bench.apply();
  bench.rendered.objects[1].child("data").set("k", "dnY=");
  const Problem problem = bench.failure(true);
  CHECK(problem.kind() == Kind::conflict);
  CHECK(has(problem.hint(), "kubectl -n a delete secret demo-key"));
  CHECK(bench.there("Deployment/a/demo"));
}

TEST_CASE("remove tells what the early one leaves") {
  Bench bench(Shape::plain);
  bench.apply();
  const Removed removed = bench.remove(true);
  CHECK(removed.removed == std::vector<std::string>{"Deployment a/demo", "Service a/demo"});
  CHECK(removed.kept.size() == 2);
  CHECK(has(removed.kept[1],
            "Secret a/demo-key (Kube Watcher cannot delete it: kubectl -n a delete secret demo-key)"));
}

TEST_CASE("remove by today's takes its own label only, and storage when asked") {
  Bench bench(Shape::today);
  bench.apply();
  Node theirs = bench.fake.objects["Secret/a/demo-key"];
  theirs.child("metadata").child("labels").set(kube_watcher::deployment_label, "another");
  theirs.child("metadata").child("labels").set(kube_watcher::part_label, "another.run");
  theirs.child("metadata").child("labels").set("app.kubernetes.io/instance", "demo");
  bench.fake.objects["Secret/a/theirs"] = theirs;
  const Removed removed = bench.remove();
  CHECK(removed.kept == std::vector<std::string>{"PersistentVolumeClaim a/demo-pvc"});
  CHECK(!bench.there("Deployment/a/demo"));
  CHECK(!bench.there("Secret/a/demo-key"));
  CHECK(bench.there("Secret/a/theirs"));
  CHECK(bench.there("PersistentVolumeClaim/a/demo-pvc"));
  bench.remove(true);
  CHECK(!bench.there("PersistentVolumeClaim/a/demo-pvc"));
  CHECK(bench.remove().removed.empty());
}

TEST_CASE("a namespace that is silently ignored is noticed") {
  Bench bench(Shape::today);
  bench.apply();
  bench.fake.ignores_namespace = true;
  CHECK_THROWS_WITH_AS(bench.remove(), "Kube Watcher deleted nothing", Problem);
}

TEST_CASE("the same name in another namespace has another mark") {
  CHECK(kube_watcher::mark_of({"a", "demo"}) != kube_watcher::mark_of({"b", "demo"}));
  CHECK(kube_watcher::mark_of({"a", "b"}).size() == 24);
}

TEST_CASE("status comes from counts, null for 0") {
  for (const Shape shape : shapes) {
    Bench bench(shape);
    bench.options.node_address = "192.0.2.7";
    CHECK(bench.target()->observe(bench.ref).phase == Phase::absent);
    bench.apply();
    const Phase waiting = bench.target()->observe(bench.ref).phase;
    CHECK((waiting == Phase::starting || waiting == Phase::pending));
    bench.fake.available["demo"] = 1;
    const Status status = bench.target()->observe(bench.ref);
    CHECK(status.phase == Phase::ready);
    CHECK(status.summary == "1 of 1 ready");
    CHECK(status.endpoint == (shape == Shape::today ? "http://192.0.2.7:30456" : "http://192.0.2.7:30123"));
  }
}

TEST_CASE("today's pods tell why, in Python's words") {
  Bench bench(Shape::today);
  bench.apply();
  bench.fake.pods = schema::read_json(R"({"demo-1": {"metadata": {"name": "demo-1", "namespace": "a",
    "creation_timestamp": "2026-01-01T00:00:00+00:00", "deletion_timestamp": null},
    "spec": {"node_name": "n", "containers": [{"name": "c", "image": "no/such:1"}]},
    "status": {"phase": "Pending", "host_ip": "192.0.2.9", "container_statuses": [{"name": "c", "image": "no/such:1",
      "restart_count": 0, "state": {"running": null, "terminated": null,
      "waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"no/such:1\""}}}]}}})");
  bench.fake.log = "first\nlast\n";
  const Status status = bench.target()->observe(bench.ref);
  CHECK(has(status.cause, "image"));
  CHECK(status.endpoint == "http://192.0.2.9:30456");
  std::vector<std::string> lines;
  LogOptions options;
  options.tail = 2;
  bench.target()->logs(
      bench.ref, options,
      [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      },
      bench.never);
  CHECK(lines == std::vector<std::string>{"c | first", "c | last"});
}

TEST_CASE("the early one has no logs, and says where they are") {
  Bench bench(Shape::lists);
  try {
    bench.target()->logs(
        bench.ref, {}, [](std::string_view) { return true; }, bench.never);
    FAIL("it has logs");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::unsupported);
    CHECK(has(problem.hint(), "kubectl -n a logs"));
  }
}

TEST_CASE("its key goes to it alone, and a key that it refuses is said") {
  Bench bench(Shape::today);
  bench.fake.key = "canary-key";
  const Problem refused = bench.failure();
  CHECK(refused.kind() == Kind::unauthorized);
  bench.options.key = Secret<std::string>("canary-key");
  bench.apply();
  CHECK(bench.fake.keys.back() == "Bearer canary-key");
  net::Server elsewhere({.workers = 1}, [&](const net::Received&) {
    net::Reply reply;
    reply.status = 307;
    reply.headers = {{"location", bench.fake.url() + "/v1/get_deployments"}};
    return reply;
  });
  Bench other(Shape::today);
  other.options.url = fmt::format("http://127.0.0.1:{}", elsewhere.port());
  other.options.key = Secret<std::string>("canary-other");
  const Problem problem = other.failure();
  CHECK(!has(texts(problem), "canary"));
  for (const std::string& key : bench.fake.keys) CHECK(!has(key, "canary-other"));
}

TEST_CASE("what is no Kube Watcher, or is not there, is unavailable") {
  Bench bench(Shape::today);
  net::Server page({.workers = 1}, [](const net::Received&) { return net::Reply{.body = "hello"}; });
  bench.options.url = fmt::format("http://127.0.0.1:{}", page.port());
  CHECK(bench.failure().kind() == Kind::unavailable);
  page.stop();
  const Problem down = bench.failure();
  CHECK(down.kind() == Kind::unavailable);
  CHECK(has(down.hint(), "--kube-watcher-url"));
  bench.options.url = "";
  CHECK(bench.failure().kind() == Kind::usage);
}

TEST_CASE("a plan asks and changes nothing") {
  Bench bench(Shape::today);
  bench.rendered.objects[1].child("data").set("k", "Y2FuYXJ5");
  const std::vector<Change> changes = bench.target()->plan(bench.desired());
  CHECK(changes.size() == 5);
  CHECK(bench.fake.configs.empty());
  for (const Change& change : changes) {
    CHECK(change.action == Change::Action::create);
    CHECK(!has(change.after, "Y2FuYXJ5"));
  }
}

TEST_CASE("Python's names of fields become Kubernetes', nulls go and labels stay") {
  const Node pod = kube_watcher::camel(schema::read_json(
      R"({"container_id": 1, "host_ip": "h", "exit_code": 3, "running": null, "labels": {"my_label": "x"}, "l": [{"a_b": 1}]})"));
  CHECK(schema::to_json(pod) ==
        R"({"containerID":1,"hostIP":"h","exitCode":3,"labels":{"my_label":"x"},"l":[{"aB":1}]})");
}

}  // namespace mlib::targets
