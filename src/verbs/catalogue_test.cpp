#include "verbs/catalogue.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/revision.hpp"
#include "verbs/finding.hpp"
#include "verbs/lines.hpp"
#include "verbs/names.hpp"
#include "verbs/scripted_world.hpp"
#include "verbs/validation.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

std::string names(const Response& response) {
  std::vector<std::string> all;
  for (const Node& item : response.value.items()) {
    const std::string name = item.text_at({"metadata", "name"});
    all.push_back(name.empty() ? item.text_at({"name"}) : name);
  }
  return join(all, " ");
}

}  // namespace

TEST_CASE("a filter narrows by fields, short or whole, by labels and by items of lists") {
  ScriptedWorld w;
  const auto models = [&](std::vector<std::string> filter) {
    return names(get_models(w.world, w.ann, {{.filter = std::move(filter)}}));
  };
  CHECK(models({"spec.format=gguf", "name=gemma-3-270m"}) == "gemma-3-270m");
  CHECK(models({"format=gguf", "metadata.name!=gemma-3-270m"}).find("gemma-3-270m ") == std::string::npos);
  CHECK(models({"gated=true"}) == models({"gated==true"}));
  CHECK(names(get_templates(w.world, w.ann,
                            {{.filter = {"viable_hardware=cpu-service", "model=gemma-3-270m"}}})) ==
        "gemma-3-270m-cpu");
  CHECK(names(get_hardware(w.world, w.ann, {{.filter = {"name=amd-mi300x", "gpu.vendor=amd"}}})) ==
        "amd-mi300x");
  CHECK_THROWS_WITH_AS(models({"formt=gguf"}), "the filter cannot be understood", Problem);
  CHECK_THROWS_AS(models({"gguf"}), Problem);
}

TEST_CASE("a card that is not there, and one that a filter leaves out, are told apart") {
  ScriptedWorld w;
  const auto ask = [&](const std::string& name, std::vector<std::string> filter) {
    return failure([&] { get_models(w.world, w.ann, {{.name = name, .filter = std::move(filter)}}); });
  };
  CHECK(ask("gemma-3-27m", {}).message() == "no model called `gemma-3-27m`");
  CHECK(ask("gemma-3-27m", {}).hint() == "did you mean `gemma-3-270m`?");
  CHECK(ask("gemma-3-270m", {"format=onnx"}).message() == "the filter leaves `gemma-3-270m` out");
}

TEST_CASE("lists are sorted, cut and shown by columns") {
  ScriptedWorld w;
  GetArguments arguments;
  arguments.filter = {"gpu IS NULL AND memory > 1Gi"};
  arguments.sort = "-memory,name";
  arguments.columns = "name,memory";
  arguments.limit = 2;
  const Response response = get_hardware(w.world, w.ann, arguments);
  REQUIRE(response.value.items().size() == 2);
  CHECK(response.table->columns[1].header == "MEMORY");
  const auto bytes = [&](std::size_t i) { return *quantity(response.value.items()[i].text_at({"memory"})); };
  CHECK(bytes(0) >= bytes(1));
  arguments.sort = "memry";
  CHECK_THROWS_WITH_AS(get_hardware(w.world, w.ann, arguments), "--sort: there is no field `memry`", Problem);
}

TEST_CASE("the revision of a card is a field and a wide column") {
  ScriptedWorld w;
  const cards::Model& model = w.shelf.library()->get_model("gemma-3-270m");
  const std::string revision = cards::revision(cards::canonical(model));
  GetArguments arguments;
  arguments.filter = {"revision = '" + revision + "'"};
  const Response one = get_models(w.world, w.ann, arguments);
  CHECK(names(one) == "gemma-3-270m");
  CHECK(one.table->columns.back().header == "REVISION");
  CHECK(one.table->columns.back().wide);
  CHECK(one.table->rows[0].back() == revision);
  arguments.filter = {"model.revision = '" + revision + "'"};
  arguments.columns = "name,revision,model.revision";
  const Response its = get_templates(w.world, w.ann, arguments);
  REQUIRE(!its.value.items().empty());
  CHECK(its.value.items()[0].text_at({"model.revision"}) == revision);
  CHECK(its.value.items()[0].text_at({"revision"}).size() == 12);
}

