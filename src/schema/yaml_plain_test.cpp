#include "schema/yaml_plain.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

using namespace mlib;
using namespace mlib::schema;

namespace {

/// Every value with its place, a line each.
void describe(const Node& node, std::string& out) {
  out += std::to_string(node.line) + ":" + std::to_string(node.column) + (node.plain ? " plain " : " ") +
         std::string(node.kind());
  if (node.is_list()) {
    out += '\n';
    for (const Node& item : node.items()) describe(item, out);
  } else if (node.is_map()) {
    out += '\n';
    for (const Entry& entry : node.entries()) {
      out += std::to_string(entry.line) + ":" + std::to_string(entry.column) + " " + entry.key + " = ";
      describe(entry.value, out);
    }
  } else {
    out += " " + to_json(node) + '\n';
  }
}

std::string described(const std::vector<Node>& documents) {
  std::string out;
  for (const Node& document : documents) describe(document, out);
  return out;
}

/// Whether the plain reader takes the text; what it takes, libfyaml takes too and reads the same.
bool is_plain(const std::string& text, const Limits& limits = {}) {
  const std::optional<std::vector<Node>> plain = read_plain_yaml(text, limits);
  if (!plain) return false;
  std::vector<Finding> findings;
  const std::vector<Node> documents = read_any_yaml({"a.yaml", text}, findings, limits);
  INFO(text);
  for (const Finding& finding : findings) CHECK(to_text(finding) == "nothing");
  CHECK(described(*plain) == described(documents));
  return true;
}

std::vector<std::string> cards() {
  namespace fs = std::filesystem;
  std::vector<std::string> texts;
  for (const char* folder : {"/catalog", "/tests/golden/broken"})
    for (const auto& entry : fs::recursive_directory_iterator(std::string(MLIB_SOURCE_DIR) + folder)) {
      if (entry.path().extension() != ".yaml") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::stringstream text;
      text << in.rdbuf();
      texts.push_back(text.str());
    }
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

TEST_CASE("the plain reader takes what cards are written in and reads it as libfyaml does") {
  for (const char* text : {
           "a: 1\nb: text with words\nc: 'it''s'\nd: \"a \\\"b\\\"\"\n",
           "# first\na:\n  b:\n    - 1\n    - c: 2\n      d: [3, {e: f, g: -4}]\n  h: x # said\ni: []\nj: "
           "{}\n",
           "a:\n- 1\n- 2\nb: 3\n",
           "- - 1\n  - 2\n-   k: v\n    l: w\n-\n  m: n\n",
           "text: |\n  one\n    two\n\n  three\nstrip: |-\n  x\nfolded: >-\n  one\n  two\nend: >\n  a\n  b\n",
           "---\na: 1\n---\nb: 2\n",
           "é: ü\nb: [ä, 'ö', \"ß\"]\nc: é\n",
           "a: http://b/c:d\nb: -x\nc: a - b\nd: --flag\ne: a#b\nf: $x\ng: <=1\n",
           "a: 1.5\nb: true\nc: null\nd: 12Gi\ne: 1e3\n",
           "a: 1",
           "just words\n",
           "[1, two]\n",
           "\n\n  a: 1\n  b: 2\n",
       })
    CHECK_MESSAGE(is_plain(text), text);
}

TEST_CASE("the plain reader leaves to libfyaml what it is not sure of") {
  for (const char* text : {"",
                           "# nothing\n",
                           "a:\n",
                           "a: &x 1\n",
                           "a: *x\n",
                           "a: !!int 1\n",
                           "<<: {a: 1}\n",
                           "a: 1\na: 2\n",
                           "a: 0755\n",
                           "a: 1:30\n",
                           "a: .inf\n",
                           "a: b: c\n",
                           "a: [1\n",
                           "a: [1, 2\n b]\n",
                           "a: 'x\n",
                           "a: x\n  y\n",
                           "a:\n  b: 1\n c: 2\n",
                           "a:\n  - 1\n  b: 2\n",
                           "a\tb: 1\n",
                           "a: 1\r\n",
                           "? a\n: b\n",
                           "%YAML 1.2\n---\na: 1\n",
                           "---\n---\n",
                           "a: 1\n...\n",
                           "a: |+\n  x\n",
                           "a: |\n  x",
                           "a: >\n  x\n   y\n",
                           "a: \"\\x41\"\n",
                           "a: {b}\n",
                           "a: [b: c]\n",
                           "1: a\n",
                           "a: x\xE2\x80\xA8\n",
                           "a: \xff\n"})
    CHECK_MESSAGE(!is_plain(text), text);
  CHECK(!is_plain("a: [[1]]\n", {.depth = 2}));
  CHECK(!is_plain("a: [1, 2]\n", {.nodes = 4}));
  CHECK(is_plain("a: [[1]]\n", {.depth = 3}));
  CHECK(is_plain("a: [1, 2]\n", {.nodes = 5}));
}

TEST_CASE("nearly every shipped card is plain, and no change of a byte makes the two readers differ") {
  const std::vector<std::string> texts = cards();
  REQUIRE(texts.size() > 600);
  std::size_t plain = 0;
  for (const std::string& text : texts) plain += is_plain(text) ? 1 : 0;
  CHECK(plain * 100 > texts.size() * 90);
  std::mt19937 random(7);
  const std::string_view bytes = " \n:-#,[]{}'\"|>&*!%@`?a1.~\\\t<=$";
  std::size_t taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = texts[random() % texts.size()];
    text.resize(std::min<std::size_t>(text.size(), 600));
    for (std::size_t changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      const char byte = bytes[random() % bytes.size()];
      if (random() % 3 == 0)
        text.erase(at, 1 + random() % 4);
      else if (random() % 2 == 0)
        text.insert(at, 1, byte);
      else
        text[at] = byte;
    }
    taken += is_plain(text) ? 1 : 0;
  }
  CHECK(taken > 3'000);
}
