#include "render/policy_file.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "render/policy.hpp"
#include "render/testing.hpp"

using namespace mlib;
using namespace mlib::render;
using mlib::render::testing::said_by;

namespace {
PolicyFile read(std::string text) { return read_policy({"policy.yaml", std::move(text)}); }
}  // namespace

TEST_CASE("a policy file lifts rules for the frameworks that it names") {
  const PolicyFile policy = read("frameworks:\n  petals: [hostNetwork, \"kind:Ingress\"]\n");
  CHECK(lifted(policy, "petals") == std::vector<std::string>{"hostNetwork", "kind:Ingress"});
  CHECK(lifted(policy, "deepsparse").empty());
  CHECK(lifted(read(""), "petals").empty());
}

TEST_CASE("a policy file with an unknown rule or field is refused at its place") {
  CHECK(said_by([] {
          read("frameworks:\n  petals: [hostNetwrok]\n");
        }).find("policy.yaml:2:12: error: `hostNetwrok` is no rule") != std::string::npos);
  CHECK(said_by([] { read("frameworks:\n  petals: [hostNetwrok]\n"); }).find("did you mean `hostNetwork`?") !=
        std::string::npos);
  CHECK(said_by([] { read("framework: {}\n"); }).find("did you mean `frameworks`?") != std::string::npos);
  CHECK(said_by([] { read("frameworks: {a: []}\n---\nb: 1\n"); }).find("one document") != std::string::npos);
}

TEST_CASE("docs/policy.md lists every rule") {
  std::ifstream file(MLIB_SOURCE_DIR "/docs/policy.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const std::string& rule : policy_rules())
    CHECK_MESSAGE(text.str().find("`" + rule + "`") != std::string::npos, rule);
}
