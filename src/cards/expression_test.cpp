#include "cards/expression.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace mlib;
using namespace mlib::cards;
using mlib::schema::Node;

namespace {

const std::map<std::string, Node, std::less<>> facts{
    {"framework", "vllm"},
    {"format", "safetensors"},
    {"title", "Gemma 3 270M"},
    {"license", Node()},
    {"gated", true},
    {"draft", false},
    {"gpus", 8},
    {"tensor_parallel", 3},
    {"heads", 24},
    {"zero", 0},
    {"memory", "16Gi"},
    {"version", "0.10.1"},
    {"tags", Node(Node::List{"chat", "small"})},
    {"ttft", Node(Node::List{120, 340.5})},
    {"name-with/more", "x"},
};

Fields fields(bool bare) {
  std::vector<std::string> paths{"unknown", "values."};
  for (const auto& [name, value] : facts) paths.push_back(name);
  Fields made = fields_of(paths);
  made.bare_words = bare;
  return made;
}

std::optional<Node> look_up(const std::string& path) {
  const auto found = facts.find(path);
  return found == facts.end() ? std::nullopt : std::optional(found->second);
}

Truth holds(const std::string& text, bool bare = false) {
  return Expression::parse({"rule", text}, fields(bare)).evaluate(look_up);
}
bool yes(const std::string& text) { return holds(text) == Truth::yes; }
bool no(const std::string& text) { return holds(text) == Truth::no; }
bool unknown(const std::string& text) { return holds(text) == Truth::unknown; }

std::string refusal(const std::string& text, bool bare = false) {
  std::vector<Finding> findings;
  const bool parsed = Expression::parse({"rule", text}, fields(bare), findings).has_value();
  CHECK(parsed == findings.empty());
  std::string all;
  for (const Finding& finding : findings) all += to_text(finding) + "\n";
  return all;
}

}  // namespace

TEST_CASE("comparisons of texts, numbers and booleans") {
  CHECK(yes("framework = 'vllm'"));
  CHECK(yes("framework == \"vllm\" and not format = 'gguf'"));
  CHECK(no("framework <> 'vllm'"));
  CHECK(yes("gpus >= 8 AND gpus <= 8 AND gpus < 9 AND gpus > 7 AND gpus = 8.0"));
  CHECK(no("gpus > 8 OR gpus < 8 OR gpus != 8"));
  CHECK(yes("gated AND NOT draft AND gated = TRUE AND draft = false"));
  CHECK(no("title = 'gemma 3 270m'"));
  CHECK(yes("framework = 'it''s' OR title = 'Gemma 3 270M'"));
}

TEST_CASE("quantities compare as quantities, versions in natural order") {
  CHECK(yes("memory > 16G AND memory < 17.5G AND memory = 16384Mi AND memory = 17179869184"));
  CHECK(yes("memory >= '16Gi' AND memory / 2 = 8Gi AND memory * 2 < 1Ti"));
  CHECK(yes("version > '0.9.2' AND version < '0.11' AND version > 0.9"));
}

TEST_CASE("AND binds more than OR, NOT more than AND, * more than +") {
  CHECK(yes("framework = 'vllm' OR framework = 'x' AND framework = 'y'"));
  CHECK(no("(framework = 'vllm' OR framework = 'x') AND framework = 'y'"));
  CHECK(no("NOT framework = 'vllm' AND framework = 'vllm'"));
  CHECK(yes("2 + 3 * 4 = 14 AND (2 + 3) * 4 = 20 AND 10 - 3 - 2 = 5 AND -2 + 3 = 1 AND 7 / 2 = 3.5"));
}

TEST_CASE("arithmetic between fields") {
  CHECK(no("gpus % tensor_parallel = 0"));
  CHECK(yes("heads % tensor_parallel = 0 AND heads / gpus = 3"));
  CHECK(unknown("gpus % zero = 0"));
  CHECK(unknown("gpus / zero > 1"));
  CHECK(unknown("framework * 2 > 1"));
}

TEST_CASE("LIKE matches the whole text, ILIKE in either case") {
  CHECK(
      yes("title LIKE 'Gemma%' AND title LIKE '%270_' AND title ILIKE '%GEMMA%' AND title NOT LIKE 'emma%'"));
  CHECK(no("title LIKE 'Gemma' OR title LIKE 'gemma%' OR title LIKE '%270__'"));
  CHECK(yes("'50%' LIKE '50\\%'"));
  CHECK(no("'505' LIKE '50\\%'"));
  CHECK(yes("'größe' LIKE 'gr__e'"));
}

TEST_CASE("IN takes a list") {
  CHECK(yes("format IN ('gguf', 'safetensors') AND gpus in (1, 8) AND framework NOT IN ('a')"));
  CHECK(no("format IN ('gguf')"));
}

TEST_CASE("a list compares as any of its items, and != as none") {
  CHECK(yes(
      "tags = 'chat' AND tags = 'small' AND tags != 'large' AND tags LIKE 'sm%' AND tags IN ('x', 'chat')"));
  CHECK(no("tags != 'chat'"));
  CHECK(yes("ttft < 200 AND ttft > 200 AND ttft >= 340.5 AND ttft * 2 > 600"));
  CHECK(no("ttft > 400 OR ttft < 100"));
}