TEST_CASE("sizes of models have three digits and a unit, never an exponent") {
  ScriptedWorld w;
  const Response models = get_models(w.world, w.ann, {});
  for (const auto& row : models.table->rows) CHECK(row[4].find("e+") == std::string::npos);
  const Response one = get_models(w.world, w.ann, {{.name = "gemma-3-1b-it"}});
  CHECK(one.table->rows.at(0)[4] == "1B");
  const Response large = get_models(w.world, w.ann, {{.name = "kimi-k2-instruct"}});
  CHECK(large.table->columns.at(4).header == "PARAMETERS");
  CHECK(large.table->rows.at(0)[4] == "1.03T");
}

TEST_CASE("where nothing is found, a text that no card has is told with the nearest") {
  ScriptedWorld w;
  const auto told = [&](const std::string& filter) {
    return get_templates(w.world, w.ann, {{.filter = {filter}}}).notes;
  };
  CHECK(told("framework = 'vlmm'") == "no template has framework `vlmm`; near: `vllm`\n");
  CHECK(told("framework=vllm AND hardware.gpu.vendor IN (nvidea)") ==
        "no template has hardware.gpu.vendor `nvidea`; near: `nvidia`\n");
  CHECK(told("framework=vllm").empty());
  CHECK(told("framework != vlmm").empty());
  CHECK(told("framework=vllm AND model.format=gguf AND hardware.kind=cpu").empty());
}

TEST_CASE("sorting by a field that there is none of names the nearest, also of another card") {
  ScriptedWorld w;
  GetArguments arguments;
  arguments.sort = "model.paramters";
  CHECK(failure([&] { get_models(w.world, w.ann, arguments); }).hint() == "did you mean `parameters`?");
  CHECK(failure([&] { get_templates(w.world, w.ann, arguments); }).hint() ==
        "did you mean `model.parameters`?");
}

TEST_CASE("a filter is saved only if it can be understood, and is judged by the kind that it is for") {
  ScriptedWorld w;
  const Problem wrong = failure([&] { save_filter(w.world, w.ann, {"big", "gpu.memory > abc"}); });
  REQUIRE(wrong.findings().size() == 1);
  CHECK(wrong.findings()[0].message == "`gpu.memory` is an amount of bytes, and `abc` is not");
}

TEST_CASE("a saved filter is used by its name") {
  ScriptedWorld w;
  save_filter(w.world, w.ann, {"small", "name=gemma-3-270m"});
  CHECK(names(list_filters(w.world, w.ann, {})) == "small");
  CHECK(names(get_models(w.world, w.ann, {{.filter = {"@small", "format=gguf"}}})) == "gemma-3-270m");
  CHECK_THROWS_WITH_AS(get_models(w.world, w.ann, {{.filter = {"@smal"}}}), "there is no saved filter `smal`",
                       Problem);
  CHECK_THROWS_AS(save_filter(w.world, w.ann, {"bad", "no_such_field_at_all = 1"}), Problem);
  delete_filter(w.world, w.ann, {"small"});
  CHECK(list_filters(w.world, w.ann, {}).value.items().empty());
  CHECK_THROWS_AS(delete_filter(w.world, w.ann, {"small"}), Problem);
}

TEST_CASE("filter options give types, values and ranges") {
  ScriptedWorld w;
  const Node value = filter_options(w.world, w.ann, {}).value;
  const Node* fields = value.find("fields");
  REQUIRE(fields != nullptr);
  CHECK(fields->find("hardware.cpus")->text_at({"type"}) == "number");
  CHECK(fields->find("hardware.cpus")->at({"range", "max"})->number() > 0);
  const Node* memory = fields->find("hardware.memory");
  CHECK(memory->text_at({"type"}) == "quantity");
  CHECK(memory->text_at({"unit"}) == "bytes");
  CHECK(quantity(memory->text_at({"range", "min"})) < quantity(memory->text_at({"range", "max"})));
  for (const Node& each : memory->find("values")->items())
    CHECK(quantity(each.string()) <= quantity(memory->text_at({"range", "max"})));
  const Node* priced = fields->find("hardware.price.as_of");
  REQUIRE(priced != nullptr);
  CHECK(priced->text_at({"type"}) == "date");
  CHECK(priced->text_at({"range", "min"}) <= priced->text_at({"range", "max"}));
  CHECK(!fields->find("framework")->find("values")->items().empty());
  CHECK_THROWS_AS(filter_options(w.world, w.ann, {"modles"}), Problem);
}

