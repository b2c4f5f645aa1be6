#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "targets/fake_cluster.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

/// A cluster in memory, its client, and one Service of ours in namespace a.
struct Bed {
  FakeCluster cluster;
  kube::HeldClock clock;
  kube::Config config = [] {
    kube::Config made;
    made.server = "https://fake";
    return made;
  }();
  kube::Client client{cluster, clock, config};
  Seen seen;

  explicit Bed(std::string_view service) { seen.services.push_back(schema::read_json(service)); }
  Reached look() { return endpoint_of(client, seen); }
};

std::string service(std::string_view type, std::string_view port, std::string_view status = "{}") {
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s","namespace":"a","labels":{{"app.kubernetes.io/instance":"x"}}}},"spec":{{"type":"{}","clusterIP":"10.0.0.1","ports":[{}]}},"status":{}}})",
      type, port, status);
}

std::string ingress(std::string_view spec, std::string_view status = "{}") {
  return fmt::format(
      R"({{"metadata":{{"name":"i","namespace":"a","labels":{{"app.kubernetes.io/instance":"x"}}}},"spec":{},"status":{}}})",
      spec, status);
}

constexpr std::string_view http_port = R"({"name":"http","port":8080})";
constexpr std::string_view rule =
    R"({"http":{"paths":[{"path":"/llm/","backend":{"service":{"name":"s"}}}]}})";

}  // namespace

TEST_CASE("a NodePort is at the external address of the pod's node, else its internal one, else any node's") {
  Bed bed(service("NodePort", R"({"name":"http","port":8080,"nodePort":31000})"));
  CHECK(bed.look().url == "http://fake:31000");
  bed.cluster.add(
      "/api/v1/nodes/a",
      R"({"metadata":{"name":"a"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.7"}]}})");
  CHECK(bed.look().url == "http://10.0.0.7:31000");
  bed.cluster.add(
      "/api/v1/nodes/b",
      R"({"metadata":{"name":"b"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.8"},{"type":"ExternalIP","address":"2001:db8::1"}]}})");
  CHECK(bed.look().url == "http://[2001:db8::1]:31000");
  bed.seen.pods.push_back(schema::read_json(R"({"spec":{"nodeName":"a"},"status":{"hostIP":"10.0.0.7"}})"));
  CHECK(bed.look().url == "http://10.0.0.7:31000");
  CHECK(bed.look().forward.empty());
}

TEST_CASE("a load balancer is reached by its name or address, and by its NodePort until it has one") {
  const std::string port = R"({"name":"http","port":80,"nodePort":31000})";
  CHECK(
      Bed(service("LoadBalancer", port, R"({"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}})")).look().url ==
      "http://192.0.2.1:80");
  CHECK(Bed(service("LoadBalancer", port, R"({"loadBalancer":{"ingress":[{"hostname":"lb.example.com"}]}})"))
            .look()
            .url == "http://lb.example.com:80");
  CHECK(Bed(service("LoadBalancer", port)).look().url == "http://fake:31000");
  CHECK(Bed(service("LoadBalancer", http_port)).look().url.empty());
}

TEST_CASE("an Ingress gives host, path and https; without a host its balancer's address") {
  Bed bed(service("ClusterIP", http_port));
  const std::string path = "/apis/networking.k8s.io/v1/namespaces/a/ingresses/i";
  const std::string host = R"({"host":"llm.example.com",)" + std::string(rule.substr(1));
  bed.cluster.add(path, ingress(fmt::format(R"({{"rules":[{}]}})", host)));
  CHECK(bed.look().url == "http://llm.example.com/llm");
  bed.cluster.add(path,
                  ingress(fmt::format(R"({{"tls":[{{"hosts":["llm.example.com"]}}],"rules":[{}]}})", host)));
  CHECK(bed.look().url == "https://llm.example.com/llm");
  bed.cluster.add(path, ingress(fmt::format(R"({{"rules":[{}]}})", rule),
                                R"({"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}})"));
  CHECK(bed.look().url == "http://192.0.2.9/llm");
}

TEST_CASE("a ClusterIP is reached through the API server, with the line that forwards a port without it") {
  Bed bed(service("ClusterIP", http_port));
  const Reached reached = bed.look();
  CHECK(reached.url == "https://fake/api/v1/namespaces/a/services/s:8080/proxy");
  CHECK(reached.forward == "kubectl port-forward -n a service/s 8080:8080");
  net::Call call;
  call.url = reached.url + "/health";
  call.bearer = Secret<std::string>(std::string("k"));
  CHECK_THROWS_AS(send(bed.client, bed.cluster, call, {}, nullptr), Problem);
}

}  // namespace mlib::targets::kubernetes
