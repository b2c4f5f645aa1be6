#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/library.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {

/// Names of the cards that the original's clients see, in its order.
template <class C>
std::string originals(const std::vector<C>& cards) {
  std::vector<const C*> seen;
  for (const C& card : cards)
    if (card.spec.original) seen.push_back(&card);
  std::sort(seen.begin(), seen.end(),
            [](const C* a, const C* b) { return a->spec.original->order < b->spec.original->order; });
  std::string all;
  for (const C* card : seen) all += card->metadata.title + "=" + card->spec.original->id + " ";
  return all;
}

/// Bytes of the weights as tools/catalogue_fit.py reckons them.
std::optional<double> weights_of(const ModelSpec& model, const std::string& framework) {
  const auto parameters = static_cast<double>(model.parameters.value_or(0));
  const std::string& type = model.quantization;
  if (framework == "ollama" && model.parameters) return parameters * 5 / 8;
  if (model.weights_bytes) return static_cast<double>(*model.weights_bytes);
  if (!model.parameters) return {};
  if (type.empty() || type == "BF16" || type == "FP16") return parameters * 2;
  if (type == "FP32") return parameters * 4;
  if (type == "FP8") return parameters * 1.05;
  return {};
}

std::string values(const Dict<Node>& dict) { return schema::to_json(schema::encode(dict)); }

}  // namespace

TEST_CASE("the shipped catalogue has no finding, embedded and as a folder") {
  for (const auto& files : {embedded(), read_folder(MLIB_SOURCE_DIR "/catalog")}) {
    const auto library = load(files, "catalog");
    for (const Finding& finding : library->findings) MESSAGE(to_text(finding));
    CHECK(library->findings.empty());
    CHECK(library->frameworks.size() >= 12);
    CHECK(library->models.size() >= 150);
    CHECK(library->hardware.size() >= 60);
    CHECK(library->templates.size() >= 200);
  }
  CHECK(load(embedded(), "a")->version == load(read_folder(MLIB_SOURCE_DIR "/catalog"), "b")->version);
}

TEST_CASE("the original's cards are there in its order") {
  const auto library = load(embedded(), "");
  CHECK(originals(library->frameworks) ==
        "Llama.cpp (python)=llama-cpp-python deepsparse=deepsparse tool-library=tool-library ");
  CHECK(originals(library->models) ==
        "tool library=tool-library-model Llama 2 7B Chat, Q2_K=3 Llama 2 7B Chat for "
        "deepsparse=deepsparse-llama2-7b ");
  CHECK(originals(library->hardware) ==
        "MINIMAL_CPU=4 MEDIUM_CPU=medium-cpu DEEPSPARSE_MINIMAL=deepsparse-minimal "
        "TOOL_LIBRARY=tool_library_deployment TOOL_LIBRARY_AUTH=tool_library_deployment_auth ");
  CHECK(originals(library->templates) ==
        "Llama 2 7B Minimal=1 Deepsparse Chat=deepsparse-chat The Open Magic Toolbox=open-magic-toolbox "
        "The Closed Magic Toolbox=closed-magic-toolbox ");
}

TEST_CASE("the original's values are the same, in the same order and of the same types") {
  const auto library = load(embedded(), "");
  CHECK(values(library->get_model("tool-library").spec.values) == "{}");
  CHECK(values(library->get_model("llama-2-7b-chat-q2-k").spec.values) ==
        R"({"model_path":"/model/llama-2-7b-chat.Q2_K.gguf","hf_repo_id":"TheBloke/Llama-2-7B-Chat-GGUF",)"
        R"("hf_filename":"llama-2-7b-chat.Q2_K.gguf","volume_name":"awesome-model-storage",)"
        R"("pvc_name":"awesome-model-pvc"})");
  CHECK(values(library->get_model("llama-2-7b-chat-deepsparse").spec.values) ==
        R"({"image":"ghcr.io/neuralmagic/deepsparse:v1.6.1","sparsezoo_models_path":"/home/user/llama",)"
        R"("container_port":5543,"task":"chat",)"
        R"("model_path":"zoo:llama2-7b-llama2_chat_llama2_pretrain-base_quantized","batch_size":1,)"
        R"("num_workers":4,"num_cores":4})");
  CHECK(values(library->get_hardware("minimal-cpu").spec.values) ==
        R"({"replicas":1,"num_cpus":4,"ram_memory":"12Gi","pvc_storage_request":"24Gi"})");
  CHECK(values(library->get_hardware("medium-cpu").spec.values) ==
        R"({"replicas":2,"num_cpus":8,"ram_memory":"24Gi","pvc_storage_request":"24Gi"})");
  CHECK(
      values(library->get_hardware("deepsparse-minimal").spec.values) ==
      R"({"replicas":1,"cpu_limits":"6","memory_limits":"18Gi","cpu_requests":"6","memory_requests":"18Gi",)"
      R"("volume_mount_name":"deepsparse-model-storage","mount_path":"/home/user",)"
      R"("volume_name":"deepsparse-model-storage","pvc_name":"deepsparse-model-pvc",)"
      R"("service_name":"deepsparse-model","port_name":"https","port":5543,"pvc_storage_request":"30Gi"})");
  CHECK(values(library->get_hardware("tool-library").spec.values) == R"({"use_auth":"False"})");
  CHECK(values(library->get_hardware("tool-library-auth").spec.values) == R"({"use_auth":"True"})");
  CHECK(values(library->get_template("llama-2-7b-minimal").spec.values) ==
        R"({"deployment_name":"llama-cpp-llama2-7b"})");
}

