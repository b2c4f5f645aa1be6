#include "api/python_json.hpp"

#include <doctest/doctest.h>

#include <string>

using mlib::api::python_json_error;

namespace {
std::string told(std::string_view text) {
  const auto error = python_json_error(text);
  return error ? std::to_string(error->offset) + " " + std::string(error->message) : "";
}
}  // namespace

TEST_CASE("broken JSON is told in Python's words and at Python's place") {
  // Each taken from CPython 3.11's json.loads.
  CHECK(told("{") == "1 Expecting property name enclosed in double quotes");
  CHECK(told("{\"a\":}") == "5 Expecting value");
  CHECK(told("{}x") == "2 Extra data");
  CHECK(told("[1,]") == "3 Expecting value");
  CHECK(told("[") == "1 Expecting value");
  CHECK(told("{\"a\" 1}") == "5 Expecting ':' delimiter");
  CHECK(told("{\"a\":1,}") == "7 Expecting property name enclosed in double quotes");
  CHECK(told("{\"a\":1") == "6 Expecting ',' delimiter");
  CHECK(told("[1 2]") == "3 Expecting ',' delimiter");
  CHECK(told("\"abc") == "0 Unterminated string starting at");
  CHECK(told("\"a\nb\"") == "2 Invalid control character at");
  CHECK(told("\"\\x\"") == "1 Invalid \\escape");
  CHECK(told("\"\\u12\"") == "2 Invalid \\uXXXX escape");
  CHECK(told("01") == "1 Extra data");
  CHECK(told("-") == "0 Expecting value");
  CHECK(told("1.") == "1 Extra data");
  CHECK(told(" ") == "1 Expecting value");
  CHECK(told("nul") == "0 Expecting value");
  CHECK(told("NaN") == "0 Expecting value");
}

TEST_CASE("JSON that Python reads is no error") {
  for (const char* text : {"{}", "[]", " [1, -2.5e+3, \"\\u00e9\\n\", {\"a\": [null, true, false]}] ", "0"})
    CHECK(told(text) == "");
}

TEST_CASE("a hundred thousand brackets end without a crash") {
  CHECK_FALSE(python_json_error(std::string(100'000, '[')).has_value());
}
