#include "cards/filter.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {

std::string card(const std::string& kind, const std::string& name, const std::string& spec) {
  return "apiVersion: model-library/v1\nkind: " + kind + "\nmetadata: {name: " + name +
         ", labels: {family: f-" + name + "}}\nspec: " + spec + "\n---\n";
}

std::shared_ptr<const Library> library() {
  std::vector<File> files = embedded();
  std::string text =
      card("Model", "small",
           "{framework: llama-cpp-server, format: gguf, family: f-small, parameters: 270000000}") +
      card("Model", "large",
           "{framework: llama-cpp-server, format: none, family: f-large, parameters: 70000000000}") +
      card("Hardware", "h16", "{cpus: 4, memory: 16Gi}") +
      card("Hardware", "h9", "{kind: cpu, cpus: 8, memory: 9G, storage: 1Ti}") +
      card("Template", "t1",
           "{model: small, hardware: h16, benchmarks: [{id: a, description: d, results: "
           "{ttft_p95: 120, deep: {x.y: 1}}}, {id: b, description: d, results: {ttft_p95: 300}}]}") +
      card("Template", "t2", "{model: large, hardware: h9}") +
      card("Template", "t3", "{model: small, hardware: h9}");
  files.push_back({"many.yaml", text.substr(0, text.size() - 4)});
  auto made = load(files, "");
  for (const Finding& finding : made->findings) MESSAGE(to_text(finding));
  REQUIRE(made->findings.empty());
  return made;
}

std::string found(const Library& library, CardKind kind, const std::string& text,
                  const std::string& sort = "") {
  const Finder& finder = library.finder();
  std::vector<Expression> all;
  all.push_back(
      Expression::parse({"--filter", "(" + text + ") AND family LIKE 'f-%'"}, finder.grammar(kind)));
  std::vector<std::uint32_t> rows = finder.select(kind, all);
  const bool descending = sort.starts_with('-');
  if (!sort.empty())
    finder.sort(rows, *finder.column(kind, *finder.resolve(kind, sort.substr(descending ? 1 : 0))),
                descending);
  std::vector<std::string> names;
  for (const std::uint32_t row : rows)
    names.push_back(finder.column(kind, "metadata.name")->at(row).string());
  return join(names, " ");
}

}  // namespace

TEST_CASE("templates are found by what they refer to, and by their benchmarks") {
  const auto all = library();
  const auto templates = [&](const std::string& text) { return found(*all, CardKind::a_template, text); };
  CHECK(templates("framework=llama-cpp-server") == "t1 t2 t3");
  CHECK(templates("model.parameters > 1e9") == "t2");
  CHECK(templates("hardware.memory > 10Gi") == "t1");
  CHECK(templates("benchmarks.ttft_p95 < 200 AND framework = 'llama-cpp-server'") == "t1");
  CHECK(templates("benchmarks.deep.x.y = 1") == "t1");
  CHECK(templates("benchmarks.itl_p99 > 0 OR hardware.cpus * 2 = 16 AND model.format != gguf") == "t2");
  CHECK(templates("framework.engine ILIKE '%LLAMA%' AND model=small AND hardware.storage IS NULL") == "t1");
  CHECK(templates("hardware.cpus * 1e9 > model.parameters") == "t1 t3");
}

TEST_CASE("literals are read by the kind of the field, wherever it comes from") {
  const auto all = library();
  const auto templates = [&](const std::string& text) { return found(*all, CardKind::a_template, text); };
  const auto hardware = [&](const std::string& text) { return found(*all, CardKind::hardware, text); };
  CHECK(hardware("memory >= 17GB") == "h16");  // 16Gi is 17.2 GB
  CHECK(hardware("memory < 17GB") == "h9");
  CHECK(hardware("memory > 8.5GiB") == "h16");
  CHECK(hardware("storage >= 1TB") == "h9");
  CHECK(hardware("kind = cpu") == "h9");  // what the hardware is, not that it is a card of hardware
  CHECK(found(*all, CardKind::model, "parameters > 0.3B") == "large");
  CHECK(templates("model.parameters < 1B AND hardware.memory < 10GB") == "t3");
  CHECK(templates("benchmarks.ttft_p95 < 0.2s") == "t1");
  CHECK(templates("benchmarks.ttft_p95 > 300ms") == "");
  CHECK(templates("benchmarks.deep.x.y < 2") == "t1");
  CHECK(templates("values.context_length = 4K") == "t1 t2 t3");
  CHECK(templates("values.storage = 1TiB") == "t2 t3");
  CHECK(templates("hardware.cpus * 1B > model.parameters") == "t1 t3");
}

TEST_CASE("a literal that is no value of the field is refused, whichever card has it") {
  const auto all = library();
  const auto said = [&](CardKind kind, const std::string& text) {
    std::vector<Finding> findings;
    CHECK(!Expression::parse({"--filter", text}, all->finder().grammar(kind), findings));
    return findings.empty() ? "" : findings[0].message;
  };
  const auto of_templates = [&](const std::string& text) { return said(CardKind::a_template, text); };
  CHECK(of_templates("hardware.gpu.memory > abc") ==
        "`hardware.gpu.memory` is an amount of bytes, and `abc` is not");
  CHECK(of_templates("model.gated = yes") == "`model.gated` is TRUE or FALSE, and `yes` is not");
  CHECK(of_templates("hardware.price < 2") == "`hardware.price` has parts, and is no value itself");
  CHECK(of_templates("hardware.price.per_hour < 5usd") ==
        "`hardware.price.per_hour` is a number, and `5usd` is not");
  CHECK(of_templates("name > 5") == "`name` is a text, and 5 is a number");
  CHECK(of_templates("model.parameters > 1e400") == "`1e400` is beyond what a number can be");
  CHECK(of_templates("benchmarks.itl_p99 < 3usd") ==
        "`benchmarks.itl_p99` is a number of milliseconds, and `3usd` is not");
  CHECK(of_templates("model.format = ggf") == "`model.format` is never `ggf`");
  CHECK(said(CardKind::model, "released > '01/02/2025'") == "`released` is a day, and `01/02/2025` is not");
  CHECK(said(CardKind::hardware, "spec.kind = cpuu") == "`spec.kind` is never `cpuu`");
}

