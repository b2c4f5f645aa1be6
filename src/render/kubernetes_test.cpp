#include "render/kubernetes.hpp"

#include <doctest/doctest.h>

#include "render/testing.hpp"

namespace mlib::render {
namespace {

using namespace testing;

std::string said(const std::string& manifest) {
  return said_by([&] { render_layers(framework(manifest), {}, somebody()); });
}

const std::string deployed = deployment();

}  // namespace

TEST_CASE("an unknown field is said with object, path, place and the nearest") {
  const std::string text = said(deployment("", "        imagePulPolicy: Always\n"));
  CHECK(has(text,
            "manifest.yaml:11:9: error: Deployment demo: spec.template.spec.containers[0].imagePulPolicy: "
            "unknown field"));
  CHECK(has(text, "did you mean `imagePullPolicy`?"));
}

TEST_CASE("wrong types, missing fields and texts that are not allowed are all said") {
  const std::string text =
      said(deployment("      restartPolicy: Sometimes\n      terminationGracePeriodSeconds: soon\n",
                      "        ports: [{name: http}]\n        env: {A: b}\n"
                      "        resources: {limits: {memory: lots}}\n"));
  CHECK(has(text, "spec.template.spec.restartPolicy: \"Sometimes\" is not allowed"));
  CHECK(has(text, "one of: Always, Never, OnFailure"));
  CHECK(has(text, "terminationGracePeriodSeconds: expected an integer, got string \"soon\""));
  CHECK(has(text, "containers[0].ports[0].containerPort: is missing"));
  CHECK(has(text, "containers[0].env: expected a list, got map"));
  CHECK(has(text, "containers[0].resources.limits.memory: expected a quantity"));
}

TEST_CASE("scalars take the type that their field asks for") {
  const std::string manifest =
      deployment("",
                 "        env: [{name: A, value: 5}, {name: B, value: true}, {name: C, value: 1.5}]\n"
                 "        ports: [{containerPort: '8000'}]\n"
                 "        resources: {limits: {cpu: 2, memory: 1.5}}\n");
  const Rendered rendered = render_layers(framework(manifest), {}, somebody());
  const Node made = object(rendered, "Deployment");
  const Node* container = made.at({"spec", "template", "spec", "containers", "0"});
  REQUIRE(container != nullptr);
  CHECK(*container->at({"env", "0", "value"}) == Node("5"));
  CHECK(*container->at({"env", "1", "value"}) == Node("true"));
  CHECK(*container->at({"env", "2", "value"}) == Node("1.5"));
  CHECK(*container->at({"ports", "0", "containerPort"}) == Node(8000));
  CHECK(*container->at({"resources", "limits", "cpu"}) == Node("2"));
  CHECK(*container->at({"resources", "limits", "memory"}) == Node("1.5"));
}

TEST_CASE("the version picks the fields, by minor, and an unknown one lists the known") {
  CHECK(Schemas::of("").version() == Schemas::versions().front());
  CHECK(Schemas::of("v1.34.4").version() == "1.34");
  CHECK(Schemas::of("1.37").version() == "1.37");
  const std::string text = said_by([] { Schemas::of("1.9"); });
  CHECK(has(text, "`1.9`"));
  CHECK(has(text, "known versions: 1.37, "));
  CHECK(has(text, "1.34"));
}

TEST_CASE("two objects of one name, and a Service whose name is none, are refused") {
  const std::string service =
      "apiVersion: v1\nkind: Service\nmetadata: {name: 1st}\nspec: {ports: [{port: 80}]}\n";
  const std::string text = said(deployed + "---\n" + deployed + "---\n" + service);
  CHECK(has(text, "Deployment demo: metadata.name: two objects of this name"));
  CHECK(has(text, "Service 1st: metadata.name: is not a valid name of a Service"));
}

}  // namespace mlib::render
