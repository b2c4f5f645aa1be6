#include "cards/protocol.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "base/problem.hpp"
#include "cards/library.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {

const char* const acme =
    "apiVersion: model-library/v1\nkind: Protocol\nmetadata: {name: acme}\ncalls:\n"
    "  generate: {path: /api/generate, body: {prompt: $prompt}, answer: {text: [/response]}}\n"
    "  embed: {tasks: [embedding], path: /api/embed, body: {input: $prompt}, answer: {items: "
    "[/embeddings]}}\n";

Problem failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const Problem& problem) {
    return problem;
  }
  return {Kind::failed, "nothing was thrown"};
}

}  // namespace

TEST_CASE("a JSON pointer's steps") {
  CHECK(pointer_steps("/choices/0/text") == std::vector<std::string>{"choices", "0", "text"});
  CHECK(pointer_steps("/a~1b/~0") == std::vector<std::string>{"a/b", "~"});
  CHECK(pointer_steps("/") == std::vector<std::string>{""});
  CHECK(pointer_steps("")->empty());
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "/a";
  CHECK(pointer_steps(deep)->size() == 64);
  CHECK_FALSE(pointer_steps(deep + "/a"));
  for (const char* none : {"a", "a/b", "/a~", "/~2"}) CHECK_FALSE(pointer_steps(none));
}

TEST_CASE("the shipped protocols hold what they always held") {
  CHECK(call_names(shipped_protocols()) == std::vector<std::string>{"deepsparse", "http", "chat",
                                                                    "completions", "embeddings", "rerank",
                                                                    "tei-embeddings", "tei-rerank"});
  for (const Protocol& protocol : shipped_protocols())
    for (const auto& [name, call] : protocol.calls) CHECK(faults_of(call).empty());
  CHECK(call_for(shipped_protocols(), "openai", "text-generation").first == "chat");
  CHECK(call_for(shipped_protocols(), "openai", "").first == "chat");
  CHECK(call_for(shipped_protocols(), "openai", "embedding").first == "embeddings");
  CHECK(call_for(shipped_protocols(), "openai", "rerank").first == "rerank");
  CHECK(call_for(shipped_protocols(), "http", "embedding").first == "http");
  const auto library = load(embedded(), "");
  CHECK(library->protocols.size() == shipped_protocols().size());
  for (const Framework& each : library->frameworks)  // which has no /v1/rerank
    if (each.spec.engine == "tei")
      CHECK(call_for(library->protocols, each.spec.protocol, "rerank").second.path == "/rerank");
}

TEST_CASE("a folder's own protocol stands beside the shipped ones") {
  const auto library = load(over_contract({{"protocols/acme.yaml", acme}}), "mine");
  REQUIRE(library->findings.empty());
  CHECK(call_for(library->protocols, "acme", "text-generation").first == "generate");
  CHECK(call_for(library->protocols, "acme", "embedding").first == "embed");
  CHECK(get_call(library->protocols, "chat").second.path == "/v1/chat/completions");
  const Problem call = failure([&] { get_call(library->protocols, "genrate"); });
  CHECK(call.kind() == Kind::usage);
  CHECK(call.message() == "no protocol is called `genrate`");
  CHECK(call.hint() == "did you mean `generate`?");
  const Problem protocol = failure([&] { call_for(library->protocols, "acne", ""); });
  CHECK(protocol.kind() == Kind::not_found);
  CHECK(protocol.hint() == "did you mean `acme`?");
}

TEST_CASE("a file of the same name replaces a shipped protocol") {
  const std::string own =
      "apiVersion: model-library/v1\nkind: Protocol\nmetadata: {name: openai}\ncalls:\n"
      "  chat: {path: /other, body: {messages: $messages}, answer: {text: [/text]}}\n";
  const auto library = load(over_contract({{"protocols/openai.yaml", own}}), "mine");
  REQUIRE(library->findings.empty());
  CHECK(get_call(library->protocols, "chat").second.path == "/other");
  CHECK(find_call(library->protocols, "rerank") == nullptr);
}

TEST_CASE("a protocol that can be read in two ways is left out, and so is what names it") {
  const std::string twice =
      "apiVersion: model-library/v1\nkind: Protocol\nmetadata: {name: acme}\ncalls:\n"
      "  generate: {path: /a, path: /b, answer: {text: [/response]}}\n";
  const std::string framework =
      "apiVersion: model-library/v1\nkind: Framework\nmetadata: {name: f}\n"
      "spec: {engine: e, manifest: manifest.yaml, protocol: acme}\n";
  const std::string manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: $deployment_name}\n";
  const auto library = load(over_contract({{"protocols/acme.yaml", twice},
                                           {"frameworks/f/framework.yaml", framework},
                                           {"frameworks/f/manifest.yaml", manifest}}),
                            "mine");
  CHECK(find_call(library->protocols, "generate") == nullptr);
  CHECK(library->frameworks.empty());
  REQUIRE(library->findings.size() == 2);
  CHECK(library->findings[0].message == "the protocol `acme` was left out, and so is this card");
  CHECK(library->findings[1].message == "`path` is given twice");
}

TEST_CASE("what ends a line of a request is no path") {
  Call call;
  for (const char* path : {"", "v1", "/a b", "/a\r\nHost: other", "/\xC3\xA4", "/\x7f"}) {
    call.path = path;
    CHECK(faults_of(call).size() == 1);
  }
  call.path = "/v1/x?y=1&z=%20";
  CHECK(faults_of(call).empty());
}
