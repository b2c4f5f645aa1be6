#include "cards/expression.hpp"

#include <doctest/doctest.h>

#include <map>
#include <tuple>

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
  CHECK(yes("version > '0.9.2' AND version < '0.11'"));
}

TEST_CASE("a number or quantity is in no order with another text") {
  CHECK(unknown("version > 0.9"));
  CHECK(unknown("title > 5 OR title <= 5"));
  CHECK(unknown("memory > 'abc' OR memory <= 'abc'"));
  CHECK(holds("memory >= 80GB", true) == Truth::unknown);
  CHECK(no("title = 5 OR memory = 'abc'"));
  CHECK(yes("title != 5"));
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

namespace {

/// Fields of each type, with a value.
const std::map<std::string, std::pair<FieldType, Node>, std::less<>> typed{
    {"name", {{.is = FieldType::Is::text}, "gemma-3"}},
    {"format", {{.is = FieldType::Is::text, .choices = {"gguf", "safetensors"}}, "gguf"}},
    {"version", {{.is = FieldType::Is::version}, "0.10.1"}},
    {"parameters", {{.is = FieldType::Is::number}, 70'000'000'000}},
    {"context_length", {{.is = FieldType::Is::number, .unit = "tokens"}, 131072}},
    {"weights_bytes", {{.is = FieldType::Is::number, .unit = "bytes"}, 1'000'000'000}},
    {"ttft_p95", {{.is = FieldType::Is::number, .unit = "ms"}, 150}},
    {"cpus", {{.is = FieldType::Is::number, .unit = "cores"}, 8}},
    {"bandwidth", {{.is = FieldType::Is::number, .unit = "GB/s"}, 2039}},
    {"memory", {{.is = FieldType::Is::quantity, .unit = "bytes"}, "46069Mi"}},
    {"gated", {{.is = FieldType::Is::boolean}, true}},
    {"released", {{.is = FieldType::Is::date}, "2025-06-09"}},
    {"price", {{.is = FieldType::Is::map, .parts = {"per_hour", "as_of"}}, Node::map()}},
    {"license", {{.is = FieldType::Is::text}, Node()}},
    {"hash", {{.is = FieldType::Is::text}, "10e3"}},
};

Fields typed_fields(bool bare) {
  std::vector<std::string> paths;
  for (const auto& [name, field] : typed) paths.push_back(name);
  Fields made = fields_of(paths);
  made.bare_words = bare;
  made.type = [](const std::string& path) { return typed.find(path)->second.first; };
  return made;
}

Truth typed_truth(const std::string& text, bool bare) {
  return Expression::parse({"rule", text}, typed_fields(bare)).evaluate([](const std::string& path) {
    return std::optional(typed.find(path)->second.second);
  });
}

/// The first line and the hint of what is wrong.
std::pair<std::string, std::string> typed_refusal(const std::string& text, bool bare) {
  std::vector<Finding> findings;
  Expression::parse({"rule", text}, typed_fields(bare), findings);
  REQUIRE(!findings.empty());
  const std::string said = to_text(findings[0]);
  return {said.substr(0, said.find('\n')), findings[0].hint};
}

}  // namespace

TEST_CASE("a literal with a unit is read in that of the field, with bare words and without") {
  for (const char* text : {"parameters = 70B",
                           "parameters > 69.5B",
                           "NOT parameters > 70B",
                           "parameters >= 7e10",
                           "parameters IN (7B, 70B)",
                           "parameters + 1B IN (7B, 71B)",
                           "-parameters IN (-7, -70B)",
                           "-cpus IN (-8)",
                           "weights_bytes - 0.5GB IN (0.1GB, 500MB, 2GB)",
                           "parameters / 2 = 35B",
                           "parameters > 2 * 34B",
                           "memory * parameters > 1GB",
                           "parameters * memory > 1GB",
                           "memory / cpus > 5GiB AND memory / cpus < 6.1GB",
                           "weights_bytes * 2 / memory < 0.1",
                           "70B <= parameters",
                           "-parameters < 0",
                           "context_length = 128K",
                           "context_length = 128Ki",
                           "context_length > 128000",
                           "context_length < 1M",
                           "weights_bytes = 1GB",
                           "weights_bytes < 1GiB",
                           "weights_bytes > 0.9G",
                           "weights_bytes >= 953Mi",
                           "ttft_p95 < 0.2s",
                           "ttft_p95 = 150ms",
                           "ttft_p95 < 1m",
                           "ttft_p95 < 151",
                           "ttft_p95 >= 0.15s",
                           "cpus = 8000m",
                           "bandwidth >= 2TB/s AND bandwidth < 2.04TB/s",
                           "bandwidth IN (2039GB/s, 3TB/s)",
                           "bandwidth / 2TB/s > 1",
                           "memory < 80GB",
                           "memory > 48GB",
                           "memory < 48.4GB",
                           "memory < 45GiB",
                           "memory = 46069Mi",
                           "memory * 2 > 89Gi",
                           "gated = 'TRUE'",
                           "released > '2025-06-01'",
                           "version > 0.9",
                           "version < 0.11",
                           "name < 'h'",
                           "format = 'gguf'",
                           "format IN ('gguf')",
                           "name != 5",
                           "license = ''",
                           "memory != ''",
                           "hash = '10e3' AND hash != '10000'"}) {
    INFO(std::string(text));
    CHECK(typed_truth(text, false) == Truth::yes);
    CHECK(typed_truth(text, true) == Truth::yes);
  }
  CHECK(typed_truth("released > 2025-06-01 AND released < 2025-06-10", true) == Truth::yes);
  CHECK(typed_truth("hash = '10000' OR hash = '1e4'", false) == Truth::no);
}

TEST_CASE("a literal that is no value of its field is refused where it stands") {
  const std::tuple<const char*, const char*, const char*> refused[] = {
      {"memory > abc", "rule:1:10: error: `memory` is an amount of bytes, and `abc` is not",
       "for example: memory > 80GB; KB, MB, GB, TB are powers of 1000 and KiB, MiB, GiB, TiB (Ki, Mi, Gi, "
       "Ti) "
       "of 1024"},
      {"parameters > 5usd", "rule:1:14: error: `parameters` is a number, and `5usd` is not",
       "for example: parameters > 7B; K, M, B and T stand for 10^3, 10^6, 10^9 and 10^12"},
      {"parameters > 1e400", "rule:1:14: error: `1e400` is beyond what a number can be", ""},
      {"context_length <= 8GB", "rule:1:19: error: `context_length` is a number of tokens, and `8GB` is not",
       "for example: context_length <= 128K; K stands for 1024 tokens and M for 1024 K, as in the names of "
       "models"},
      {"bandwidth > 2TB", "rule:1:13: error: `bandwidth` is a number of GB/s, and `2TB` is not",
       "for example: bandwidth > 8; a unit is written whole, with M, G, T or P: 2TB/s, 0.5PFLOP/s"},
      {"ttft_p95 < 3Gi", "rule:1:12: error: `ttft_p95` is a number of milliseconds, and `3Gi` is not",
       "for example: ttft_p95 < 200ms; us, ms, s, m or h; without one it is in milliseconds"},
      {"name > 5", "rule:1:8: error: `name` is a text, and 5 is a number", "for example: name > 'm'"},
      {"released > 5", "rule:1:12: error: `released` is a day, and 5 is a number",
       "for example: released > '2025-06-30'"},
      {"released > '01/02/2025'", "rule:1:12: error: `released` is a day, and `01/02/2025` is not",
       "for example: released > '2025-06-30'"},
      {"released = '2025-02-29'", "rule:1:12: error: `released` is a day, and `2025-02-29` is not",
       "for example: released = '2025-06-30'"},
      {"gated = yes", "rule:1:9: error: `gated` is TRUE or FALSE, and `yes` is not",
       "for example: gated = TRUE"},
      {"gated > TRUE", "rule:1:9: error: `gated` is TRUE or FALSE, and neither is the greater",
       "for example: gated = TRUE"},
      {"price < 2", "rule:1:1: error: `price` has parts, and is no value itself",
       "price.per_hour, price.as_of"},
      {"format = GGUF", "rule:1:10: error: `format` is never `GGUF`",
       "did you mean `gguf`? one of: gguf, safetensors"},
      {"format IN (gguf, onxx)", "rule:1:18: error: `format` is never `onxx`", "one of: gguf, safetensors"},
      {"name", "rule:1:1: error: `name` is a text, and a condition is expected",
       "compare it: = != < > <= >= LIKE ILIKE IN, IS NULL"},
      {"memory * 2 / weights_bytes > 1GB", "rule:1:30: error: `memory` is a number, and `1GB` is not",
       "for example: memory > 8; K, M, B and T stand for 10^3, 10^6, 10^9 and 10^12"},
      {"name * 2 > 1", "rule:1:1: error: `name` is a text, and arithmetic takes numbers", ""},
  };
  for (const auto& [text, said, hint] : refused) {
    INFO(text);
    const auto [line, nearest_right] = typed_refusal(text, true);
    CHECK(line == said);
    CHECK(nearest_right == hint);
  }
  CHECK(typed_refusal("parameters > name", false).first ==
        "rule:1:14: error: `parameters` is a number, and `name` a text: they cannot be compared");
  CHECK(typed_refusal("released > 2025-01-02", false).first ==
        "rule:1:12: error: `released` is a day, and this is a number");
  CHECK(typed_refusal("parameters IN (1, -parameters)", false).first ==
        "rule:1:19: error: IN takes texts, numbers, TRUE and FALSE only");
  std::vector<Finding> once;
  Expression::parse({"rule", "parameters + 5x IN (1, 2)"}, typed_fields(false), once);
  CHECK(once.size() == 1);
  CHECK(typed_refusal("name > 5 OR parameters > 5usd", false).first ==
        typed_refusal("name > 5", false).first);
}

TEST_CASE("a field that is called null: IS NULL is meant") {
  CHECK(refusal("license = null").find("IS NULL holds where") != std::string::npos);
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
