#include "api/original_catalogue.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "api/desk.hpp"
#include "api/shape.hpp"

using namespace mlib;
using api::original::catalogue_of;
using schema::to_json;

namespace {

template <class T>
std::string listed(const T& card) {
  return to_json(api::Lister::list(card));
}

}  // namespace

TEST_CASE("the original's architectures come first, in its order, every field listed") {
  const auto cards = catalogue_of(*api::Desk::shipped()).architectures;
  REQUIRE(cards.size() >= 3);
  CHECK(listed(cards[0]) ==
        R"j({"id":"llama-cpp-python","deployment_yaml":"llama_cpp_python.yaml","name":"Llama.cpp (python)",)j"
        R"("description":"The python llama.cpp engine","tags":{"cpu":true,"gpu":true},)"
        R"("health_endpoint":"v1/models"})");
  CHECK(listed(cards[1]) ==
        R"({"id":"deepsparse","deployment_yaml":"deepsparse_deployment.yaml","name":"deepsparse",)"
        R"("description":"Deepsparse Deployment for Chat Model","tags":{"type":"deepsparse",)"
        R"("version":"v1.6.1"},"health_endpoint":null})");
  CHECK(cards[2].name == "tool-library");
  CHECK(cards[2].description == "The Magic Toolbox");
  CHECK(cards[2].tags.empty());
  CHECK(cards[2].health_endpoint == "health");
  CHECK(cards[2].deployment_yaml == "tool_library_deployment.yaml");
}

TEST_CASE("the original's models and deployments have its ids, none doubled, and exactly its params") {
  const auto all = catalogue_of(*api::Desk::shipped());
  REQUIRE(all.models.size() >= 3);
  CHECK(all.models[0].id == "tool-library-model");
  CHECK(all.models[0].params.empty());
  CHECK(all.models[1].id == "3");
  CHECK(to_json(api::Lister::list(all.models[1].params)) ==
        R"({"model_path":"/model/llama-2-7b-chat.Q2_K.gguf","hf_repo_id":"TheBloke/Llama-2-7B-Chat-GGUF",)"
        R"("hf_filename":"llama-2-7b-chat.Q2_K.gguf","volume_name":"awesome-model-storage",)"
        R"("pvc_name":"awesome-model-pvc"})");
  REQUIRE(all.deployments.size() >= 5);
  CHECK(
      listed(all.deployments[0]) ==
      R"({"id":"4","params":{"replicas":1,"num_cpus":4,"ram_memory":"12Gi","pvc_storage_request":"24Gi"}})");
  CHECK(
      listed(all.deployments[1]) ==
      R"({"id":"medium-cpu","params":{"replicas":2,"num_cpus":8,"ram_memory":"24Gi","pvc_storage_request":"24Gi"}})");
  CHECK(listed(all.deployments[2]) ==
        R"({"id":"deepsparse-minimal","params":{"replicas":1,"cpu_limits":"6","memory_limits":"18Gi",)"
        R"("cpu_requests":"6","memory_requests":"18Gi","volume_mount_name":"deepsparse-model-storage",)"
        R"("mount_path":"/home/user","volume_name":"deepsparse-model-storage",)"
        R"("pvc_name":"deepsparse-model-pvc","service_name":"deepsparse-model","port_name":"https",)"
        R"("port":5543,"pvc_storage_request":"30Gi"}})");
  CHECK(listed(all.deployments[3]) == R"({"id":"tool_library_deployment","params":{"use_auth":"False"}})");
  CHECK(listed(all.deployments[4]) ==
        R"({"id":"tool_library_deployment_auth","params":{"use_auth":"True"}})");
}

TEST_CASE("the original's templates hold whole cards, empty benchmarks and its params") {
  const auto all = catalogue_of(*api::Desk::shipped()).templates;
  REQUIRE(all.size() >= 4);
  const char* names[] = {"Llama 2 7B Minimal", "Deepsparse Chat", "The Open Magic Toolbox",
                         "The Closed Magic Toolbox"};
  const char* deployments[] = {"llama-cpp-llama2-7b", "deepspeed-llama2-7b", "tool-library-unauthenticated",
                               "tool-library-authenticated"};
  const std::size_t viable[] = {2, 1, 2, 2};
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(all[i].name == names[i]);
    CHECK(to_json(api::Lister::list(all[i].params)) ==
          std::string(R"({"deployment_name":")") + deployments[i] + "\"}");
    CHECK(all[i].viable_deployment_cards.size() == viable[i]);
    REQUIRE(all[i].benchmarks.has_value());
    CHECK(all[i].benchmarks->empty());
  }
  CHECK(all[0].id == "1");
  CHECK(to_json(api::Lister::list(all[0].model_card)).find("llama_cpp_python.yaml") != std::string::npos);
}

TEST_CASE("our own cards follow with their names as ids and with the facts their framework uses") {
  const auto all = catalogue_of(*api::Desk::shipped());
  REQUIRE(all.templates.size() > 4);
  for (std::size_t i = 4; i < all.templates.size(); ++i) {
    const auto& card = all.templates[i];
    CAPTURE(card.id);
    CHECK(api::Desk::shipped()->find_template(card.id) != nullptr);
    const auto named = [](const auto& entry) { return entry.first == "deployment_name"; };
    CHECK(std::count_if(card.params.begin(), card.params.end(), named) == 1);
  }
  const auto gemma = std::find_if(all.templates.begin(), all.templates.end(),
                                  [](const auto& card) { return card.id == "gemma-3-270m-cpu"; });
  REQUIRE(gemma != all.templates.end());
  CHECK_FALSE(gemma->deployment_card.params.empty());
}

TEST_CASE("every template that is listed passes the check of its own shape") {
  for (const auto& card : catalogue_of(*api::Desk::shipped()).templates) {
    const schema::Node node = api::Lister::list(card);
    api::Checker checker{"body"};
    checker.check(node, api::original::ModelDeploymentTemplateCard{});
    CHECK(checker.wrongs().empty());
  }
}
