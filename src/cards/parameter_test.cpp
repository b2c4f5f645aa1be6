#include "cards/parameter.hpp"

#include <doctest/doctest.h>

using namespace mlib;
using namespace mlib::cards;

namespace {
Parameter of_type(std::string type) {
  Parameter parameter;
  parameter.type = std::move(type);
  return parameter;
}
Parameter with_pattern(std::string pattern) {
  Parameter parameter;
  parameter.pattern = std::move(pattern);
  return parameter;
}
bool fits(const Parameter& parameter, const Node& value) { return !check(parameter, value); }
}  // namespace

TEST_CASE("each type takes its own values and no others") {
  const Node list = Node(Node::List{1, 2});
  const Node map = Node(Node::Map{{"a", 1}});
  CHECK(fits(of_type("string"), "a"));
  CHECK(!fits(of_type("string"), 1));
  CHECK(fits(of_type("integer"), 8));
  CHECK(!fits(of_type("integer"), 8.5));
  CHECK(!fits(of_type("integer"), "8"));
  CHECK(fits(of_type("number"), 8));
  CHECK(fits(of_type("number"), 8.5));
  CHECK(!fits(of_type("number"), true));
  CHECK(fits(of_type("boolean"), true));
  CHECK(!fits(of_type("boolean"), "True"));
  CHECK(fits(of_type("list"), list));
  CHECK(!fits(of_type("list"), map));
  CHECK(fits(of_type("map"), map));
  CHECK(!fits(of_type("map"), list));
  CHECK(fits(of_type("quantity"), "12Gi"));
  CHECK(fits(of_type("quantity"), 4));
  CHECK(!fits(of_type("quantity"), "12 Gi"));
  CHECK(!fits(of_type("quantity"), "-5Gi"));
  CHECK(!fits(of_type("quantity"), -1));
  CHECK(fits(of_type("name"), "llama-2"));
  CHECK(!fits(of_type("name"), "Llama_2"));
}

TEST_CASE("a null means none, whatever the type") {
  for (const char* type : {"string", "integer", "number", "boolean", "list", "map", "quantity", "name"})
    CHECK(fits(of_type(type), Node()));
}

TEST_CASE("a range holds for numbers and for quantities") {
  Parameter count = of_type("integer");
  count.minimum = 1;
  count.maximum = 4;
  count.unit = "cores";
  CHECK(fits(count, 1));
  CHECK(fits(count, 4));
  CHECK(check(count, 0) == "0 is out of range: it must be at least 1 cores");
  CHECK(check(count, 5) == "5 is out of range: it must be at most 4 cores");
  Parameter memory = of_type("quantity");
  memory.minimum = 1024.0 * 1024;
  CHECK(fits(memory, "1Mi"));
  CHECK(!fits(memory, "1023Ki"));
}

TEST_CASE("an enumeration takes only what it lists, by type too") {
  Parameter choice;
  choice.one_of = {"True", "False"};
  CHECK(fits(choice, "True"));
  CHECK(check(choice, "Maybe") == "string \"Maybe\" is not one of: True, False");
  CHECK(!fits(choice, true));
}

TEST_CASE("no pattern lets through what a shell would read") {
  for (const char* pattern : {"word", "path", "url", "repository"}) {
    for (const char* attack :
         {"a b",  "a;b", "a$b",   "$(id)", "`id`", "a|b",   "a&b", "a>b", "a\nb", "a'b", "a\"b",
          "a\\b", "-rf", "~root", "*",     "a*",   "{a,b}", "a!b", "#a",  "a\tb", "(a)", "é"}) {
      INFO(pattern << " " << attack);
      CHECK(!fits(with_pattern(pattern), attack));
    }
  }
}

TEST_CASE("patterns let through what they are for") {
  CHECK(fits(with_pattern("word"), "Q4_K_M"));
  CHECK(!fits(with_pattern("word"), "a/b"));
  CHECK(fits(with_pattern("path"), "/models/sub/a.gguf"));
  CHECK(!fits(with_pattern("path"), "/models/../etc/passwd"));
  CHECK(fits(with_pattern("path"), "/models/..a/b"));
  CHECK(fits(with_pattern("url"), "https://example.org/a/b.gguf?download=true"));
  CHECK(fits(with_pattern("repository"), "TheBloke/Llama-2-7B-Chat-GGUF"));
  CHECK(fits(with_pattern("repository"), "ghcr.io:443/ggml-org/llama.cpp:server@sha256:abc"));
  CHECK(fits(with_pattern("word"), ""));
}

TEST_CASE("only values that mean nothing to a shell count as confined") {
  CHECK(is_confined(of_type("integer")));
  CHECK(is_confined(of_type("name")));
  CHECK(is_confined(with_pattern("path")));
  CHECK(!is_confined(of_type("string")));
  CHECK(!is_confined(of_type("list")));
  CHECK(!is_confined(of_type("map")));
}

TEST_CASE("what is said of a secret never holds its value") {
  Parameter secret = with_pattern("word");
  secret.secret = true;
  secret.one_of = {"one"};
  for (const Node& value : {Node("hunter2"), Node("hunter2;"), Node(22)}) {
    const auto wrong = check(secret, value);
    REQUIRE(wrong);
    CHECK(wrong->find("hunter2") == std::string::npos);
    CHECK(wrong->find("22") == std::string::npos);
  }
}

TEST_CASE("a long value is cut short in the message") {
  const auto wrong = check(of_type("integer"), std::string(65536, 'x'));
  REQUIRE(wrong);
  CHECK(wrong->size() < 200);
}

TEST_CASE("a declaration is checked against itself") {
  Parameter parameter = of_type("integer");
  parameter.minimum = 4;
  parameter.maximum = 2;
  parameter.pattern = "word";
  parameter.from = "hardware.cpu";
  parameter.default_value = "x";
  parameter.one_of = {"a"};
  std::string fields;
  for (const Flaw& flaw : flaws(parameter)) fields += flaw.field + " ";
  CHECK(fields == "minimum pattern from enum default ");
  CHECK(flaws(of_type("string")).empty());
}

TEST_CASE("any other pattern is a regular expression that the whole text must match") {
  Parameter version = with_pattern("v[0-9]+(\\.[0-9]+)*");
  CHECK(fits(version, "v1.2.3"));
  CHECK(!fits(version, "xv1.2.3"));
  CHECK(!fits(version, "v1.2.3;id"));
  CHECK(check(version, "one") == "string \"one\" does not fit `v[0-9]+(\\.[0-9]+)*`");
  CHECK(!is_confined(version));
}

TEST_CASE("a regular expression that backtracks elsewhere takes no time here") {
  CHECK(!fits(with_pattern("(a+)+b"), std::string(200000, 'a')));
}

TEST_CASE("a broken regular expression, and one that only backtracking can match, is a flaw") {
  for (const char* pattern : {"(", "[z-a]", "(a)\\1", "(?=a)"}) {
    const std::vector<Flaw> found = flaws(with_pattern(pattern));
    REQUIRE(found.size() == 1);
    CHECK(found[0].field == "pattern");
  }
}
