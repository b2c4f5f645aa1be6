#include "cards/facts.hpp"

#include <doctest/doctest.h>

using namespace mlib;
using namespace mlib::cards;

namespace {
struct Cards {
  Framework framework;
  Model model;
  Hardware hardware;
  std::optional<Node> get(std::string_view name) const { return fact(name, framework, model, hardware); }
};
}  // namespace

TEST_CASE("a card that says nothing gives no fact") {
  const Cards cards;
  for (const std::string& name : fact_names()) {
    INFO(name);
    CHECK(is_fact(name));
    CHECK(!cards.get(name));
  }
  CHECK(!is_fact("hardware.cpu"));
  CHECK(!cards.get("hardware.cpu"));
}

TEST_CASE("facts of the hardware keep their types") {
  Cards cards;
  HardwareSpec& spec = cards.hardware.spec;
  spec.cpus = 4;
  spec.memory = "12Gi";
  spec.replicas = 0;
  spec.node_selector = {{"zone", "a"}};
  spec.tolerations = {Node(Node::Map{{"key", "gpu"}})};
  CHECK(cards.get("hardware.cpus")->is_integer());
  CHECK(*cards.get("hardware.memory") == Node("12Gi"));
  CHECK(*cards.get("hardware.replicas") == Node(0));
  CHECK(cards.get("hardware.node_selector")->text_at({"zone"}) == "a");
  CHECK(cards.get("hardware.tolerations")->items().size() == 1);
  spec.cpus = 0.5;
  CHECK(*cards.get("hardware.cpus") == Node(0.5));
  CHECK(*cards.get("hardware.threads") == Node(1));
  spec.cpus = 3.9;
  CHECK(*cards.get("hardware.threads") == Node(3));
}

TEST_CASE("the number of GPUs is given for the resource that they are") {
  Cards cards;
  CHECK(is_fact("hardware.gpu_count(nvidia.com/gpu)"));
  CHECK(!is_fact("hardware.gpu_count()"));
  CHECK(!cards.get("hardware.gpu_count(nvidia.com/gpu)"));
  cards.hardware.spec.gpu = Gpu{.vendor = "amd", .count = 2, .resource = "amd.com/gpu"};
  CHECK(*cards.get("hardware.gpu_count") == Node(2));
  CHECK(*cards.get("hardware.gpu_resource") == Node("amd.com/gpu"));
  CHECK(*cards.get("hardware.gpu_count(amd.com/gpu)") == Node(2));
  CHECK(!cards.get("hardware.gpu_count(nvidia.com/gpu)"));
}

TEST_CASE("facts of the weights are those of the first source") {
  Cards cards;
  cards.model.spec.sources = {{.uri = "hf://org/repo/sub/a.gguf", .sha256 = "ab"}, {.uri = "file:///b.gguf"}};
  CHECK(*cards.get("model.weights_file") == Node("a.gguf"));
  CHECK(*cards.get("model.weights_uri") == Node("hf://org/repo/sub/a.gguf"));
  CHECK(*cards.get("model.weights_sha256") == Node("ab"));
}

TEST_CASE("names that are always there cannot be taken by a parameter") {
  for (const char* name :
       {"name", "namespace", "user", "id", "deployment_name", "weights_path", "weights_init"})
    CHECK(is_given(name));
  CHECK(!is_given("API_key"));
  CHECK(is_weights_value("weights_mounts"));
  CHECK(!is_weights_value("weights"));
  CHECK(!is_weights_value("name"));
}
