#include "render/adopt.hpp"

#include <doctest/doctest.h>

namespace mlib::render {
namespace {

const std::string sound = R"(apiVersion: v1
kind: Namespace
metadata: {name: adam}
---
apiVersion: v1
kind: Secret
metadata: {name: demo-key, namespace: adam}
stringData: {KEY: value}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo, namespace: adam, labels: {app.kubernetes.io/name: no-framework}}
spec:
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec:
      containers:
        - name: c
          image: localhost/x:1
          ports: [{name: web, containerPort: 8000}]
          readinessProbe: {httpGet: {path: /health, port: 8000}}
          envFrom: [{secretRef: {name: demo-key}}]
---
apiVersion: v1
kind: Service
metadata: {name: demo, namespace: adam}
spec: {type: NodePort, selector: {app: demo}, ports: [{port: 80, targetPort: web}]}
)";

std::shared_ptr<const cards::Library> library() {
  static const std::shared_ptr<const cards::Library> shipped = cards::load(cards::embedded(), "catalog");
  return shipped;
}

/// `sound` with a text in place of another.
std::string with(const std::string& old_text, const std::string& new_text) {
  std::string text = sound;
  const std::size_t at = text.find(old_text);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old_text.size(), new_text);
}

Problem failure(const std::string& text, const PolicyFile& policy = {}) {
  try {
    adopt(text, *library(), policy);
  } catch (const Problem& problem) {
    return problem;
  }
  return {Kind::internal, "it was taken"};
}

bool says(const Problem& problem, std::string_view part) {
  return (to_text(problem) + problem.message()).find(part) != std::string::npos;
}

const Node& of_kind(const Adopted& adopted, std::string_view kind) {
  for (const Node& object : adopted.rendered.objects)
    if (object.text_at({"kind"}) == kind) return object;
  static const Node none;
  return none;
}

}  // namespace

TEST_CASE("adopted objects get our labels, selectors and a Namespace, and tell where they answer") {
  const Adopted adopted = adopt(sound, *library(), {});
  CHECK(adopted.identity.name == "demo");
  CHECK(adopted.identity.namespace_name == "adam");
  CHECK(adopted.rendered.objects.size() == 4);
  const Node& deployment = of_kind(adopted, "Deployment");
  CHECK(deployment.text_at({"metadata", "labels", "app.kubernetes.io/managed-by"}) == "model-library");
  CHECK(deployment.text_at({"spec", "selector", "matchLabels", "app.kubernetes.io/instance"}) == "demo");
  CHECK(deployment.text_at({"spec", "template", "metadata", "labels", "app.kubernetes.io/instance"}) ==
        "demo");
  CHECK(of_kind(adopted, "Service").text_at({"spec", "selector", "app.kubernetes.io/instance"}) == "demo");
  CHECK(of_kind(adopted, "Secret").text_at({"data", "KEY"}) == "dmFsdWU=");
  CHECK(adopted.rendered.endpoint.port == 8000);
  CHECK(adopted.rendered.endpoint.health_path == "/health");
}

TEST_CASE("a config that makes no deployment of one namespace is refused with the reason") {
  CHECK(says(failure(""), "it is empty"));
  CHECK(says(failure("- a"), "no object"));
  CHECK(says(failure(with("kind: Deployment", "kind: Job")), "no Deployment"));
  CHECK(says(failure(sound + "---\n" + sound.substr(sound.find("apiVersion: apps/v1"))),
             "several Deployments"));
  CHECK(says(failure(with("{name: demo-key, namespace: adam}", "{name: demo-key, namespace: eve}")),
             "several namespaces"));
  CHECK(says(failure(with("metadata: {name: demo, namespace: adam, labels",
                          "metadata: {name: De/mo, namespace: adam, labels")),
             "not valid"));
}

TEST_CASE("the policy holds for adopted objects, whatever they say they are of") {
  PolicyFile policy;
  policy.frameworks.emplace_back("llama-cpp-server", std::vector<std::string>{"privileged", "hostPath"});
  const std::string privileged =
      with("- name: c\n", "- name: c\n          securityContext: {privileged: true}\n");
  CHECK(failure(privileged, policy).kind() == Kind::forbidden);
  std::string claims = privileged;
  claims.replace(claims.find("no-framework"), 12, "llama-cpp-server");
  CHECK(failure(claims, policy).kind() == Kind::forbidden);
  policy.frameworks.emplace_back(std::string(foreign_objects), std::vector<std::string>{"privileged"});
  CHECK(failure(privileged, policy).kind() == Kind::internal);
  CHECK(failure(with("kind: Secret", "kind: ClusterRole")).kind() == Kind::forbidden);
  CHECK(failure(with("namespace: adam, labels", "namespace: adam, finalizers: [a], labels")).kind() ==
        Kind::forbidden);
}

TEST_CASE("of the host's folders only those of the library's weights may be mounted, read-only") {
  const auto folder = [](const std::string& path) {
    return with("      containers:\n", "      volumes: [{name: weights, hostPath: {path: " + path +
                                           ", type: Directory}}]\n      containers:\n");
  };
  CHECK(failure(folder("/models")).kind() == Kind::internal);
  CHECK(failure(folder("/etc")).kind() == Kind::forbidden);
  CHECK(failure(folder("/models/..")).kind() == Kind::forbidden);
  std::string writes = folder("/models");
  writes.replace(writes.find("- name: c\n"), 10,
                 "- name: c\n          volumeMounts: [{name: weights, mountPath: /w}]\n");
  CHECK(failure(writes).kind() == Kind::forbidden);
}

TEST_CASE("adopted objects are checked against Kubernetes' schemas") {
  const Problem problem = failure(with("image: localhost/x:1", "imagee: localhost/x:1\n          image: x"));
  CHECK(problem.kind() == Kind::invalid);
  CHECK(says(problem, "imagee"));
}

}  // namespace mlib::render
