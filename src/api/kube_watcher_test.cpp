#include "api/kube_watcher.hpp"

#include <doctest/doctest.h>

#include "schema/document.hpp"
#include "verbs/scripted_world.hpp"

namespace mlib::api {
namespace {

using schema::Node;

constexpr const char* config = R"(apiVersion: v1
kind: Secret
metadata: {name: demo-key, namespace: adam}
stringData: {KEY: canary-of-adam}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo, namespace: adam}
spec:
  replicas: 2
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec: {containers: [{name: c, image: localhost/x:1}]}
---
apiVersion: v1
kind: Service
metadata: {name: demo-service, namespace: adam}
spec: {type: NodePort, ports: [{port: 80, targetPort: 8000}]}
)";

/// The facade over a scripted world, on its target `kubernetes`.
struct Counter {
  explicit Counter(Keys keys = {}) {
    KubeWatcherFacadeOptions options;
    options.keys = std::move(keys);
    options.target = "kubernetes";
    options.log = [this](std::string_view line) { log += std::string(line) + '\n'; };
    facade = std::make_unique<KubeWatcherFacade>(world.world, std::move(options));
    say(targets::Phase::starting);
  }
  void say(targets::Phase phase) {
    targets::Status status;
    status.phase = phase;
    status.endpoint = "http://192.0.2.1:30123";
    world.kubernetes.statuses = {status};
  }
  net::Reply ask(const std::string& path, const std::string& body, net::Headers headers = {}) {
    net::Received received;
    received.method = method;
    received.path = received.target = path;
    received.headers = std::move(headers);
    received.body = body;
    return facade->handle(received);
  }
  Node deploy(const std::string& text) {
    Node body = Node::map();
    body.set("config", text);
    const net::Reply reply = ask("/v1/deploy_generic_model", schema::to_json(body));
    CHECK(reply.status == 200);
    return schema::read_json(reply.body);
  }
  std::string rows() { return ask("/v1/list_deepsparse_deployments", R"({"namespace": "adam"})").body; }
  std::string remove(const std::string& row) {
    return ask("/v1/delete_deepsparse_model", R"({"namespace": "adam", "deployment_name": ")" + row + "\"}")
        .body;
  }

  verbs::ScriptedWorld world;
  std::unique_ptr<KubeWatcherFacade> facade;
  std::string method = "POST";
  std::string log;
};

}  // namespace

TEST_CASE("a config is deployed to the target, recorded, listed as rows and deleted whole") {
  Counter counter;
  CHECK(counter.rows() == "{}");
  const Node made = counter.deploy(config);
  CHECK(schema::to_json(*made.find("failed")) == "[]");
  CHECK(made.text_at({"successful", "0"}) == "Namespace adam");
  CHECK(counter.world.kubernetes.running.size() == 1);
  CHECK(counter.world.store->get("adam", "demo")->state == "deployed");
  CHECK(counter.world.store->get("adam", "demo")->manifest.find("canary") == std::string::npos);
  CHECK(
      counter.rows() ==
      R"({"demo":{"replicas":2,"available_replicas":null,"unavailable_replicas":2,"ready_replicas":null,"paused":null},)"
      R"("demo-service":{"cluster_ip":"192.0.2.1","ports":[[30123,8000]]}})");
  counter.say(targets::Phase::ready);
  CHECK(counter.rows().find(R"("available_replicas":2,"unavailable_replicas":null,"ready_replicas":2)") !=
        std::string::npos);
  CHECK(counter.remove("other") == "false");
  CHECK(counter.remove("demo-service") == "true");
  CHECK(counter.world.kubernetes.running.empty());
  CHECK(!counter.world.kubernetes.removed_storage);
  CHECK(counter.rows() == "{}");
  CHECK(counter.remove("demo") == "false");
}

TEST_CASE("what exists fails with 409 for each object, and no answer or log holds a Secret's value") {
  Counter counter;
  counter.deploy(config);
  const Node again = counter.deploy(config);
  CHECK(schema::to_json(*again.find("successful")) == "[]");
  CHECK(again.find("failed")->items().size() == 3);
  CHECK(again.text_at({"failed", "0", "error"}).rfind("(409)", 0) == 0);
  CHECK(schema::to_json(again).find("canary") == std::string::npos);
  CHECK(counter.log.find("canary") == std::string::npos);
}

TEST_CASE("the policy's refusal and the target's failure are failures inside a 200") {
  Counter counter;
  const std::string evil = std::string(config) + "---\napiVersion: v1\nkind: Node\nmetadata: {name: n}\n";
  CHECK(counter.deploy(evil).find("failed")->items().size() == 4);
  CHECK(counter.world.kubernetes.running.empty());
  counter.world.kubernetes.apply_fails = Problem(Kind::failed, "it died at start");
  CHECK(counter.deploy(config).text_at({"failed", "1", "error"}) == "it died at start");
  CHECK(counter.rows() == "{}");
}

TEST_CASE("requests of another shape get FastAPI's answers") {
  Counter counter;
  CHECK(counter.ask("/v1/deploy_generic_model", R"({"config": 1})").status == 422);
  CHECK(counter.ask("/v1/deploy_generic_model", R"({"config": "a: ["})").status == 422);
  CHECK(counter.ask("/v1/deploy_generic_model", "").status == 422);
  CHECK(counter.ask("/v1/list_deepsparse_deployments", "{}").body.find(R"("loc":["body","namespace"])") !=
        std::string::npos);
  CHECK(counter.ask("/v1/other", "{}").status == 404);
  CHECK(counter.ask("/v1/delete_deepsparse_model", "{}", {{"origin", "http://evil.test"}}).status == 403);
  counter.method = "GET";
  CHECK(counter.ask("/v1/delete_deepsparse_model", "").status == 405);
}

TEST_CASE("with keys nobody gets in without one, by whichever call") {
  Counter counter(Keys("canary-key-of-the-page", "keys"));
  for (const char* call :
       {"deploy_generic_model", "list_deepsparse_deployments", "delete_deepsparse_model"}) {
    const std::string path = std::string("/v1/") + call;
    const net::Reply reply =
        counter.ask(path, R"({"namespace": "adam"})", {{"X-API-KEY", "canary-key-of-the-pag"}});
    CHECK(reply.status == 401);
    CHECK(reply.body.find("X-API-KEY: KEY") != std::string::npos);
    CHECK(counter.ask(path, "{}").status == 401);
  }
  const net::Reply in = counter.ask("/v1/list_deepsparse_deployments", R"({"namespace": "adam"})",
                                    {{"X-API-KEY", "canary-key-of-the-page"}});
  CHECK(in.status == 200);
  CHECK(counter.log.find("canary") == std::string::npos);
}

TEST_CASE("a target that is down is an error of the list, and false for delete") {
  Counter counter;
  counter.deploy(config);
  counter.world.kubernetes.observe_fails = Problem(Kind::unavailable, "the cluster does not answer");
  CHECK(counter.ask("/v1/list_deepsparse_deployments", R"({"namespace": "adam"})").status == 503);
}

}  // namespace mlib::api
