#include "cards/contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "cards/library.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {

/// What is said of a template over the shipped catalogue, errors and warnings.
std::vector<Finding> said_of(const std::string& spec) {
  std::vector<File> files = embedded();
  files.push_back(
      {"templates/mine.yaml",
       "apiVersion: model-library/v1\nkind: Template\nmetadata: {name: mine}\nspec: " + spec + "\n"});
  const auto library = load(std::move(files), "");
  std::vector<Finding> found;
  for (const auto* list : {&library->findings, &library->warnings})
    for (const Finding& each : *list)
      if (each.place.file == "templates/mine.yaml") found.push_back(each);
  return found;
}

bool has(const std::vector<Finding>& findings, std::string_view rule) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& each) {
    return each.message.find("(rule " + std::string(rule) + ")") != std::string::npos;
  });
}

}  // namespace

TEST_CASE("the image in force says whether llama.cpp computes on GPUs") {
  const std::string pair = "{model: tiny-llama-test, hardware: nvidia-l4";
  CHECK(has(said_of(pair + "}"), "cpu-image-with-gpus"));
  CHECK(said_of(pair + ", values: {image: \"ghcr.io/ggml-org/llama.cpp:server-cuda\"}}").empty());
  CHECK(has(said_of("{model: tiny-llama-test, hardware: cpu-tiny, "
                    "values: {image: \"ghcr.io/ggml-org/llama.cpp:server-cuda\"}}"),
            "cuda-image-without-gpu"));
}

TEST_CASE("a flag in extra_args stands for a parameter of a rule") {
  const std::string pair =
      "{model: qwen3-8b, framework: vllm, hardware: nvidia-a100-sxm4-80gb, values: {extra_args: [";
  CHECK(said_of(pair + "]}}").empty());
  const std::vector<Finding> cache = said_of(pair + "--kv-cache-dtype, fp8]}}");
  REQUIRE(cache.size() == 1);
  CHECK(has(cache, "fp8-cache-without-fp8"));
  CHECK(cache[0].message.find("is to be fp8,") != std::string::npos);
  CHECK(cache[0].hint.starts_with("change the parameter `extra_args`:"));
  CHECK(cache[0].place.line == 4);
  CHECK(cache[0].place.column > 80);
  CHECK(has(said_of(pair + "--kv_cache_dtype=fp8_e5m2]}}"), "fp8-cache-without-fp8"));
  CHECK(has(said_of(pair + "--max-model-len, 9000000]}}"), "length-beyond-the-model"));
  CHECK(has(said_of(pair + "--pipeline-parallel-size, \"4\"]}}"), "parallel-product-and-gpus"));
  CHECK_FALSE(has(said_of(pair + "--max-model-len, \"1024\"]}}"), "length-beyond-the-model"));
}
