#include "verbs/importing.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

/// A folder that goes with it.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path + "/" + name, std::ios::binary) << text;
    return path + "/" + name;
  }
  std::string path = (std::filesystem::temp_directory_path() / ("mlib-import-" + random_hex(6))).string();
};

std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string counted(const std::string& text) { return number(text.size(), 8) + text; }

/// A GGUF file without tensors.
std::string made_gguf() {
  const std::string text = number(8, 4), whole = number(4, 4);
  return "GGUF" + number(3, 4) + number(0, 8) + number(3, 8) +        //
         counted("general.architecture") + text + counted("llama") +  //
         counted("general.file_type") + whole + number(15, 4) +       //
         counted("llama.context_length") + whole + number(2048, 4);
}

Response import_text(ScriptedWorld& w, const std::string& architecture, const std::string& more = "") {
  ImportArguments arguments;
  arguments.text = R"({"model_type": "made", "architectures": [")" + architecture +
                   R"("], "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64,)" + more +
                   R"("torch_dtype": "bfloat16"})";
  arguments.as = "made";
  return import_cards(w.world, w.ann, arguments);
}

std::string framework_of(const Response& response) {
  return response.value.find("cards")->items().at(0).text_at({"spec", "framework"});
}

std::vector<std::string> doubts(const Response& response) {
  std::vector<std::string> all;
  if (const Node* list = response.value.at({"report", "contradictions"}))
    for (const Node& each : list->items()) all.push_back(each.text_at({"reason"}));
  return all;
}

}  // namespace

TEST_CASE("an imported model gets a framework that serves its task, not only its format") {
  ScriptedWorld w;
  const Response chat = import_text(w, "Qwen3ForCausalLM");
  CHECK(framework_of(chat) == "vllm");
  CHECK(doubts(chat).empty());
  CHECK(chat.notes.find("vllm needs model, which nothing here says") != std::string::npos);
  CHECK(framework_of(import_text(w, "WhisperForConditionalGeneration")) == "vllm");
}

TEST_CASE("a local GGUF file gets the server that asks for no repository") {
  ScriptedWorld w;
  const Folder folder;
  ImportArguments arguments;
  arguments.source = folder.write("made.gguf", made_gguf());
  const Response response = import_cards(w.world, w.ann, arguments);
  CHECK(framework_of(response) == "llama-cpp-server");
  CHECK(response.notes.find("which nothing here says") == std::string::npos);
}

TEST_CASE("the parts of a split GGUF file are found beside the one that is named") {
  ScriptedWorld w;
  const Folder folder;
  const auto part = [&](int index, std::uint64_t count = 2) {
    const std::string whole = number(4, 4);
    return "GGUF" + number(3, 4) + number(1, 8) + number(3, 8) +  //
           counted("general.architecture") + number(8, 4) + counted("llama") + counted("split.no") + whole +
           number(static_cast<std::uint64_t>(index), 4) +       //
           counted("split.count") + whole + number(count, 4) +  //
           counted("t" + std::to_string(index)) + number(1, 4) + number(32, 8) + number(0, 4) + number(0, 8) +
           std::string(256, '\0');
  };
  const auto parameters = [&](const std::string& source) {
    ImportArguments arguments;
    arguments.source = source;
    const Response response = import_cards(w.world, w.ann, arguments);
    return response.value.find("cards")->items().at(0).integer_at({"spec", "parameters"});
  };
  folder.write("other-00001-of-00002.gguf", part(0));
  const std::string second = folder.write("made-00002-of-00002.gguf", part(1));
  CHECK(parameters(second) == 0);
  folder.write("made-00001-of-00002.gguf", part(0));
  CHECK(parameters(second) == 64);
  folder.write("made-00001-of-00002.gguf", part(0, 3));
  CHECK(failure([&] { parameters(second); }).message().find("`split.count` is 2, and that of") !=
        std::string::npos);
}

TEST_CASE("an encoder without a head gets what serves embeddings, one score what reranks") {
  ScriptedWorld w;
  CHECK(framework_of(import_text(w, "BertModel")) == "tei");
  const Response one =
      import_text(w, "XLMRobertaForSequenceClassification", R"("id2label": {"0": "LABEL_0"},)");
  CHECK(one.value.find("cards")->items().at(0).text_at({"spec", "task"}) == "rerank");
  CHECK(framework_of(one) == "tei");
  const Problem two = failure([&] {
    import_text(w, "XLMRobertaForSequenceClassification", R"("id2label": {"0": "no", "1": "yes"},)");
  });
  CHECK(two.message().find("for text-classification") != std::string::npos);
}

