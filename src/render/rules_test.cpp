#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cards/library.hpp"
#include "cards/rule.hpp"
#include "render/render.hpp"

namespace mlib::render {
namespace {

/// A model, a machine and a template over shipped cards: what they say besides, in YAML.
struct Case {
  std::string framework;
  std::string model = "";
  std::string hardware = "nvidia-a100-pcie-40gb";
  std::string machine = "";
  std::string values = "";
  std::string end = "";  ///< of the cards' name
};

/// Each rule with cards on which it speaks and cards on which it is silent. A rule that no framework of the
/// catalogue can break has no such cards.
struct Row {
  std::string rule;
  Case bad, good;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"gated-without-token",
       {.framework = "vllm", .model = "gated: true"},
       {.framework = "vllm", .model = "gated: false"}},
      {"no-replica",
       {.framework = "vllm", .values = "replicas: 0"},
       {.framework = "vllm", .values = "replicas: 1"}},
      {"format-not-loaded",
       {.framework = "vllm", .model = "format: gguf"},
       {.framework = "vllm", .model = "format: safetensors"}},
      {"quantization-not-loaded",
       {.framework = "vllm", .model = "quantization: Q4_K_M"},
       {.framework = "vllm", .model = "quantization: AWQ"}},
      {"task-not-served",
       {.framework = "tgi", .model = "task: embedding"},
       {.framework = "vllm", .model = "task: embedding"}},
      {"gguf-quantization-of-another-format",
       {.framework = "tei-cuda", .model = "quantization: Q4_K_M, task: embedding"},
       {.framework = "tei-cuda", .model = "quantization: INT8, task: embedding"}},
      {"awq-in-gguf",
       {.framework = "llama-cpp-hub",
        .model = "quantization: AWQ, format: gguf",
        .hardware = "cpu-8vcpu-32gb"},
       {.framework = "llama-cpp-hub",
        .model = "quantization: NVFP4, format: gguf",
        .hardware = "cpu-8vcpu-32gb"}},
      {"chat-without-template",
       {.framework = "vllm", .model = "chat_template: false"},
       {.framework = "vllm",
        .model = "chat_template: false",
        .values = "extra_args: [--chat-template, /t.jinja]"}},
      {"instruct-without-template",
       {.framework = "vllm", .model = "chat_template: false", .end = "-instruct"},
       {.framework = "vllm", .model = "chat_template: true", .end = "-instruct"}},
      {"embeddings-not-asked-for",
       {.framework = "llama-cpp-hub",
        .model = "format: gguf, quantization: Q8_0, task: embedding",
        .hardware = "cpu-8vcpu-32gb",
        .values = "extra_args: [--reranking]"},
       {.framework = "llama-cpp-hub",
        .model = "format: gguf, quantization: Q8_0, task: embedding",
        .hardware = "cpu-8vcpu-32gb",
        .values = "extra_args: [--embeddings]"}},
      {"reranking-not-asked-for",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q8_0, task: rerank",
        .hardware = "cpu-8vcpu-32gb"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q8_0, task: rerank",
        .hardware = "cpu-8vcpu-32gb",
        .values = "extra_args: [--rerank]"}},
      {"not-an-embedding-model-by-itself",
       {.framework = "sglang", .model = "task: embedding"},
       {.framework = "sglang", .model = "task: embedding", .values = "extra_args: [--is-embedding]"}},
      {"fp8-without-fp8",
       {.framework = "vllm", .model = "quantization: FP8"},
       {.framework = "vllm", .model = "quantization: FP8", .hardware = "nvidia-h100-sxm5-80gb"}},
      {"fp8-refused",
       {.framework = "sglang", .model = "quantization: FP8", .hardware = "nvidia-t4"},
       {.framework = "vllm", .model = "quantization: FP8", .hardware = "nvidia-t4"}},
      {"fp4-without-fp4",
       {.framework = "vllm", .model = "quantization: NVFP4"},
       {.framework = "vllm", .model = "quantization: NVFP4", .hardware = "nvidia-b200-sxm"}},
      {"fp4-refused",
       {.framework = "tensorrt-llm", .model = "quantization: NVFP4"},
       {.framework = "tensorrt-llm", .model = "quantization: NVFP4", .hardware = "nvidia-b200-sxm"}},
      {"mxfp4-refused",
       {.framework = "tensorrt-llm", .model = "quantization: MXFP4", .hardware = "nvidia-l4"},
       {.framework = "tensorrt-llm", .model = "quantization: MXFP4", .hardware = "nvidia-h100-sxm5-80gb"}},
      {"fp8-cache-without-fp8",
       {.framework = "vllm", .values = "extra_args: [--kv-cache-dtype, fp8]"},
       {.framework = "vllm", .values = "extra_args: [--kv-cache-dtype, auto]"}},
      {"bf16-without-bf16",
       {.framework = "vllm", .hardware = "nvidia-t4", .values = "extra_args: [--dtype, bfloat16]"},
       {.framework = "vllm", .hardware = "nvidia-t4", .values = "extra_args: [--dtype, half]"}},
      {"fp8-quantized-on-the-fly-without-fp8",
       {.framework = "tgi", .values = "extra_args: [--quantize, fp8]"},
       {.framework = "tgi", .values = "extra_args: [--quantize, awq]"}},
      {"cpu-image-with-gpus",
       {.framework = "llama-cpp-server", .model = "format: gguf, quantization: Q4_K_M"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .values = R"(image: "ghcr.io/ggml-org/llama.cpp:server-cuda")"}},
      {"gpu-image-without-gpus", {.framework = "vllm", .hardware = "cpu-8vcpu-32gb"}, {.framework = "vllm"}},
      {"image-for-another-vendor", {.framework = "vllm", .hardware = "amd-mi300x"}, {.framework = "vllm"}},
      {"cuda-image-without-gpu",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = R"(image: "ghcr.io/ggml-org/llama.cpp:server-cuda")"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb"}},
      {"cuda-image-on-another-gpu",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "amd-mi300x",
        .values = R"(image: "ghcr.io/ggml-org/llama.cpp:server-cuda")"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "amd-mi300x",
        .values = R"(image: "ghcr.io/ggml-org/llama.cpp:server-rocm")"}},
      {"rocm-image-on-another-gpu",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .values = R"(image: "ghcr.io/ggml-org/llama.cpp:server-rocm")"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "amd-mi300x",
        .values = R"(image: "ghcr.io/ggml-org/llama.cpp:server-rocm")"}},
      {"layers-on-a-gpu-that-is-not-there",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = "extra_args: [-ngl, 99]"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = "extra_args: [-ngl, 0]"}},
      {"resource-of-another-vendor",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "amd-mi300x",
        .machine = "gpu: {resource: nvidia.com/gpu}"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "amd-mi300x"}},
      {"tensor-parallel-and-heads",
       {.framework = "vllm",
        .model = "shape: {heads: 28, kv_heads: 4}",
        .hardware = "nvidia-a100-sxm4-80gb-x8"},
       {.framework = "vllm",
        .model = "shape: {heads: 28, kv_heads: 4}",
        .hardware = "nvidia-a100-sxm4-80gb-x4"}},
      {"tensor-parallel-and-key-value-heads",
       {.framework = "vllm",
        .model = "shape: {heads: 48, kv_heads: 6}",
        .hardware = "nvidia-a100-sxm4-80gb-x8"},
       {.framework = "vllm",
        .model = "shape: {heads: 48, kv_heads: 4}",
        .hardware = "nvidia-a100-sxm4-80gb-x8"}},
      {"more-parallel-than-gpus",
       {.framework = "vllm", .values = "tensor_parallel: 2"},
       {.framework = "vllm", .values = "tensor_parallel: 1"}},
      {"tensor-parallel-and-gpus",
       {.framework = "vllm",
        .model = "shape: {heads: 48, kv_heads: 6}",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "tensor_parallel: 3"},
       {.framework = "vllm",
        .model = "shape: {heads: 48, kv_heads: 6}",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "tensor_parallel: 2"}},
      {"parallel-product-and-gpus",
       {.framework = "tensorrt-llm", .values = "extra_args: [--pp_size, 2]"},
       {.framework = "tensorrt-llm",
        .hardware = "nvidia-a100-sxm4-80gb-x2",
        .values = "tensor_parallel: 1, extra_args: [--pp_size, 2]"}},
      {"gpus-left-over",
       {.framework = "vllm", .hardware = "nvidia-a100-sxm4-80gb-x8", .values = "tensor_parallel: 2"},
       {.framework = "vllm",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "tensor_parallel: 2, extra_args: [--data-parallel-size, 4]"}},
      {"pipeline-parallel-and-layers",
       {.framework = "vllm",
        .model = "shape: {layers: 6}",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "tensor_parallel: 1, extra_args: [--pipeline-parallel-size, 8]"},
       {.framework = "vllm",
        .model = "shape: {layers: 8}",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "tensor_parallel: 1, extra_args: [--pipeline-parallel-size, 8]"}},
      {"expert-parallel-and-experts",
       {.framework = "sglang",
        .model = "shape: {experts: 60}",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "extra_args: [--ep-size, 8]"},
       {.framework = "sglang",
        .model = "shape: {experts: 64}",
        .hardware = "nvidia-a100-sxm4-80gb-x8",
        .values = "extra_args: [--ep-size, 8]"}},
      {"expert-parallel-without-experts",
       {.framework = "vllm", .values = "extra_args: [--enable-expert-parallel]"},
       {.framework = "vllm",
        .model = "shape: {experts: 64}",
        .values = "extra_args: [--enable-expert-parallel]"}},
      {"context-beyond-the-model",
       {.framework = "vllm", .values = "context_length: 200000"},
       {.framework = "vllm", .values = R"(context_length: 200000, extra_args: [--hf-overrides, "{}"])"}},
      {"length-beyond-the-model",
       {.framework = "vllm", .values = "extra_args: [--max-model-len, 9000000]"},
       {.framework = "vllm", .values = "extra_args: [--max-model-len, 9000]"}},
      {"kv-heads-and-heads",
       {.framework = "vllm", .model = "shape: {kv_heads: 7}"},
       {.framework = "vllm", .model = "shape: {kv_heads: 4}"}},
      {"more-active-experts-than-experts",
       {.framework = "vllm", .model = "shape: {experts: 4, active_experts: 8}"},
       {.framework = "vllm", .model = "shape: {experts: 8, active_experts: 4}"}},
      {"weights-larger-than-gpu-memory",
       {.framework = "vllm", .model = "weights_bytes: 90000000000"},
       {.framework = "vllm", .model = "weights_bytes: 90000000000", .hardware = "nvidia-a100-sxm4-80gb-x2"}},
      {"weights-larger-than-memory",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M, weights_bytes: 90000000000",
        .hardware = "cpu-tiny"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M, weights_bytes: 90000000",
        .hardware = "cpu-tiny"}},
      {"weights-larger-than-storage",
       {.framework = "llama-cpp-server",
        .model =
            R"(format: gguf, quantization: Q4_K_M, weights_bytes: 900000000000, sources: [{uri: "https://example.org/a.gguf"}])",
        .hardware = "cpu-8vcpu-32gb"},
       {.framework = "llama-cpp-server",
        .model =
            R"(format: gguf, quantization: Q4_K_M, weights_bytes: 900000000000, sources: [{uri: "file:///a.gguf"}])",
        .hardware = "cpu-8vcpu-32gb"}},
      {"threads-beyond-the-cpus",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = "threads: 999"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = "threads: 2"}},
      {"context-less-than-a-token-per-answer",
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = "context_length: 4096, parallel: 64"},
       {.framework = "llama-cpp-server",
        .model = "format: gguf, quantization: Q4_K_M",
        .hardware = "cpu-8vcpu-32gb",
        .values = "context_length: 4096, parallel: 4"}},
  };
  return all;
}