TEST_CASE("of a card that templates refer to only what one of them refers to is offered") {
  ScriptedWorld w;
  const Node value = filter_options(w.world, w.ann, {}).value;
  for (const std::string field : {"hardware.vendor", "hardware.gpu.memory", "framework.hardware"}) {
    const Node* values = value.at({"fields", field, "values"});
    REQUIRE(values != nullptr);
    for (const Node& each : values->items())
      CHECK(!names(get_templates(w.world, w.ann, {{.filter = {field + " = '" + each.string() + "'"}}}))
                 .empty());
  }
  const Response all = filter_options(w.world, w.ann, {});
  for (const auto& row : all.table->rows) CHECK(utf8_length(row.back()) < 160);
}

TEST_CASE("compare shows what differs, tree where values come from") {
  ScriptedWorld w;
  const auto library = w.world.shelf.library();
  REQUIRE(library->hardware.size() > 1);
  CompareArguments arguments;
  arguments.kind = "hardware";
  arguments.names = {library->hardware[0].metadata.name, library->hardware[1].metadata.name};
  const Node compared = compare(w.world, w.ann, arguments).value;
  CHECK(!compared.find("fields")->items().empty());
  for (const Node& field : compared.find("fields")->items()) CHECK(field.find("differs")->boolean());
  arguments.names.pop_back();
  CHECK_THROWS_AS(compare(w.world, w.ann, arguments), Problem);
  arguments.names.push_back("no-such-machine");
  CHECK_THROWS_WITH_AS(compare(w.world, w.ann, arguments), "no hardware called `no-such-machine`", Problem);
  const Response tree = tree_template(w.world, w.ann, {"gemma-3-270m-cpu"});
  CHECK(tree.value.text_at({"model", "name"}) == "gemma-3-270m");
  CHECK(tree.text->find("├─ framework ") != std::string::npos);
  CHECK(!tree.value.find("values")->items().empty());
}

TEST_CASE(
    "compare of two engines leaves out what their frameworks say of parameters, unless all is asked for") {
  ScriptedWorld w;
  CompareArguments arguments;
  arguments.kind = "templates";
  arguments.names = {"qwen3-8b-vllm", "qwen3-8b-sglang"};
  const auto shown = [&](std::string_view field) {
    const Node compared = compare(w.world, w.ann, arguments).value;
    const Node::List& fields = compared.find("fields")->items();
    return std::any_of(fields.begin(), fields.end(),
                       [&](const Node& each) { return each.text_at({"field"}).starts_with(field); });
  };
  CHECK(shown("framework.image"));
  CHECK(shown("values.image"));
  CHECK(!shown("framework.parameters."));
  CHECK(!shown("framework.name"));
  arguments.all = true;
  CHECK(shown("framework.parameters."));
}