TEST_CASE("what is not known leaves a condition unknown, unless the rest decides it") {
  CHECK(unknown("unknown = 1"));
  CHECK(unknown("unknown != 1"));
  CHECK(unknown("NOT unknown LIKE 'a' AND gpus = 8"));
  CHECK(no("unknown = 1 AND gpus = 1"));
  CHECK(yes("unknown = 1 OR gpus = 8"));
  CHECK(unknown("gpus % unknown = 0"));
  CHECK(unknown("values.anything"));
  CHECK(yes("unknown IS NULL AND gpus IS NOT NULL"));
}

TEST_CASE("a null equals nothing but the empty text, and is not in any order") {
  CHECK(yes("license IS NULL AND license = '' AND license != 'mit' AND NOT license LIKE '%'"));
  CHECK(no("license = 'mit' OR license IN ('mit')"));
  CHECK(unknown("license < 'mit'"));
}

TEST_CASE("filters take values without quotes") {
  for (const char* text :
       {"framework=vllm", "framework==vllm", "title=Gemma 3 270M", "license=", "license!=mit",
        "title=Gemma 3 270M AND gpus=8", "(title = Gemma 3 270M) AND framework = vllm",
        "format IN (gguf, safetensors)", "name-with/more=x", "memory > 1Gi", "gated=true", "version > 0.9.2",
        "title ILIKE gemma%", "gpus > tensor_parallel * 2", "framework != heads", "gpus - 1 = 7",
        "`name-with/more` = 'x'"}) {
    INFO(text);
    CHECK(holds(text, true) == Truth::yes);
  }
  CHECK(refusal("framework = vllm") ==
        "rule:1:13: error: there is no field `vllm`\n"
        "  framework = vllm\n"
        "              ^\n");
}

TEST_CASE("an error says where, and what is nearest") {
  CHECK(refusal("frmework = 'vllm' AND gpuss > 1") ==
        "rule:1:1: error: there is no field `frmework`\n"
        "  frmework = 'vllm' AND gpuss > 1\n"
        "  ^\n"
        "  hint: did you mean `framework`?\n"
        "rule:1:23: error: there is no field `gpuss`\n"
        "  frmework = 'vllm' AND gpuss > 1\n"
        "                        ^\n"
        "  hint: did you mean `gpus`?\n");
  const std::pair<const char*, const char*> refused[] = {
      {"", "1:1: error: the expression is empty"},
      {"gpus >", "1:7: error: something is missing here"},
      {"gpus = 1 gpus", "1:10: error: `gpus` is not expected here"},
      {"(gpus = 1", "1:10: error: `)` is missing here"},
      {"gpus = 'a", "1:8: error: the ' that begins here is not closed"},
      {"'größe' AND gpus", "1:1: error: this is a value, and a condition is expected"},
      {"'größe' = 1 = 2", "1:13: error: `=` is not expected here"},
      {"gpus + (gpus = 1) = 2", "1:14: error: this is a condition, and a value is expected"},
      {"gpus IS 3", "1:9: error: NULL is expected after IS"},
      {"gpus NOT 3", "1:10: error: IN, LIKE or ILIKE is expected after NOT"},
      {"gpus IN 3", "1:9: error: `(` is expected after IN"},
      {"gpus IN (heads)", "1:10: error: IN takes texts, numbers"},
      {"gpus IN (1 2)", "1:12: error: `,` or `)` is expected here"},
      {"gpus = 3x", "1:8: error: `3x` is neither a number nor a quantity"},
      {"gpus = 1 AND\n  gpus ? 2", "2:8: error: `?` is not expected here"},
  };
  for (const auto& [text, said] : refused) {
    INFO(text);
    CHECK(refusal(text).find(said) != std::string::npos);
  }
}

TEST_CASE("size and depth of an expression are bounded") {
  const auto repeated = [](const std::string& part, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += part;
    return all;
  };
  CHECK(refusal(std::string(5000, ' ')).find("at most 4096 bytes") != std::string::npos);
  CHECK(refusal(repeated("(", 60) + "gated" + repeated(")", 60)).find("50 levels") != std::string::npos);
  CHECK(refusal(repeated("NOT ", 60) + "gated").find("50 levels") != std::string::npos);
  CHECK(refusal(repeated("-", 60) + "1 = 1").find("50 levels") != std::string::npos);
  CHECK(refusal("1" + repeated("+1", 60) + " = 1").find("50 operators") != std::string::npos);
  CHECK(refusal("gpus IN (1" + repeated(",1", 1500) + ")").find("1000 terms") != std::string::npos);
  CHECK(yes(repeated("gated AND ", 300) + "gated"));
  CHECK(yes(repeated("(", 45) + "gated" + repeated(")", 45)));
}

TEST_CASE("fields are named once, in order") {
  const Expression made = Expression::parse({"", "gpus > 1 AND heads > gpus"}, fields(false));
  CHECK(made.fields() == std::vector<std::string>{"gpus", "heads"});
  const Node eight = 8;
  CHECK(made.evaluate_values({&eight, nullptr}) == Truth::unknown);
  CHECK(made.evaluate_values({&eight, &eight}) == Truth::no);
}
