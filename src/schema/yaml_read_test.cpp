#include <doctest/doctest.h>
#include <fmt/format.h>

#include "schema/document.hpp"

using namespace mlib;
using namespace mlib::schema;

namespace {
std::string first_finding(std::string text, const Limits& limits = {}) {
  std::vector<Finding> findings;
  read_yaml({"a.yaml", std::move(text)}, findings, limits);
  REQUIRE(!findings.empty());
  return to_text(findings.front());
}
Node only(std::string text) {
  const std::vector<Node> documents = read_yaml({"a.yaml", std::move(text)});
  REQUIRE(documents.size() == 1);
  return documents.front();
}
}  // namespace

TEST_CASE("scalars follow YAML 1.2's core schema and remember whether they were quoted") {
  const Node node =
      only("a: 1\nb: '1'\nc: yes\nd: 1.5\ne: ~\nf: true\ng: 0x10\nh: $x\ni: \"$x\"\nj: 1e3\nk: -7\n");
  CHECK(node.find("a")->integer() == 1);
  CHECK(node.find("b")->string() == "1");
  CHECK(node.find("c")->string() == "yes");
  CHECK(node.find("d")->number() == 1.5);
  CHECK(node.find("e")->is_null());
  CHECK(node.find("f")->boolean());
  CHECK(node.find("g")->integer() == 16);
  CHECK(node.find("h")->plain);
  CHECK(!node.find("i")->plain);
  CHECK(node.find("j")->number() == 1000);
  CHECK(node.find("k")->integer() == -7);
}

TEST_CASE("quotes in single quotes are as many as there are pairs, however many stand together") {
  // The second value spans two lines, which only the whole reader takes.
  for (const auto& [written, meant] : {std::pair{"'T''''T'", "T''T"},
                                       {"'T''T'", "T'T"},
                                       {"'T''''''T'", "T'''T"},
                                       {"''''''", "''"},
                                       {"'''''T'", "''T"},
                                       {"'a''''''''''b'", "a'''''b"},
                                       {"'a''b''''c'", "a'b''c"}}) {
    CAPTURE(written);
    const Node read = only(fmt::format("k: {}\nl: 'x''''\n  ''''y'\n", written));
    CHECK(read.text_at({"k"}) == meant);
    CHECK(read.text_at({"l"}) == "x'' ''y");
  }
}

TEST_CASE("nodes know their line and column, counted in characters") {
  const Node node = only("é: 1\nmap:\n  key: [one, two]\n");
  CHECK(node.find("map")->find("key")->line == 3);
  CHECK(node.find("map")->find("key")->column == 8);
  CHECK(node.find("map")->entries().front().column == 3);
  CHECK(node.find("map")->find("key")->items()[1].column == 14);
}

TEST_CASE("a text of several documents gives them in order, an empty text none") {
  CHECK(read_yaml({"a", "a: 1\n---\nb: 2\n"}).size() == 2);
  CHECK(read_yaml({"a", "# nothing\n"}).empty());
  CHECK(read_yaml({"a", ""}).empty());
}

TEST_CASE("what a card may not hold is refused at its place") {
  CHECK(first_finding("a: &x 1\nb: *x\n") ==
        "a.yaml:1:7: error: anchors and aliases are not allowed\n  a: &x 1\n        ^\n  hint: write the "
        "value out where it is used");
  CHECK(first_finding("a: *x\n").find("a.yaml:1:") == 0);
  CHECK(first_finding("a: !!binary aGk=\n").find("tags (!) are not allowed") != std::string::npos);
  CHECK(first_finding("b:\n  <<: {a: 1}\n").find("a.yaml:2:3: error: merge keys (<<) are not allowed") == 0);
  CHECK(first_finding("a: 1\nb: 2\na: 3\n").find("a.yaml:3:1: error: `a` is given twice") == 0);
  CHECK(first_finding("mode: 0755\n").find("`0755` is read differently by YAML 1.1 and 1.2") !=
        std::string::npos);
  CHECK(first_finding("at: 1:30\n").find("`1:30` is read differently") != std::string::npos);
  CHECK(first_finding("n: 1_000\n").find("`1_000` is read differently") != std::string::npos);
  CHECK(first_finding("a: .inf\n").find("no number that JSON can hold") != std::string::npos);
  CHECK(first_finding("? [a]\n: 1\n").find("a key must be a text") != std::string::npos);
  CHECK(first_finding("a: \x01\n").find("control characters") != std::string::npos);
  CHECK(first_finding("a: \xff\n").find("not UTF-8") != std::string::npos);
}

TEST_CASE("what leaves the meaning clear does not hide what else is wrong; the rest ends the reading") {
  std::vector<Finding> findings;
  const std::vector<Node> documents = read_yaml({"a.yaml", "a: 1\na: {b: 2}\nmode: 0755\nc: 3\n"}, findings);
  CHECK(findings.size() == 2);
  REQUIRE(documents.size() == 1);
  CHECK(to_json(documents[0]) == R"({"a":1,"mode":755,"c":3})");
  for (const char* text : {"a: &x 1\n", "a: !!int 1\n", "a: *x\n", "<<: {a: 1}\n", "a: [1\n", "a: \x01\n"})
    CHECK(read_yaml({"a.yaml", text}, findings).empty());
}

TEST_CASE("broken syntax is a finding with its line") {
  CHECK(first_finding("a: [1, 2\nb: 3\n").find("a.yaml:") == 0);
  CHECK(first_finding("a: 'x\n").find("error: ") != std::string::npos);
  CHECK(first_finding("a: b: c\n").find("a.yaml:1:") == 0);
  CHECK(first_finding(",").find("a.yaml:1:") == 0);
}

TEST_CASE("depth, size and number of values are limited") {
  CHECK(first_finding(std::string(1000, '[')).find("nested deeper than 64 levels") != std::string::npos);
  CHECK(first_finding(std::string(100'000, '[')).find("nested deeper than 64 levels") != std::string::npos);
  std::string dashes;
  for (int i = 0; i < 3000; ++i) dashes += "- ";
  CHECK(first_finding(dashes).find("nested deeper") != std::string::npos);
  CHECK(first_finding("[1,2,3,4]", {.nodes = 3}).find("more than 3 values") != std::string::npos);
  CHECK(first_finding("abc", {.bytes = 2}).find("3 bytes, more than 2") != std::string::npos);
}

TEST_CASE("JSON is read as YAML with places") {
  const Node node = only("{\"a\": [1, \"0755\"],\n \"b\": null}");
  CHECK(node.find("a")->items()[1].string() == "0755");
  CHECK(node.find("b")->line == 2);
}