TEST_CASE("search finds all words and puts names first") {
  ScriptedWorld w;
  CHECK(names(search(w.world, w.ann, {"gema 270"})).rfind("gemma-3-270m", 0) == 0);
  CHECK(names(search(w.world, w.ann, {"gmma 270"})).rfind("gemma-3-270m", 0) == 0);
  CHECK(names(search(w.world, w.ann, {"gemma 271"})).empty());
  CHECK(names(search(w.world, w.ann, {"qwne3"})).rfind("qwen3-", 0) == 0);
  CHECK(names(search(w.world, w.ann, {"qwne4"})).empty());
  CHECK(names(search(w.world, w.ann, {"h100"})).find("a100") == std::string::npos);
  CHECK(names(search(w.world, w.ann, {"GEMMA"})).rfind("gemma-", 0) == 0);
  // As Ollama, and people, write names.
  for (const auto& [written, name] :
       {std::pair<std::string, std::string>{"llama3.1", "llama-3-1-8b-instruct"},
        {"lama3.1", "llama-3-1-8b-instruct"},
        {"qwen25", "qwen2-5-7b-instruct"},
        {"gemma3", "gemma-3-1b-it"},
        {"phi4", "phi-4"},
        {"gptoss", "gpt-oss-20b"},
        {"bgem3", "bge-m3"},
        {"whisper-lrge", "whisper-large-v3"},
        {"a100-80gb", "nvidia-a100-pcie-80gb"},
        {"rtx4090", "nvidia-rtx-4090-24gb"}}) {
    INFO(written);
    CHECK((" " + names(search(w.world, w.ann, {written})) + " ").find(" " + name + " ") != std::string::npos);
  }
  CHECK(names(search(w.world, w.ann, {"llama3.7"})).empty());
  CHECK(names(search(w.world, w.ann, {"phi4"})).starts_with("phi-4 "));
  CHECK(names(search(w.world, w.ann, {"cpu small"})).rfind("cpu-small", 0) == 0);
  CHECK(names(search(w.world, w.ann, {"gemma nonsense"})).empty());
  const Node found = search(w.world, w.ann, {"GEMMA"}).value;
  CHECK(found.items()[0].text_at({"kind"}) == "model");
  CHECK(w.shelf.library()->get_model(found.items()[0].text_at({"name"})).spec.released >=
        w.shelf.library()->get_model("gemma-2-9b-it").spec.released);
}

TEST_CASE("every kind has a JSON Schema, by singular and plural") {
  ScriptedWorld w;
  for (const char* kind : {"framework", "models", "Hardware", "template", "deployments"})
    CHECK(card_schema(w.world, w.ann, {kind}).value.find("properties") != nullptr);
  CHECK(card_schema(w.world, w.ann, {"benchmark-result"}).value.at({"properties", "verdict"}) != nullptr);
  CHECK(card_schema(w.world, w.ann, {"benchmark-record"}).value.at({"properties", "events"}) != nullptr);
  CHECK_THROWS_WITH_AS(card_schema(w.world, w.ann, {"modle"}), "there is no kind `modle`", Problem);
}

TEST_CASE("validate takes the catalogue beside the files it is given") {
  ScriptedWorld w;
  ValidateArguments arguments;
  arguments.files = {{"mine.yaml",
                      "apiVersion: model-library/v1\nkind: Template\nmetadata: {name: mine}\n"
                      "spec: {model: gemma-3-270m, hardware: cpu-small}\n"}};
  CHECK(*validate(w.world, w.ann, arguments).text == "1 file: no findings\n");
  arguments.files[0].text =
      "apiVersion: model-library/v1\nkind: Template\nmetadata: {name: mine}\n"
      "spec: {model: gema-3-270m, hardware: cpu-small}\n";
  try {
    validate(w.world, w.ann, arguments);
    FAIL("it was found sound");
  } catch (const Problem& problem) {
    REQUIRE(problem.findings().size() == 1);
    CHECK(problem.findings()[0].place.file == "mine.yaml");
    CHECK(problem.findings()[0].place.line == 4);
  }
}

TEST_CASE(
    "validate finds a shipped card whatever else is wrong, and a given one stands in a shipped one's place") {
  ScriptedWorld w;
  const std::string version = "apiVersion: model-library/v1\n";
  ValidateArguments arguments;
  arguments.files = {
      {"mine.yaml", version + "kind: Template\nmetadata: {name: mine}\n"
                              "spec: {model: gemma-3-270m, hardware: cpu-small}\n"},
      {"here.yaml", version + "kind: Hardware\nmetadata: {name: here, titel: Here}\nspec: {}\n"}};
  const Problem two = failure([&] { validate(w.world, w.ann, arguments); });
  REQUIRE(two.findings().size() == 1);
  CHECK(two.findings()[0].fault == Fault::unknown_field);
  arguments.files = {
      {"phi-4.yaml", version + "kind: Model\nmetadata: {name: phi-4}\nspec: {framework: vllm}\n"}};
  CHECK(*validate(w.world, w.ann, arguments).text == "1 file: no findings\n");
}

