#include "api/kubeflow_items.hpp"

#include <doctest/doctest.h>

using namespace mlib;

TEST_CASE("a performance artifact of an invalid result has its verdict and no figure") {
  std::vector<cards::File> files = cards::embedded();
  for (const auto& [id, results] :
       {std::pair<std::string, std::string>{"a", "{verdict: invalid, reasons: [late], ttft_p95: 1}"},
        {"b", "{verdict: valid, ttft_p95: 2}"}})
    files.push_back({"benchmarks/tiny-llama-test/" + id + ".yaml",
                     "apiVersion: model-library/v1\nkind: Benchmark\nmetadata: {name: " + id +
                         "}\nspec: {template: tiny-llama-test, results: " + results + "}\n"});
  const auto library = cards::load(files, "");
  REQUIRE(library->findings.empty());
  std::vector<schema::Node> measured;
  for (schema::Node& each : api::kubeflow::Artifacts(*library).of("tiny-llama-test"))
    if (each.text_at({"artifactType"}) == "metrics-artifact") measured.push_back(std::move(each));
  REQUIRE(measured.size() == 2);
  const auto property = [&](std::size_t i, std::string_view name) {
    return measured[i].at({"customProperties", name});
  };
  CHECK(property(0, "ttft_p95") == nullptr);
  CHECK(property(0, "verdict")->text_at({"string_value"}) == "invalid");
  CHECK(property(0, "reasons") != nullptr);
  CHECK(property(1, "ttft_p95")->text_at({"int_value"}) == "2");
}