void add(std::vector<cards::File>& files, const std::string& name, const Case& made) {
  const std::string version = "apiVersion: model-library/v1\n";
  const std::string metadata = "metadata: {name: " + name + "}\nspec: ";
  const std::string model = made.model.empty() ? "" : ", " + made.model;
  files.push_back({"models/" + name + ".yaml", version + "kind: Model\nextends: qwen3-8b\n" + metadata +
                                                   "{framework: " + made.framework + model + "}\n"});
  files.push_back({"hardware/" + name + ".yaml", version + "kind: Hardware\nextends: " + made.hardware +
                                                     "\n" + metadata + "{" + made.machine + "}\n"});
  files.push_back({"templates/" + name + ".yaml", version + "kind: Template\n" + metadata +
                                                      "{model: " + name + ", hardware: " + name +
                                                      ", values: {" + made.values + "}}\n"});
}

/// What is said of the cards of that name when they are read, and when their template is rendered.
std::vector<Finding> said_of(const cards::Library& library, const std::string& name) {
  std::vector<Finding> found;
  for (const auto* list : {&library.findings, &library.warnings})
    for (const Finding& each : *list)
      if (each.place.file.ends_with("/" + name + ".yaml") ||
          each.message.find("(inherited by `" + name + "`)") != std::string::npos)
        found.push_back(each);
  if (library.find_template(name) == nullptr) return found;
  const Request request{.template_name = name,
                        .identity = {.name = "demo", .namespace_name = "team-a", .user = "ada"}};
  try {
    for (Finding& each : render(library, request).warnings) found.push_back(std::move(each));
  } catch (const Problem& problem) {
    for (const Finding& each : problem.findings()) found.push_back(each);
  }
  return found;
}

