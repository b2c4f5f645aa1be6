#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "targets/fake_cluster.hpp"
#include "targets/kubernetes.hpp"

namespace mlib::targets {
namespace {

const std::string ours = R"("labels":{"app.kubernetes.io/managed-by":"model-library"})";
const std::string of_llama =
    R"("labels":{"app.kubernetes.io/managed-by":"model-library","app.kubernetes.io/instance":"llama"})";
const std::string space = "/api/v1/namespaces/team";

/// A cluster whose namespace `team` is ours and holds a few things.
struct Bench {
  FakeCluster cluster;
  kube::HeldClock clock;
  Cancel cancel;
  std::vector<std::string> told;
  std::unique_ptr<Target> target;

  Bench() {
    kube::Config config;
    config.server = "https://fake";
    config.context = "fake";
    target = kubernetes_target(cluster, clock, {config});
    const auto list = [](std::string_view text) {
      net::Answer answer;
      answer.status = 200;
      answer.body = text;
      return answer;
    };
    cluster.refuse = [list](const net::Call& call) {
      if (call.url.ends_with("/api/v1"))
        return list(R"({"resources":[
          {"name":"pods","kind":"Pod","namespaced":true,"verbs":["list"]},
          {"name":"pods/log","kind":"Pod","namespaced":true,"verbs":["get"]},
          {"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["list"]},
          {"name":"nodes","kind":"Node","namespaced":false,"verbs":["list"]},
          {"name":"persistentvolumeclaims","kind":"PersistentVolumeClaim","namespaced":true,"verbs":["list"]}]})");
      if (call.url.ends_with("/apis"))
        return list(R"({"groups":[{"preferredVersion":{"groupVersion":"apps/v1"}}]})");
      if (call.url.ends_with("/apis/apps/v1"))
        return list(
            R"({"resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["list"]}]})");
      return net::Answer{};
    };
    cluster.add(space, R"({"kind":"Namespace","metadata":{"name":"team",)" + ours + "}}");
    cluster.add(space + "/configmaps/kube-root-ca.crt", R"({"metadata":{"name":"kube-root-ca.crt"}})");
    cluster.add(space + "/configmaps/notes", R"({"metadata":{"name":"notes"}})");
    cluster.add(space + "/persistentvolumeclaims/llama-pvc",
                R"({"spec":{"resources":{"requests":{"storage":"10Gi"}}},"metadata":{"name":"llama-pvc",)" +
                    of_llama + "}}");
    cluster.add(
        space + "/pods/llama-1",
        R"({"metadata":{"name":"llama-1","ownerReferences":[{"kind":"ReplicaSet"}],)" + of_llama + "}}");
    cluster.add("/apis/apps/v1/namespaces/team/deployments/llama",
                R"({"metadata":{"name":"llama",)" + of_llama + "}}");
  }
  std::string refused(const std::string& name) {
    try {
      target->remove_namespace(
          name, [](std::string_view) { return true; }, cancel);
    } catch (const Problem& problem) {
      return problem.message();
    }
    return "it was removed";
  }
};

TEST_CASE("what a namespace holds is told: whose it is, with sizes, without what the cluster puts there") {
  Bench bench;
  CHECK(bench.target->contents("team") ==
        std::vector<std::string>{"ConfigMap notes, not of the Model Library",
                                 "PersistentVolumeClaim llama-pvc (10Gi), of llama",
                                 "Deployment llama, of llama", "1 Pod that those own"});
  CHECK(bench.cluster.done.empty());
}

TEST_CASE("a namespace of the cluster, the shared one and one that we did not make are not deleted") {
  Bench bench;
  bench.cluster.add("/api/v1/namespaces/theirs", R"({"metadata":{"name":"theirs"}})");
  CHECK(bench.refused("kube-system") == "namespace kube-system is not deleted: it belongs to the cluster");
  CHECK(bench.refused("default") == "namespace default is not deleted: it belongs to the cluster");
  CHECK(bench.refused("model-library") ==
        "namespace model-library is not deleted: everybody who names no namespace deploys there");
  CHECK(bench.refused("theirs") == "namespace theirs is not deleted: the Model Library did not make it");
  CHECK(bench.refused("absent") == "there is no namespace absent in the cluster of context `fake`");
  CHECK(bench.cluster.done.empty());
}

TEST_CASE("who may not delete a namespace is told so before anything is listed or asked") {
  Bench bench;
  bench.cluster.denied = {"delete namespaces"};
  CHECK(bench.refused("team") == "namespace team is not deleted: you may not delete namespaces team");
  CHECK_THROWS_AS(bench.target->contents("team"), Problem);
  CHECK(bench.cluster.done.empty());
}

TEST_CASE("removing a namespace waits for its end, and names the finalizer that holds it") {
  Bench bench;
  CHECK(bench.refused("team") == "it was removed");
  CHECK(bench.cluster.done == std::vector<std::string>{"DELETE " + space});
  Bench held;
  held.cluster.lingers = true;
  held.cluster.add(space + "/configmaps/notes",
                   R"({"metadata":{"name":"notes","finalizers":["example.com/hold"]}})");
  CHECK(held.refused("team") ==
        "namespace team is still there after 300 s: its finalizers example.com/hold; ConfigMap notes has the "
        "finalizer example.com/hold");
}

TEST_CASE("events are those of its objects and the states of its containers, by time") {
  Bench bench;
  bench.cluster.add(space + "/pods/llama-1", R"({"metadata":{"name":"llama-1",)" + of_llama +
                                                 R"(},"status":{"containerStatuses":[{"name":"server",
      "lastState":{"terminated":{"finishedAt":"2026-11-28T16:00:03Z","exitCode":137,"reason":"OOMKilled"}},
      "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}}}]}})");
  bench.cluster.add(space + "/events/b", R"({"type":"Warning","reason":"BackOff","message":"again","count":4,
    "lastTimestamp":"2026-11-28T16:00:05Z","involvedObject":{"kind":"Pod","name":"llama-1"}})");
  bench.cluster.add(space + "/events/a", R"({"type":"Normal","reason":"Scaled","message":"to 1",
    "lastTimestamp":"2026-11-28T16:00:01Z","involvedObject":{"kind":"Deployment","name":"llama"}})");
  bench.cluster.add(space + "/events/c", R"({"type":"Normal","reason":"Other","message":"not ours",
    "lastTimestamp":"2026-11-28T16:00:01Z","involvedObject":{"kind":"Pod","name":"other-1"}})");
  std::vector<std::string> lines;
  for (const Event& each : bench.target->events({"team", "llama"}))
    lines.push_back(
        fmt::format("{} {} {} {} {}", each.type, each.object, each.reason, each.message, each.count));
  CHECK(lines == std::vector<std::string>{
                     "Normal Deployment llama Scaled to 1 1",
                     "State Container server of llama-1 OOMKilled exit code 137 (the run before) 1",
                     "Warning Pod llama-1 BackOff again 4",
                     "State Container server of llama-1 CrashLoopBackOff back-off 1"});
  CHECK_THROWS_AS(bench.target->events({"team", "absent"}), Problem);
}

}  // namespace
}  // namespace mlib::targets
