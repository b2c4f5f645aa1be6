#include <doctest/doctest.h>

#include "schema/document.hpp"

using namespace mlib::schema;

namespace {
JsonError error_of(const std::string& text) {
  Node node;
  JsonError error;
  CHECK(!read_json(text, node, error));
  return error;
}
}  // namespace

TEST_CASE("JSON written and read again is the same value, in the same order") {
  const std::string text =
      R"({"b":1,"a":[true,null,1.5,-2,"é\n\"\\\u0001"],"c":{"x":{},"y":[]},"d":1e+300,"e":3.0})";
  CHECK(to_json(read_json(text)) == text);
  CHECK(read_json(to_json(read_json(text), 2)) == read_json(text));
}

TEST_CASE("indented JSON has one entry a line") {
  CHECK(to_json(read_json(R"({"a":[1],"b":{}})"), 2) == "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
}

TEST_CASE("broken JSON tells where and why") {
  CHECK(error_of("{}x").message == "Extra data");
  CHECK(error_of("{}x").offset == 2);
  CHECK(error_of("").message == "Expecting value");
  CHECK(error_of(R"({"a":})").message == "Expecting value");
  CHECK(error_of(R"({"a":1,"a":2})").duplicate_key);
  CHECK(error_of(std::string(100'000, '[')).too_deep);
  for (const char* text :
       {"NaN", "Infinity", "1e999", "01", "{", "\"\xff\"", "\"\\ud800\"", "\xef\xbb\xbf{}", "tru"})
    error_of(text);
}

TEST_CASE("a duplicate key is found in a large object too") {
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  CHECK(error_of(text + "\"k50\":2}").duplicate_key);
  CHECK(read_json(text + "\"k100\":2}").entries().size() == 101);
}

TEST_CASE("values are counted") {
  Node node;
  JsonError error;
  CHECK(!read_json("[1,2,3,4]", node, error, {.nodes = 3}));
  CHECK(error.message == "more than 3 values");
}