TEST_CASE("a figure that nobody has measured is suggested, too") {
  const auto all = library();
  std::vector<Finding> findings;
  CHECK(!Expression::parse({"--filter", "benchmarks.itl_p9 < 3"}, all->finder().grammar(CardKind::a_template),
                           findings));
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].hint.starts_with("did you mean `benchmarks.itl_p9"));
}

TEST_CASE("sorting puts quantities in their order, and what has no value last") {
  const auto all = library();
  CHECK(found(*all, CardKind::hardware, "cpus > 0", "memory") == "h9 h16");
  CHECK(found(*all, CardKind::hardware, "cpus > 0", "-cpus") == "h9 h16");
  CHECK(found(*all, CardKind::hardware, "cpus > 0", "storage") == "h9 h16");
  CHECK(found(*all, CardKind::hardware, "cpus > 0", "-storage") == "h9 h16");
  CHECK(found(*all, CardKind::a_template, "framework != ''", "-model.parameters") == "t2 t1 t3");
}

TEST_CASE("no template says what no card has: the nearest field is named") {
  const auto all = library();
  std::vector<Finding> findings;
  CHECK(!Expression::parse({"--filter", "hardware.memry > 1Gi"}, all->finder().grammar(CardKind::a_template),
                           findings));
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].hint == "did you mean `hardware.memory`?");
}

TEST_CASE("a field without the card that has it: that card's is named") {
  const auto all = library();
  const auto hint = [&](const std::string& text) {
    std::vector<Finding> findings;
    CHECK(!Expression::parse({"--filter", text}, all->finder().grammar(CardKind::a_template), findings));
    return findings.empty() ? "" : findings[0].hint;
  };
  CHECK(hint("license = mit") == "did you mean `model.license`?");
  CHECK(hint("licence = mit") == "did you mean `model.license`?");
  CHECK(hint("memory > 1Gi") == "did you mean `hardware.memory`?");
}

TEST_CASE("values of templates are those in force, wherever they come from") {
  const auto all = library();
  const auto templates = [&](const std::string& text) { return found(*all, CardKind::a_template, text); };
  CHECK(templates("values.context_length = 4096") == "t1 t2 t3");  // the framework's default
  CHECK(templates("values.cpus = 8") == "t2 t3");                  // a fact of the hardware
  CHECK(templates("values.model_alias = small") == "t1 t3");       // a fact of the model
  CHECK(templates("values.storage = 1Ti") == "t2 t3");
  CHECK(templates("values.nvidia_gpus > 0") == "");
  CHECK(!all->finder().resolve(CardKind::a_template, "values.no_such_parameter"));
  const auto& fields = all->finder().fields(CardKind::a_template);
  const auto value = std::find_if(fields.begin(), fields.end(),
                                  [](const FieldFact& each) { return each.name == "values.context_length"; });
  REQUIRE(value != fields.end());
  CHECK(value->path == all->finder().resolve(CardKind::a_template, "values.context_length"));
  CHECK(!value->help.empty());
}

TEST_CASE("figures of an invalid benchmark are nobody's, its verdict is") {
  std::vector<File> files = embedded();
  const auto benchmark = [](const std::string& id, const std::string& of, const std::string& results) {
    return File{"benchmarks/" + of + "/" + id + ".yaml",
                "apiVersion: model-library/v1\nkind: Benchmark\nmetadata: {name: " + id +
                    "}\nspec: {template: " + of + ", results: " + results + "}\n"};
  };
  const std::string text =
      card("Model", "m", "{framework: llama-cpp-server, format: gguf}") + card("Hardware", "h", "{cpus: 4}") +
      card("Template", "t1", "{model: m, hardware: h}") + card("Template", "t2", "{model: m, hardware: h}");
  files.push_back({"many.yaml", text.substr(0, text.size() - 4)});
  files.push_back(benchmark("a", "t1", "{verdict: invalid, ttft_p95: 1}"));
  files.push_back(benchmark("b", "t1", "{verdict: valid, ttft_p95: 250.5}"));
  files.push_back(benchmark("c", "t1", "{verdict: suspect, ttft_p95: 1000}"));
  files.push_back(benchmark("d", "t2", "{verdict: valid, ttft_p95: 250.25}"));
  files.push_back(benchmark("e", "t2", "{verdict: failed, reasons: [out of memory]}"));
  const auto all = load(files, "");
  for (const Finding& finding : all->findings) MESSAGE(to_text(finding));
  REQUIRE(all->findings.empty());
  const auto templates = [&](const std::string& text, const std::string& sort = "") {
    return found(*all, CardKind::a_template, text, sort);
  };
  CHECK(templates("benchmarks.ttft_p95 < 200") == "");
  CHECK(templates("benchmarks.ttft_p95 < 300") == "t1 t2");
  CHECK(templates("benchmarks.verdict = invalid") == "t1");
  CHECK(templates("benchmarks.verdict = failed") == "t2");
  CHECK(templates("name LIKE 't%'", "benchmarks.ttft_p95") == "t2 t1");
  CHECK(templates("name LIKE 't%'", "-benchmarks.ttft_p95") == "t1 t2");
}
