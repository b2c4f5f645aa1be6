#include "cards/flags.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "cards/arguments.hpp"
#include "cards/flags_changes.hpp"
#include "cards/library.hpp"
#include "cards/rule.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {
const Library& shipped() {
  static const std::shared_ptr<const Library> library = load(embedded(), "");
  return *library;
}
const FlagTable& table(std::string_view engine) { return *shipped().flags.find(engine)->second; }

/// The first finding about a command line of these words, without its place; an empty one when there is none.
FlagFinding found(std::string_view engine, std::string_view version, const std::vector<std::string>& words) {
  const Node none;
  CommandLine line;
  for (const std::string& word : words) line.words.push_back({word, &none});
  std::vector<FlagFinding> all = lint(table(engine), version, line);
  if (all.empty()) return {};
  all[0].word = nullptr;
  return all[0];
}
std::string said(std::string_view engine, std::string_view version, const std::vector<std::string>& words) {
  return found(engine, version, words).message;
}
std::string hinted(std::string_view engine, std::string_view version, const std::vector<std::string>& words) {
  return found(engine, version, words).hint;
}
}  // namespace

TEST_CASE("versions are ordered by their numbers") {
  CHECK(compare_versions("0.9.2", "0.10.2") < 0);
  CHECK(compare_versions("b5293", "b11312") < 0);
  CHECK(compare_versions("0.8.5", "0.8.5.post1") < 0);
  CHECK(compare_versions("1.0rc1", "1.0") < 0);
  CHECK(compare_versions("1.0", "1.0") == 0);
}

TEST_CASE("a version lies at one that was read, between two, before or after all") {
  const FlagTable& vllm = table("vllm");
  CHECK(vllm.place("v0.10.2").lower == vllm.place("0.10.2").upper);
  const VersionPlace between = vllm.place("0.10.0");
  CHECK(between.upper == between.lower + 1);
  CHECK(vllm.place("99.0").newer);
  CHECK(vllm.place("0.1.0").older);
  CHECK(vllm.place("latest").upper + 1 == static_cast<int>(vllm.versions.size()));
}

TEST_CASE("every shipped table names where it was read and when") {
  CHECK(shipped().flags.size() >= 11);
  for (const auto& [engine, each] : shipped().flags) {
    INFO(engine);
    CHECK(each->read.size() == 10);
    CHECK(!each->states.empty());
    CHECK(std::none_of(each->versions.begin(), each->versions.end(),
                       [](const FlagVersion& version) { return version.source.empty(); }));
  }
}

TEST_CASE("an engine's own spellings are taken") {
  CHECK(said("vllm", "0.24.0", {"--max_model_len", "16k", "-tp", "2", "--compilation-config.level", "3"}) ==
        "");
  CHECK(said("llama.cpp", "latest", {"-c", "4096", "-ngl", "auto", "--flash-attn", "on", "--metrics"}) == "");
  CHECK(said("tei", "1.9.3", {"--model-id", "a/b", "--auto-truncate", "true"}) == "");
}

TEST_CASE("where an engine takes beginnings of names, one that fits a single flag is that flag") {
  CHECK(said("sglang", "0.5.18", {"--tp", "8", "--dp", "2"}) == "");
  CHECK(
      said("sglang", "0.5.18", {"--tp", "many"}).starts_with("`--tp` of sglang 0.5.18 takes a whole number"));
  CHECK(said("sglang", "0.5.18", {"--enable", "1"}).find("has no flag `--enable`") !=
        std::string::npos);  // of several
  CHECK(hinted("vllm", "0.10.2", {"--max-model", "1"}) == "did you mean `--max-model-len`?");
}