TEST_CASE("validate holds a folder of its own to the shipped rules") {
  ScriptedWorld w;
  const std::string version = "apiVersion: model-library/v1\n";
  ValidateArguments arguments;
  arguments.files = {
      {"mine/frameworks/x/framework.yaml",
       version + "kind: Framework\nmetadata: {name: x}\nspec: {engine: x, image: \"a/b:1\"}\n"},
      {"mine/frameworks/x/manifest.yaml",
       "apiVersion: v1\nkind: Pod\nmetadata: {name: $name}\n"
       "spec: {containers: [{name: s, image: \"a/b:1\"}]}\n"},
      {"mine/models/m.yaml", version + "kind: Model\nmetadata: {name: m}\n"
                                       "spec: {framework: x, shape: {heads: 32, kv_heads: 7}}\n"}};
  const Problem problem = failure([&] { validate(w.world, w.ann, arguments); });
  REQUIRE(problem.findings().size() == 1);
  CHECK(problem.findings()[0].place.file == "mine/models/m.yaml");
  CHECK(problem.findings()[0].message.find("(rule kv-heads-and-heads)") != std::string::npos);
}

TEST_CASE("validate warns of what in a model cannot all be true, at its line") {
  ScriptedWorld w;
  ValidateArguments arguments;
  arguments.files = {{"odd.yaml",
                      "apiVersion: model-library/v1\nkind: Model\nmetadata: {name: odd}\nspec:\n"
                      "  framework: vllm\n  format: safetensors\n  quantization: BF16\n"
                      "  parameters: 8000000000\n  weights_bytes: 5000000000\n"}};
  const Response warned = validate(w.world, w.ann, arguments);
  REQUIRE(warned.value.find("warnings") != nullptr);
  REQUIRE(warned.value.find("warnings")->items().size() == 1);
  CHECK(warned.value.find("warnings")->items()[0].integer_at({"line"}) == 8);
  CHECK(warned.notes.find(
            "odd.yaml:8:15: warning: spec.parameters: 8000000000 parameters in 5000000000 bytes") == 0);
  arguments.files[0].text += "# all files together\n";
  arguments.files[0].text.replace(arguments.files[0].text.find("5000000000"), 10, "16000000000");
  CHECK(validate(w.world, w.ann, arguments).notes.empty());
  CHECK(validate(w.world, w.ann, {}).notes.empty());  // what is shipped
}

TEST_CASE("the difference of two texts keeps three lines around each change") {
  CHECK(line_diff("a\nb\n", "a\nb\n").empty());
  CHECK(line_diff("", "a\n") == "+a\n");
  CHECK(line_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n") ==
        "@@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST_CASE("labels, spans and masks") {
  CHECK(label_of("My Model_1.") == "my-model-1");
  CHECK(span_of("1.5m", "t").count() == 90'000);
  CHECK(span_of("90", "t").count() == 90'000);
  CHECK_THROWS_AS(span_of("-1s", "t"), Problem);
  CHECK_THROWS_AS(span_of("1d", "t"), Problem);
  Node secret = Node::map();
  secret.set("kind", "Secret");
  secret.child("data").set("key", "Y2FuYXJ5");
  CHECK(schema::to_json(masked({secret})[0]) == R"({"kind":"Secret","data":{"key":"***"}})");
}

TEST_CASE("each verb is described, and its path's parts are arguments of it") {
  for (const Verb& verb : table()) {
    const std::string name(verb.name);
    CAPTURE(name);
    CHECK(static_cast<bool>(verb.call) != static_cast<bool>(verb.stream));
    CHECK(!verb.summary.empty());
    CHECK(!verb.example.empty());
    const Node arguments = verb.arguments();
    for (const std::string_view each : verb.positional) CHECK(arguments.at({"properties", each}) != nullptr);
    for (const schema::Entry& entry : arguments.find("properties")->entries())
      CHECK_MESSAGE(!entry.value.text_at({"description"}).empty(), entry.key);
    for (const std::string& part : split(verb.path, '/'))
      if (part.size() > 2 && part.front() == '{')
        CHECK(arguments.at({"properties", part.substr(1, part.size() - 2)}) != nullptr);
  }
}
