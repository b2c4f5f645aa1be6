#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/problem.hpp"
#include "formats/contradict.hpp"
#include "formats/front_matter.hpp"
#include "formats/model.hpp"
#include "formats/original.hpp"
#include "formats/safetensors.hpp"
#include "formats/words.hpp"
#include "schema/document.hpp"

namespace mlib::formats {
namespace {

void u32(std::string& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
}
void u64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
}
void text(std::string& out, std::string_view value) {
  u64(out, value.size());
  out += value;
}

/// A GGUF file with a list of each kind, texts and two tensors.
std::string sound_gguf() {
  std::string out = "GGUF";
  u32(out, 3);
  u64(out, 2);
  u64(out, 4);
  text(out, "general.architecture");
  u32(out, 8);
  text(out, "llama");
  text(out, "llama.block_count");
  u32(out, 4);
  u32(out, 2);
  text(out, "llama.attention.head_count");
  u32(out, 9);
  u32(out, 4);
  u64(out, 2);
  u32(out, 8);
  u32(out, 8);
  text(out, "tokenizer.ggml.tokens");
  u32(out, 9);
  u32(out, 8);
  u64(out, 2);
  text(out, "a");
  text(out, "b");
  for (const std::uint64_t offset : {0U, 128U}) {
    text(out, offset == 0 ? "one" : "two");
    u32(out, 1);
    u64(out, 32);
    u32(out, 0);
    u64(out, offset);
  }
  out.resize((out.size() + 31) / 32 * 32 + 256);
  return out;
}

std::string sound_safetensors() {
  const std::string json =
      R"({"__metadata__":{"a":"b"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}})";
  std::string out;
  u64(out, json.size());
  return out + json + std::string(12, '\0');
}

constexpr std::string_view config =
    R"({"model_type":"llama","architectures":["LlamaForCausalLM"],"num_hidden_layers":2,"hidden_size":64,)"
    R"("num_attention_heads":4,"num_key_value_heads":2,"rope_scaling":{"factor":8.0},"torch_dtype":"float16",)"
    R"("max_position_embeddings":128,"n_positions":12,"text_config":{"vocab_size":10},"num_experts":4})";
constexpr std::string_view readme =
    "---\nlicense: other\nlicense_name: x\nextra_gated_prompt: y\ntags: [a, b]\n---\n# T\n";
constexpr std::string_view cards_json =
    R"({"id":"1","name":"T","description":"d","params":{"greeting":"x"},"deployment_card":{"id":"4","params":{"num_cpus":4}},)"
    R"("viable_deployment_cards":[{"id":"4","params":{"replicas":2}}],"model_card":{"id":"3","params":{"hf_repo_id":"a/b",)"
    R"("hf_filename":"c.gguf"},"architecture":{"id":"a","deployment_yaml":"e.yaml","name":"e"}},"benchmarks":[]})";

/// `text` with a few bytes changed, taken out, doubled or put in.
std::string mutated(std::string text, std::mt19937& random) {
  for (unsigned left = 1 + random() % 4; left > 0 && !text.empty(); --left) {
    const std::size_t at = random() % text.size();
    switch (random() % 5) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << random() % 8));
        break;
      case 2:
        text.erase(at, 1 + random() % 8);
        break;
      case 3:
        text.insert(at, text.substr(random() % text.size(), 1 + random() % 16));
        break;
      default:
        text.resize(at);
        break;
    }
  }
  return text;
}