TEST_CASE("a quantization that no framework knows is told, and chooses none") {
  ScriptedWorld w;
  const std::string made = R"("quantization_config": {"quant_method": "wizardry"},)";
  const Response response = import_text(w, "LlamaForCausalLM", made);
  CHECK(framework_of(response) == "vllm");
  CHECK(response.exit_code == 2);
  REQUIRE(!doubts(response).empty());
  CHECK(doubts(response)[0] == "no framework of this catalogue says that it loads `WIZARDRY`");
  const std::string known = R"("quantization_config": {"quant_method": "awq"},)";
  CHECK(doubts(import_text(w, "LlamaForCausalLM", known)).empty());
}

TEST_CASE("a task that no framework serves is refused with the frameworks that load the format") {
  ScriptedWorld w;
  const Problem problem = failure([&] { import_text(w, "BertForMaskedLM"); });
  CHECK(problem.kind() == Kind::usage);
  CHECK(problem.message() == "no framework of this catalogue is known to serve safetensors for fill-mask");
  CHECK(problem.hint().find("vllm") != std::string::npos);
  CHECK(problem.hint().find("tool-library") == std::string::npos);
  CHECK(problem.hint().find("llama-cpp-server") == std::string::npos);
}

TEST_CASE("cards that would not validate are told, with an exit code and without a file") {
  ScriptedWorld w;
  const Folder folder;
  const Response shown = import_text(w, "Qwen3ForCausalLM", R"("num_key_value_heads": 3,)");
  CHECK(shown.exit_code == 2);
  CHECK(shown.notes.find("would not validate:\n  spec.shape.kv_heads") != std::string::npos);
  CHECK(shown.value.find("cards")->items().size() == 1);
  CHECK(import_text(w, "Qwen3ForCausalLM").exit_code == 0);

  ImportArguments arguments;
  arguments.text = R"({"model_type": "made", "architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 2,)"
                   R"("num_attention_heads": 4, "num_key_value_heads": 3, "hidden_size": 64})";
  arguments.to = folder.path + "/made.yaml";
  const Problem problem = failure([&] { import_cards(w.world, w.ann, arguments); });
  CHECK(problem.kind() == Kind::invalid);
  CHECK(problem.message() == "1 finding in 1 card: nothing was written");
  REQUIRE(problem.findings().size() == 1);
  CHECK(problem.findings()[0].message.find("rule kv-heads-and-heads") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(arguments.to));
}

TEST_CASE("a card of the catalogue with the same name does not stand in the way of an imported one") {
  ScriptedWorld w;
  ImportArguments arguments;
  arguments.text = R"({"DeploymentCard": [{"id": "4", "params": {"num_cpus": 4, "ram_memory": "12Gi"}}]})";
  w.world.files = [] {
    std::vector<cards::File> files = cards::embedded();
    files.push_back({"hardware/hardware-4.yaml",
                     "apiVersion: model-library/v1\nkind: Hardware\nmetadata: {name: hardware-4}\n"
                     "spec: {cpus: 4, memory: 12Gi}\n"});
    return files;
  };
  const Response response = import_cards(w.world, w.ann, arguments);
  CHECK(response.exit_code == 0);
  CHECK(response.value.find("cards")->items().at(0).text_at({"metadata", "name"}) == "hardware-4");
}

TEST_CASE("what a Model Library answers in the original's shape is not made into cards") {
  ScriptedWorld w;
  ImportArguments arguments;
  arguments.text = R"({"ArchitectureCard": [{"id": "vllm", "deployment_yaml": "vllm", "name": "vLLM"}],)"
                   R"("ModelCard": [], "DeploymentCard": [], "ModelDeploymentTemplateCard": []})";
  const Problem problem = failure([&] { import_cards(w.world, w.ann, arguments); });
  CHECK(problem.kind() == Kind::usage);
  CHECK(problem.message().find("a Model Library's cards") != std::string::npos);
  CHECK(problem.message().find("ArchitectureCard[0]") != std::string::npos);
  CHECK(problem.hint().find("mlib get model NAME -o yaml") != std::string::npos);
}

TEST_CASE("an imported card is held to the catalogue in force, and its warnings are told") {
  ScriptedWorld w;
  w.world.files = [] {
    std::vector<cards::File> files = cards::embedded();
    files.push_back({"rules/mine.yaml",
                     "apiVersion: model-library/v1\nkind: Rules\nmetadata: {name: mine}\nrules:\n"
                     "  - name: few-layers\n    level: warning\n    when: model.shape.layers < 3\n"
                     "    message: 'so few layers'\n    hint: add some\n    change: model.shape.layers\n"
                     "    examples: {bad: {model.shape.layers: 2}, good: {model.shape.layers: 3}}\n"});
    return files;
  };
  const std::vector<std::string> all = doubts(import_text(w, "Qwen3ForCausalLM"));
  REQUIRE(all.size() == 1);
  CHECK(all[0] == "so few layers (rule few-layers)");
}
