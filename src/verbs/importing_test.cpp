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

TEST_CASE("a task that no framework serves is refused with all frameworks that there are") {
  ScriptedWorld w;
  const Problem problem = failure([&] { import_text(w, "BertForMaskedLM"); });
  CHECK(problem.kind() == Kind::usage);
  CHECK(problem.message() == "no framework of this catalogue is known to serve safetensors for fill-mask");
  CHECK(problem.hint().find("vllm") != std::string::npos);
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