/// 20,000 mutations end in an answer or a Problem.
void survives(std::string_view seed, const std::function<void(const std::string&)>& read) {
  std::mt19937 random(1);  // NOLINT: the same ones each time
  int refused = 0, read_well = 0;
  for (int i = 0; i < 20'000; ++i) {
    try {
      read(mutated(std::string(seed), random));
      ++read_well;
    } catch (const Problem& problem) {
      refused += problem.message().empty() ? 0 : 1;
    }
  }
  CHECK(refused + read_well == 20'000);
  CHECK(read_well > 0);
}

TEST_CASE("mutated GGUF files are read or refused") {
  survives(sound_gguf(), [](const std::string& text) {
    from_gguf(TextBytes(text), "m.gguf", {"m", "x", ""});
  });
}

TEST_CASE("mutated safetensors headers are read or refused") {
  survives(sound_safetensors(), [](const std::string& text) { read_safetensors(TextBytes(text), "m"); });
}

TEST_CASE("mutated front matter is read or its flaw told") {
  std::string flaw;
  survives(readme, [&](const std::string& text) { front_matter(text, flaw); });
}

TEST_CASE("mutated configurations are read or refused") {
  survives(config, [](const std::string& text) {
    from_hugging_face({{"config.json", std::make_shared<TextBytes>(text)}}, "m", {"m", "x", ""});
  });
}

TEST_CASE("mutated cards of the original are read or refused") {
  cards::Library library;
  library.frameworks.emplace_back();
  library.frameworks[0].metadata.name = "x";
  survives(cards_json, [&](const std::string& text) {
    schema::Node json;
    schema::JsonError error;
    if (schema::read_json(text, json, error)) from_original(json, "m", library, {"", "x", ""});
  });
}

TEST_CASE("a GGUF file's numbers are those that were written") {
  const std::string bytes = sound_gguf();
  const Gguf gguf = read_gguf(TextBytes(bytes), "m.gguf");
  CHECK(gguf.version == 3);
  CHECK(gguf.metadata.integer_at({"llama.block_count"}) == 2);
  REQUIRE(gguf.tensors.size() == 2);
  CHECK(gguf.tensors[1].name == "two");
  CHECK(gguf.tensors[1].elements == 32);
  CHECK(gguf.tensors[1].bytes == 128);
  CHECK(gguf.needed == bytes.size());
}

TEST_CASE("an imported Model card decodes without a finding") {
  const Imported imported = from_gguf(TextBytes(sound_gguf()), "m.gguf", {"m", "x", "/w/m.gguf"});
  schema::Reader reader;
  const auto card = schema::decode<cards::Model>(reader, imported.cards.at(0));
  CHECK(reader.findings.empty());
  CHECK(card.spec.shape.heads == 8);
  CHECK(card.spec.shape.vocabulary == 2);
}

TEST_CASE("tasks and quantizations become the catalogue's words") {
  CHECK(task_word("image-text-to-text") == "vision-language");
  CHECK(task_word("sentence-similarity") == "embedding");
  CHECK(task_word("automatic-speech-recognition") == "speech");
  CHECK(task_word("text-generation") == "text-generation");
  const auto word = [](std::string_view json) { return quantization_word(schema::read_json(json)); };
  CHECK(word(R"({"quant_method":"awq","bits":4})") == "AWQ");
  CHECK(word(R"({"quant_method":"fbgemm_fp8"})") == "FP8");
  CHECK(word(R"({"quant_method":"bitsandbytes","load_in_4bit":true})") == "BITSANDBYTES");
  CHECK(word(R"({"quant_method":"modelopt","quant_algo":"NVFP4"})") == "NVFP4");
  CHECK(word(R"({"quant_method":"modelopt","quant_algo":"MIXED_PRECISION"})").empty());
  const auto group = [](const std::string& weights) { return R"({"weights":{)" + weights + "}}"; };
  const std::string begin = R"({"quant_method":"compressed-tensors","config_groups":{"a":)";
  const std::string eight = group(R"("num_bits":8,"type":"float")");
  const std::string four = group(R"("num_bits":4,"type":"int","group_size":32)");
  CHECK(word(begin + eight + "}}") == "FP8");
  CHECK(word(begin + four + "}}") == "INT4");
  CHECK(word(begin + group(R"("num_bits":4,"type":"float","group_size":32)") + "}}") == "MXFP4");
  CHECK(word(begin + eight + R"(,"b":)" + four + "}}").empty());
}

TEST_CASE("how layers attend and whether there is a chat template is taken from a folder") {
  const auto imported = [](const std::string& more, const std::string& tokenizer = "") {
    std::vector<FolderFile> files{
        {"config.json",
         std::make_shared<TextBytes>(R"({"num_hidden_layers":4,"hidden_size":64)" + more + "}")}};
    if (!tokenizer.empty())
      files.push_back({"tokenizer_config.json", std::make_shared<TextBytes>(tokenizer)});
    schema::Reader reader;
    const auto card =
        schema::decode<cards::Model>(reader, from_hugging_face(files, "m", {"m", "x", ""}).cards.at(0));
    CHECK(reader.findings.empty());
    return card.spec;
  };
  const auto mixed = imported(
      R"(,"sliding_window":128,"layer_types":["sliding_attention","full_attention","sliding_attention"])");
  REQUIRE(mixed.shape.attention.size() == 2);
  CHECK(mixed.shape.attention[0].kind == "sliding");
  CHECK(mixed.shape.attention[0].layers == 2);
  CHECK(mixed.shape.attention[0].window == 128);
  CHECK(mixed.shape.attention[1].layers == 1);
  CHECK_FALSE(mixed.shape.attention[1].window);
  const auto latent = imported(R"(,"kv_lora_rank":512,"qk_rope_head_dim":64)");
  REQUIRE(latent.shape.attention.size() == 1);
  CHECK(latent.shape.attention[0].kind == "mla");
  CHECK(latent.shape.attention[0].layers == 4);
  CHECK(latent.shape.attention[0].latent == 512);
  CHECK(latent.shape.attention[0].rope == 64);
  const auto sliding = imported(R"(,"sliding_window":4096)");
  REQUIRE(sliding.shape.attention.size() == 1);
  CHECK_FALSE(sliding.shape.attention[0].layers);
  CHECK(imported(R"(,"sliding_window":4096,"use_sliding_window":false)").shape.attention.empty());
  CHECK(imported(R"(,"layer_types":["full_attention","else"])").shape.attention.empty());
  CHECK_FALSE(mixed.chat_template);
  CHECK(imported("", R"({"chat_template":"{{ x }}"})").chat_template == true);
  CHECK(imported("", R"({"eos_token":"x"})").chat_template == false);
}

TEST_CASE("every word that the importer translates to is one that a shipped framework serves") {
  const auto library = cards::load(cards::embedded(), "catalog");
  const auto served = [&](const std::string& word, std::vector<std::string> cards::Serves::*list) {
    return std::any_of(library->frameworks.begin(), library->frameworks.end(),
                       [&](const cards::Framework& each) {
                         const std::vector<std::string>& words = each.spec.serves.*list;
                         return std::find(words.begin(), words.end(), word) != words.end();
                       });
  };
  for (const char* task : {"text-generation", "vision-language", "embedding", "rerank", "speech"})
    CHECK(served(task, &cards::Serves::tasks));
  for (const char* type : {"FP8", "AWQ", "GPTQ", "INT8", "INT4", "NVFP4", "MXFP4", "BITSANDBYTES"})
    CHECK(served(type, &cards::Serves::quantizations));
}

TEST_CASE("a file that is far too large for its parameters contradicts itself") {
  cards::ModelSpec spec;
  spec.parameters = 8'000'000'000;
  spec.quantization = "Q4_K_M";
  CHECK(contradictions(spec, {std::int64_t{5'000'000'000}}).empty());
  CHECK(contradictions(spec, {std::int64_t{16'000'000'000}}).size() == 1);
  CHECK(contradictions(spec, {std::int64_t{500'000'000}}).size() == 1);
}

TEST_CASE("bytes are held against parameters whatever says the type of the weights") {
  const auto contradicts = [](const std::string& quantization, const std::string& dtype, double bits) {
    cards::ModelSpec spec;
    spec.format = "safetensors";
    spec.parameters = 100'000'000;
    spec.quantization = quantization;
    spec.dtype = dtype;
    spec.weights_bytes = static_cast<std::int64_t>(bits * 100'000'000 / 8);
    return !contradictions(spec).empty();
  };
  for (const char* type : {"UD-Q4_K_XL", "INT4", "BITSANDBYTES"}) {
    CHECK_FALSE(contradicts(type, "bfloat16", 5));
    CHECK(contradicts(type, "bfloat16", 16));
    CHECK(contradicts(type, "bfloat16", 2));
  }
  CHECK_FALSE(contradicts("INT8", "", 8.5));
  CHECK(contradicts("INT8", "", 4.5));
  CHECK_FALSE(contradicts("", "float32", 32));
  CHECK(contradicts("", "float32", 16));
  CHECK(contradicts("", "bfloat16", 32));
  CHECK_FALSE(contradicts("", "", 16));
  CHECK_FALSE(contradicts("", "", 31));
  CHECK(contradicts("", "", 29.9));
  CHECK(contradicts("", "", 48));
}

TEST_CASE("a header has room in a file, not among its tensors") {
  cards::ModelSpec spec;
  spec.format = "gguf";
  spec.quantization = "Q4_K_M";
  spec.parameters = 1'000'000;
  spec.weights_bytes = 12'000'000;
  CHECK(contradictions(spec).empty());
  CHECK(contradictions(spec, {std::int64_t{2'000'000}}).size() == 1);
  spec.weights_bytes = 40'000'000;
  CHECK(contradictions(spec).size() == 1);
}

TEST_CASE("a part is no more than the whole, and there is one context") {
  cards::ModelSpec spec;
  spec.context_length = 4096;
  spec.values = {{"context_length", Node(4096)}};
  spec.parameters = 30'000'000'000;
  spec.active_parameters = 3'000'000'000;
  spec.shape.layers = 32;
  spec.shape.attention = {{.kind = "full", .layers = 8}, {.kind = "sliding", .layers = 24}};
  CHECK(contradictions(spec).empty());
  spec.values[0].second = Node(8192);
  spec.active_parameters = 31'000'000'000;
  spec.shape.attention[0].layers = 9;
  std::string fields;
  for (const Remark& each : contradictions(spec)) fields += each.field + " ";
  CHECK(fields == "spec.shape.attention spec.active_parameters spec.values.context_length ");
}

TEST_CASE("no shipped model contradicts itself") {
  const auto library = cards::load(cards::embedded(), "catalog");
  for (const cards::Model& model : library->models)
    for (const Remark& each : contradictions(model.spec))
      CHECK(model.metadata.name + " " + each.field + ": " + each.reason == "");
}

}  // namespace
}  // namespace mlib::formats