TEST_CASE("a manifest names no namespace and sets no label and no selector: those are the deployment's") {
  const auto library = load(embedded(), "");
  for (const Framework& framework : library->frameworks) {
    for (const Node& object : framework.manifest) {
      INFO(framework.metadata.name << " " << object.text_at({"kind"}));
      CHECK(object.at({"metadata", "namespace"}) == nullptr);
      CHECK(object.at({"metadata", "labels"}) == nullptr);
      CHECK(object.at({"spec", "selector"}) == nullptr);
      CHECK(object.at({"spec", "ports", "0", "nodePort"}) == nullptr);
    }
  }
}

TEST_CASE("a claim that a pod mounts is one that its manifest makes") {
  const auto library = load(embedded(), "");
  for (const Framework& framework : library->frameworks) {
    std::string made, used;
    for (const Node& object : framework.manifest) {
      if (object.text_at({"kind"}) == "PersistentVolumeClaim") made = object.text_at({"metadata", "name"});
      const std::string claim =
          object.text_at({"spec", "template", "spec", "volumes", "0", "persistentVolumeClaim", "claimName"});
      if (!claim.empty()) used = claim;
    }
    INFO(framework.metadata.name);
    CHECK(made == "${name}-pvc");
    // The llama.cpp server's volume follows from where its weights come from.
    CHECK((used == made || framework.manifest_text.find("$weights_volumes") != std::string::npos));
  }
}

TEST_CASE("every card says where its facts come from, every template who serves it") {
  const auto library = load(embedded(), "");
  for (const Model& model : library->models) {
    INFO(model.metadata.name);
    CHECK_FALSE(model.spec.evidence.empty());
  }
  for (const Hardware& hardware : library->hardware) {
    INFO(hardware.metadata.name);
    CHECK_FALSE(hardware.spec.evidence.empty());
    if (hardware.spec.price) CHECK(hardware.spec.price->as_of.size() == 10);
    if (hardware.spec.price) CHECK_FALSE(hardware.spec.price->source.empty());
  }
  for (const Template& each : library->templates) {
    INFO(each.metadata.name);
    CHECK_FALSE(each.spec.evidence.empty());
    const bool modelled =
        std::all_of(each.spec.evidence.begin(), each.spec.evidence.end(), [](const auto& text) {
          return text.find("/support_matrix/") != std::string::npos ||
                 text.find("/release-notes.md@") != std::string::npos;
        });
    CHECK(each.spec.modelled.value_or(false) == modelled);
  }
}

TEST_CASE("weights and the stated context have room on all hardware that a template names") {
  const auto library = load(embedded(), "");
  int reckoned = 0, skipped = 0;
  for (const Template& each : library->templates) {
    const ModelSpec& model = library->get_model(each.spec.model).spec;
    const std::optional<double> weights = weights_of(model, library->framework_of(each).metadata.name);
    if (!each.spec.context_length) {
      ++skipped;
      continue;
    }
    INFO(each.metadata.name);
    REQUIRE(weights);
    const double needed = *weights + static_cast<double>(model.shape.kv_bytes_per_token.value_or(0)) *
                                         static_cast<double>(*each.spec.context_length);
    for (const std::string& name : each.spec.viable_hardware) {
      INFO(each.metadata.name << " on " << name);
      const HardwareSpec& hardware = library->get_hardware(name).spec;
      const auto one = quantity(hardware.gpu ? hardware.gpu->memory : hardware.memory);
      REQUIRE(one);
      CHECK(needed < *one * (hardware.gpu ? hardware.gpu->count : 1));
      CHECK(*each.spec.context_length <= model.context_length.value_or(0));
      if (hardware.gpu && hardware.gpu->count > 1)
        CHECK(model.shape.heads.value_or(1) % hardware.gpu->count == 0);
      ++reckoned;
    }
  }
  MESSAGE("templates that state no context, and are skipped: " << skipped);
  CHECK(skipped <= 8);
  CHECK(reckoned >= 1700);
}
