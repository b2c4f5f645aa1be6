#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "targets/fake_cluster.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {

TEST_CASE("a node's requests count as the scheduler counts them, and its GPUs have their product's name") {
  FakeCluster cluster;
  kube::HeldClock clock;
  kube::Config config;
  config.server = "https://fake";
  kube::Client client(cluster, clock, config);
  cluster.add("/api/v1/nodes/g",
              R"({"metadata":{"name":"g","labels":{"nvidia.com/gpu.product":"NVIDIA-H100-80GB-HBM3"}},
                  "spec":{"unschedulable":true},
                  "status":{"allocatable":{"cpu":"15500m","memory":"32Gi","nvidia.com/gpu":"8","pods":"110"}}})");
  // 100m and a sidecar of 200m run together: 300m; the init step before the sidecar alone needs 1.
  cluster.add("/api/v1/pods/p", R"({"metadata":{"name":"p"},"spec":{"nodeName":"g","overhead":{"cpu":"50m"},
      "initContainers":[{"resources":{"requests":{"cpu":"1"}}},
                        {"restartPolicy":"Always","resources":{"requests":{"cpu":"200m"}}}],
      "containers":[{"resources":{"requests":{"cpu":"100m","memory":"1Gi","nvidia.com/gpu":"2"}}}]}})");
  cluster.add("/api/v1/pods/q",
              R"({"metadata":{"name":"q"},"spec":{"containers":[{"resources":{"requests":{"cpu":"9"}}}]}})");
  const std::vector<Capacity> machines = capacity(client);
  REQUIRE(machines.size() == 1);
  const Capacity& g = machines[0];
  CHECK(g.closed == "cordoned");
  CHECK(g.cpus.has == doctest::Approx(15.5));
  CHECK(g.cpus.requested == doctest::Approx(1.05));
  CHECK_FALSE(g.cpus.used);
  CHECK(g.memory.requested == 0x1p30);
  REQUIRE(g.gpus.size() == 1);
  CHECK(g.gpus[0].product == "NVIDIA-H100-80GB-HBM3");
  CHECK(g.gpus[0].amount.has == 8);
  CHECK(g.gpus[0].amount.requested == 2);
}

TEST_CASE("what runs is told with its image's digest, its limits and its restarts") {
  FakeCluster cluster;
  kube::HeldClock clock;
  kube::Config config;
  config.server = "https://fake";
  kube::Client client(cluster, clock, config);
  const std::string labels =
      R"("labels":{"app.kubernetes.io/managed-by":"model-library","app.kubernetes.io/instance":"a"})";
  cluster.add("/api/v1/namespaces/n/pods/p", R"({"metadata":{"name":"p","namespace":"n",)" + labels + R"(},
      "spec":{"nodeName":"node-1","containers":[{"name":"engine","image":"x:1","args":["--threads","4"],
        "resources":{"limits":{"cpu":"1500m","memory":"1Gi"}}}]},
      "status":{"containerStatuses":[{"name":"engine","imageID":"docker.io/x@sha256:abc","restartCount":2,
        "state":{"running":{"startedAt":"2026-11-28T10:00:00Z"}}}]}})");
  cluster.add("/api/v1/namespaces/n/pods/old",
              R"({"metadata":{"name":"old","namespace":"n","deletionTimestamp":"2026-11-28T10:00:00Z",)" +
                  labels + R"(},"spec":{"containers":[{"name":"engine"}]}})");
  const std::vector<Running> all = running(client, {"n", "a"});
  REQUIRE(all.size() == 1);
  CHECK(all[0].container == "engine");
  CHECK(all[0].digest == "sha256:abc");
  CHECK(all[0].command == std::vector<std::string>{"--threads", "4"});
  CHECK(all[0].machine == "node-1");
  CHECK(all[0].cpus == 1.5);
  CHECK(all[0].memory == 0x1p30);
  CHECK(all[0].started == "2026-11-28T10:00:00Z");
  CHECK(all[0].restarts == 2);
  CHECK_FALSE(all[0].used);  // nobody measures
  cluster.add(
      "/apis/metrics.k8s.io/v1beta1",
      R"({"resources":[{"name":"pods","kind":"PodMetrics","namespaced":true,"verbs":["get","list"]}]})");
  cluster.add("/apis/metrics.k8s.io/v1beta1/namespaces/n/pods/p",
              R"({"metadata":{"name":"p","namespace":"n"},"containers":[{"name":"other","usage":{"cpu":"3"}},
                  {"name":"engine","usage":{"cpu":"1250m"}}]})");
  CHECK(running(client, {"n", "a"}).at(0).used == 1.25);
}

}  // namespace mlib::targets::kubernetes
