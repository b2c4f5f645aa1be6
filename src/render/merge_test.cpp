#include "render/merge.hpp"

#include <doctest/doctest.h>

#include "render/testing.hpp"

namespace mlib::render {
namespace {

using namespace testing;

cards::Framework engine() {
  cards::Parameter threads = typed("integer");
  threads.default_value = 2;
  threads.minimum = 1;
  cards::Parameter model = text();
  model.required = true;
  model.help = "Which model";
  return framework(
      "kind: X\na: [--max-threads, $threads, --alias, $deployment_name]\nb: $weights_path\n",
      {{"threads", threads}, {"model", model}, {"share", typed("boolean")}, {"key", {.secret = true}}});
}

Layer layer(std::string_view origin, cards::Dict<Node> values) {
  return {std::string(origin), std::move(values)};
}

std::string said(const std::vector<Layer>& layers, Identity identity = somebody()) {
  return said_by([&] { merge(engine(), layers, identity); });
}

}  // namespace

TEST_CASE("later layers win, and a value knows who gave it and whom it overrode") {
  const cards::Framework made = engine();
  const Values got =
      merge(made,
            {defaults(made), layer("hardware cpu", {{"threads", 4}}), layer("model m", {{"model", "m"}}),
             layer("template t", {{"threads", 6}}), layer("--set", {{"threads", 8}})},
            somebody());
  const Value& threads = got.find("threads")->second;
  CHECK(threads.value == Node(8));
  CHECK(threads.origin == "--set");
  CHECK(threads.overrode == std::vector<std::string>{"framework test-engine", "hardware cpu", "template t"});
  CHECK(got.find("model")->second.origin == "model m");
  CHECK(got.find("share")->second.value.is_null());
  CHECK(got.find("key")->second.secret);
}

TEST_CASE("a list or a map that --set gives as text is read as YAML; a card's text stays a text") {
  cards::Framework made = framework("kind: X\na: $words\nb: $labels\nc: $word\n",
                                    {{"words", typed("list")}, {"labels", typed("map")}, {"word", text()}});
  const Values got = merge(
      made,
      {layer("--set",
             {{"words", R"(["--x", "a b", 4])"}, {"labels", "{gpu: \"true\"}"}, {"word", "[not, a, list]"}})},
      somebody());
  CHECK(schema::to_json(got.find("words")->second.value) == R"(["--x","a b",4])");
  CHECK(schema::to_json(got.find("labels")->second.value) == R"({"gpu":"true"})");
  CHECK(got.find("word")->second.value.string() == "[not, a, list]");
  const auto said_of = [&](std::string_view origin, Node value) {
    return said_by([&] { merge(made, {layer(origin, {{"words", std::move(value)}})}, somebody()); });
  };
  CHECK(said_of("template t", "[a]").find("expected a list, got string \"[a]\"") != std::string::npos);
  CHECK(said_of("--set", "[a").find("as in --set 'words=[one, \"two words\"]'") != std::string::npos);
  CHECK(said_of("--set", "a").find("expected a list") != std::string::npos);
}

TEST_CASE("identity is last: a card cannot override it, and an override of it is a finding") {
  const cards::Dict<Node> attack{{"namespace", "kube-system"},
                                 {"API_key", "stolen"},
                                 {"id", "root"},
                                 {"name", "other"},
                                 {"deployment_name", "other"}};
  const Values got =
      merge(engine(), {layer("template t", attack), layer("model m", {{"model", "m"}})}, somebody());
  CHECK(got.find("namespace")->second.value == Node("team-a"));
  CHECK(got.find("namespace")->second.overrode == std::vector<std::string>{"template t"});
  CHECK(got.find("API_key")->second.value == Node(key));
  CHECK(got.find("API_key")->second.secret);
  CHECK(got.find("id")->second.value == Node("ada"));
  CHECK(got.find("user")->second.value == Node("ada"));
  CHECK(got.find("deployment_name")->second.value == Node("demo"));
  const std::string refused = said({layer("model m", {{"model", "m"}}), layer("--set", attack)});
  for (const auto& [name, value] : attack) CHECK(has(refused, "`" + name + "` is the deployment's identity"));
}

TEST_CASE("all that is wrong with values is said at once, with origin and suggestion") {
  const std::string text =
      said({layer("template t", {{"threads", "many"}}), layer("--set", {{"thread", 4}, {"share", 1}})});
  CHECK(has(text, "--set: error: nothing in framework test-engine uses `thread`"));
  CHECK(has(text, "did you mean `threads`?"));
  CHECK(has(text, "template t: error: `threads`: expected an integer, got string \"many\""));
  CHECK(has(text, "--set: error: `share`: expected a boolean"));
  CHECK(has(text, "framework test-engine: error: `model` needs a value"));
  CHECK(has(text, "Which model"));
  CHECK(has(said({layer("--set", {{"model", "m"}, {"threads", 0}})}), "at least 1"));
}

TEST_CASE("who writes the engine's flag is told the parameter that is given to it") {
  const std::string text = said({layer("--set", {{"model", "m"}, {"max_threads", 4}})});
  CHECK(has(text, "nothing in framework test-engine uses `max_threads`"));
  CHECK(has(text, "`threads` is what is given to --max-threads"));
  CHECK(!has(said({layer("--set", {{"model", "m"}, {"alias", "x"}})}), "deployment_name"));
}

TEST_CASE("a value that was refused is not missed as well") {
  const std::string text = said({layer("--set", {{"modl", "m"}})});
  CHECK(has(text, "did you mean `model`?"));
  CHECK(!has(text, "needs a value"));
  CHECK(has(said({layer("--set", {{"treads", 4}})}), "`model` needs a value"));
}

TEST_CASE("a wrong value of a secret is not repeated") {
  const std::string text = said({layer("--set", {{"model", "m"}, {"key", Node::list()}})});
  CHECK(has(text, "`key`"));
  cards::Framework made = engine();
  made.spec.parameters[3].second.pattern = "word";
  const auto attempt = [&] {
    merge(made, {layer("--set", {{"model", "m"}, {"key", "canary; rm"}})}, somebody());
  };
  CHECK(kind_of(attempt) == Kind::invalid);
  CHECK(!has(said_by(attempt), "canary"));
}

TEST_CASE("names that are no names are refused") {
  for (const char* wrong : {"", "a/b", "A", "kube system", "123", "-a", "a\n---\nkind: Pod"}) {
    CAPTURE(wrong);
    Identity identity = somebody();
    identity.name = wrong;
    CHECK(has(said({layer("m", {{"model", "m"}})}, identity), "name `"));
  }
  Identity identity = somebody();
  identity.namespace_name = "../kube-system";
  CHECK(
      has(said({layer("m", {{"model", "m"}})}, identity), "namespace `../kube-system` is not a valid name"));
}

TEST_CASE("the original's clients may send more, and texts for numbers") {
  std::vector<Finding> findings;
  const Values got =
      merge_values(engine(), {layer("model", {{"model", 5}, {"threads", "8"}, {"nothing", 1}})}, somebody(),
                   Strictness::lenient, findings);
  CHECK(findings.empty());
  CHECK(got.find("threads")->second.value == Node(8));
  CHECK(got.find("model")->second.value == Node("5"));
  CHECK(got.count("nothing") == 0);
}

TEST_CASE("the value `weights` takes the place of the model's sources") {
  const std::vector<cards::Source> sources{{.uri = "hf://a/b/c.gguf", .sha256 = "00"}};
  const Values none = merge(engine(), {layer("m", {{"model", "m"}})}, somebody());
  CHECK(sources_in_force(none, sources)[0].sha256 == "00");
  const Values set =
      merge(engine(), {layer("--set", {{"model", "m"}, {"weights", "file:///w/a.gguf"}})}, somebody());
  CHECK(sources_in_force(set, sources)[0].uri == "file:///w/a.gguf");
  CHECK(has(said({layer("--set", {{"model", "m"}, {"weights", 5}})}),
            "`weights` must be the address of a file"));
  CHECK(has(said({layer("--set", {{"model", "m"}, {"weights_path", "/etc"}})}),
            "`weights_path` follows from the model"));
}

}  // namespace mlib::render
