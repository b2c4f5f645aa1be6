#include <doctest/doctest.h>

#include <array>
#include <random>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::schema {
namespace {

Node read_back(const std::string& yaml) {
  std::vector<Finding> findings;
  std::vector<Node> documents = read_yaml({"written", yaml}, findings);
  INFO(yaml);
  for (const Finding& finding : findings) MESSAGE(to_text(finding));
  REQUIRE(findings.empty());
  REQUIRE(documents.size() == 1);
  return documents[0];
}

std::string written(std::string_view text) {
  Node map = Node::map();
  map.set("k", text);
  const std::string yaml = to_yaml(map);
  CHECK(read_back(yaml) == map);
  return yaml.substr(3, yaml.size() - 4);
}

}  // namespace

TEST_CASE("a text that some reader takes for another type is quoted") {
  for (const std::string_view text : {"y",
                                      "n",
                                      "Y",
                                      "yes",
                                      "No",
                                      "on",
                                      "OFF",
                                      "true",
                                      "False",
                                      "null",
                                      "Null",
                                      "~",
                                      "",
                                      "0",
                                      "12",
                                      "-1",
                                      "+1",
                                      "0x1F",
                                      "0o17",
                                      "0755",
                                      "0b101",
                                      "1_000",
                                      "1e3",
                                      "1E-3",
                                      ".5",
                                      "5.",
                                      "1.5",
                                      ".inf",
                                      "-.INF",
                                      ".NaN",
                                      "1:30",
                                      "190:20:30.15",
                                      "2026-11-28",
                                      "2026-11-28T16:05:09Z",
                                      "2001-12-14 21:59:43.10 -5",
                                      "=",
                                      "<<",
                                      "- a",
                                      "? a",
                                      ": a",
                                      "#a",
                                      "!a",
                                      "&a",
                                      "*a",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "[a]",
                                      "{a}",
                                      "|",
                                      ">",
                                      "'a",
                                      "\"a",
                                      "a: b",
                                      "a:",
                                      "a #b",
                                      " a",
                                      "a ",
                                      ",",
                                      "-",
                                      "--",
                                      "...",
                                      "\t",
                                      "a\tb"}) {
    CAPTURE(text);
    const std::string yaml = written(text);
    CHECK(yaml.front() == '"');
    CHECK(yaml.back() == '"');
  }
}

TEST_CASE("everyday texts stand without quotes") {
  for (const std::string_view text :
       {"demo", "12Gi", "nvidia.com/gpu", "/models/a.gguf", "ghcr.io/a/b:v1", "--port", "-c"}) {
    CAPTURE(text);
    CHECK(written(text) == text);
  }
}

TEST_CASE("texts of several lines are literal blocks where these are exact") {
  CHECK(written("set -e\nls\n") == "|\n  set -e\n  ls");
  CHECK(written("a\n\n  b") == "|-\n  a\n\n    b");
  CHECK(written("a\n\n") == "\"a\\n\\n\"");
  CHECK(written("\na") == "\"\\na\"");
  CHECK(written(" a\nb") == "\" a\\nb\"");
  CHECK(written("a\n \nb") == "\"a\\n \\nb\"");
  CHECK(written("a\r\nb") == "\"a\\r\\nb\"");
  CHECK(written("a\n...\nb") == "\"a\\n...\\nb\"");
  CHECK(written("# a\nb: c") == "|-\n  # a\n  b: c");
}

TEST_CASE("three dashes never come out, wherever they are") {
  CHECK(written("---") == "\"-\\x2d-\"");
  CHECK(written("a\n---\nkind: Pod") == "\"a\\n-\\x2d-\\nkind: Pod\"");
  CHECK(written("-----BEGIN") == "\"-\\x2d-\\x2d-BEGIN\"");
  Node map = Node::map();
  map.set("a---b", "x");
  CHECK(to_yaml(map) == "\"a-\\x2d-b\": x\n");
}

TEST_CASE("line breaks of YAML 1.1, controls and the byte order mark are escapes") {
  CHECK(to_yaml(Node("a\xC2\x85"
                     "b")) == "\"a\\x85b\"\n");
  CHECK(to_yaml(Node("a\xE2\x80\xA8"
                     "b\xE2\x80\xA9")) == "\"a\\u2028b\\u2029\"\n");
  CHECK(to_yaml(Node("\xEF\xBB\xBF")) == "\"\\ufeff\"\n");
  CHECK(to_yaml(Node(std::string("\0\x1B\x7F", 3))) == "\"\\x00\\x1b\\x7f\"\n");
  CHECK(to_yaml(Node("grüße 🎉")) == "\"grüße 🎉\"\n");
}

TEST_CASE("numbers, booleans, null and empty collections keep their type") {
  Node list = Node::list();
  for (const double value : {1.0, 0.5, 1e20, 1e-7, -2.25}) list.push(value);
  list.push(true);
  list.push(nullptr);
  list.push(-7);
  list.push(Node::list());
  list.push(Node::map());
  const std::string yaml = to_yaml(list);
  CHECK(yaml == "- 1.0\n- 0.5\n- 1.0e+20\n- 1.0e-07\n- -2.25\n- true\n- null\n- -7\n- []\n- {}\n");
  CHECK(read_back(yaml) == list);
}

TEST_CASE("lists in lists, maps in lists, and long keys read back") {
  Node inner = Node::list();
  inner.push(1);
  inner.push("a\nb\n");
  Node map = Node::map();
  map.set(std::string(1500, 'k'), inner);
  map.set("on", "on");
  Node list = Node::list();
  list.push(inner);
  list.push(map);
  Node outer = Node::list();
  outer.push(list);
  CHECK(read_back(to_yaml(outer)) == outer);
  Node root = Node::map();
  root.set("list", outer);
  CHECK(read_back(to_yaml(root)) == root);
}

TEST_CASE("any text of nasty pieces reads back as itself, as value and as key") {
  static const std::array<std::string, 30> pieces{"a",
                                                  "Z",
                                                  "0",
                                                  "9",
                                                  "-",
                                                  "---",
                                                  "\n",
                                                  "\n\n",
                                                  " ",
                                                  "\t",
                                                  ": ",
                                                  " #",
                                                  "'",
                                                  "\"",
                                                  "\\",
                                                  "$x",
                                                  "...",
                                                  "\r",
                                                  "\xC2\x85",
                                                  "\xE2\x80\xA8",
                                                  "\xEF\xBB\xBF",
                                                  "é",
                                                  "🎉",
                                                  "[",
                                                  "{",
                                                  "&",
                                                  "*",
                                                  "|",
                                                  "%",
                                                  std::string(1, '\x01')};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto count = random() % 9; count > 0; --count) text += pieces[random() % pieces.size()];
    Node map = Node::map();
    map.child("deep").set("value", text);
    Node list = Node::list();
    list.push(text);
    map.set("list", list);
    map.set("k" + text, 1);
    const std::string yaml = to_yaml(map);
    CAPTURE(yaml);
    REQUIRE(yaml.find("---") == std::string::npos);
    REQUIRE(read_back(yaml) == map);
  }
}

TEST_CASE("documents are separated by the only lines that begin with three dashes") {
  CHECK(to_yaml(std::vector<Node>{Node("a"), Node("b")}) == "a\n---\nb\n");
}

}  // namespace mlib::schema