bool speaks(const std::vector<Finding>& findings, const std::string& rule) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& each) {
    return each.message.find("(rule " + rule + ")") != std::string::npos;
  });
}

}  // namespace

TEST_CASE("each rule of the catalogue speaks about some cards, is silent about others, and says whence") {
  std::vector<cards::File> files = cards::embedded();
  for (const Row& row : rows()) {
    add(files, "bad-" + row.rule + row.bad.end, row.bad);
    add(files, "good-" + row.rule + row.good.end, row.good);
  }
  const auto library = cards::load(std::move(files), "");
  std::set<std::string> left;
  for (const cards::Rule& rule : library->rules->all) {
    CAPTURE(rule.name);
    CHECK(!rule.source.empty());
    CHECK(left.insert(rule.name).second);
  }
  for (const Row& row : rows()) {
    CAPTURE(row.rule);
    CHECK(left.erase(row.rule) == 1);
    const std::vector<Finding> bad = said_of(*library, "bad-" + row.rule + row.bad.end);
    CHECK(speaks(bad, row.rule));
    for (const Finding& each : bad)
      if (speaks({each}, row.rule)) CHECK(each.hint.starts_with("change the "));
    CHECK_FALSE(speaks(said_of(*library, "good-" + row.rule + row.good.end), row.rule));
  }
  for (const std::string& each : left) FAIL_CHECK("rule " << each << " has no row here");
}

TEST_CASE("a rule that asks for a value waits until it is known whether there is one") {
  std::vector<cards::File> files = cards::embedded();
  add(files, "plain",
      {.framework = "vllm",
       .model = "chat_template: false",
       .hardware = "nvidia-a100-pcie-40gb",
       .values = "extra_args: [--chat-template, /t.jinja]"});
  const auto library = cards::load(std::move(files), "");
  CHECK(library->findings.empty());
  CHECK_FALSE(speaks(said_of(*library, "plain"), "chat-without-template"));
}

}  // namespace mlib::render