TEST_CASE("an image's tag says the version, read or not") {
  const auto version = [](const std::string& framework, const std::string& image) {
    const Framework& card = shipped().get_framework(framework);
    return version_of_image(card, table(card.spec.flags), image);
  };
  CHECK(version("vllm", "docker.io/vllm/vllm-openai:v0.28.0") == "0.28.0");
  CHECK(version("vllm", "docker.io/vllm/vllm-openai:v99.1.0@sha256:00") == "99.1.0");
  CHECK(version("vllm", "docker.io/vllm/vllm-openai:v0.10.2") == "0.10.2");
  CHECK(version("vllm", "docker.io/vllm/vllm-openai:nightly") ==
        shipped().get_framework("vllm").spec.version);
  CHECK(version("sglang", "docker.io/lmsysorg/sglang:v0.5.11-cu126") == "0.5.11");
  CHECK(version("llama-cpp-server", "ghcr.io/ggml-org/llama.cpp:server-cuda-b9999") == "b9999");
  CHECK(version("llama-cpp-server", "ghcr.io/ggml-org/llama.cpp:server-cuda12") ==
        shipped().get_framework("llama-cpp-server").spec.version);
  CHECK(version("tei-cuda", "ghcr.io/huggingface/text-embeddings-inference:89-1.99.0") == "1.99.0");
}

TEST_CASE("a flag is wrong for a version by what that version had") {
  CHECK(said("llama.cpp", "b6199", {"--flash-attn", "--metrics"}) == "");
  CHECK(said("llama.cpp", "b6598", {"--flash-attn", "--metrics"}).find("none follows") != std::string::npos);
  CHECK(said("vllm", "0.24.0", {"--device", "cuda"}).find("any more") != std::string::npos);
  CHECK(said("vllm", "0.24.0", {"--max-modle-len", "1"}).find("no flag") != std::string::npos);
}

TEST_CASE("a value that another version takes is told with that version") {
  CHECK(hinted("llama.cpp", "b6598", {"--flash-attn", "--metrics"}).find("until b6199") == 0);
  const std::string joined = hinted("llama.cpp", "b6199", {"--flash-attn=on"});
  CHECK(joined.find("; from b6330") != std::string::npos);
  CHECK(joined.find("it takes one of on") != std::string::npos);
  CHECK(hinted("llama.cpp", "b6199", {"--flash-attn", "on"}).starts_with("leave `on` out; from b6330"));
  CHECK(said("llama.cpp", "b6199", {"--metrics", "on"}) == "");
}

TEST_CASE("what changes between two versions is listed, both ways") {
  const FlagTable& llama = table("llama.cpp");
  const auto forward = changes(llama, llama.place("b6199"), llama.place("b6598"));
  const auto kind = std::find_if(forward.begin(), forward.end(), [](const FlagChange& each) {
    return each.flag == "--flash-attn" && each.what == "kind";
  });
  REQUIRE(kind != forward.end());
  CHECK(kind->before == "bool");
  CHECK(kind->after == "enum");
  const auto back = changes(llama, llama.place("b6598"), llama.place("b6199"));
  CHECK(std::any_of(back.begin(), back.end(), [](const FlagChange& each) { return each.what == "removed"; }));
  CHECK(changes(llama, llama.place("b6598"), llama.place("b6598")).empty());
}

TEST_CASE("every shipped rule is shown by its own examples") {
  const std::vector<Rule>& rules = shipped().rules->all;
  CHECK(rules.size() >= 25);
  for (const Rule& rule : rules) {
    INFO(rule.name);
    CHECK(speaks(rule, rule.examples.bad));
    CHECK(!speaks(rule, rule.examples.good));
    for (const std::string& text : {rule.message, rule.hint}) CHECK(!text.empty());
  }
}

TEST_CASE("a rule is silent where it lacks a fact") {
  for (const Rule& rule : shipped().rules->all) {
    INFO(rule.name);
    CHECK(!speaks(rule, Dict<Node>{}));
  }
}

TEST_CASE("the lint of a command line takes microseconds") {
  const Node none;
  CommandLine line;
  for (const char* word :
       {"--model", "a/b", "--served-model-name", "m", "--host", "0.0.0.0", "--port", "8000",
        "--tensor-parallel-size", "2", "--max-model-len", "8192", "--dtype", "auto"})
    line.words.push_back({word, &none});
  constexpr int times = 1000;
  const auto start = std::chrono::steady_clock::now();
  std::size_t found = 0;
  for (int i = 0; i < times; ++i) found += lint(table("vllm"), "0.24.0", line).size();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  CHECK(found == 0);
  MESSAGE("microseconds: " << took.count() / times);
  // A bound for a loaded machine and an instrumented program.
  CHECK(took.count() / times < 5000);
}
