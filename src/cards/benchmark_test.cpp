#include "cards/benchmark.hpp"

#include <doctest/doctest.h>

#include "cards/revision.hpp"
#include "schema/document.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {

const std::string version = "apiVersion: model-library/v1\n";

std::vector<File> with(const std::string& id, const std::string& of, const std::string& results,
                       const std::string& file = "") {
  std::vector<File> files = embedded();
  files.push_back({"benchmarks/" + of + "/" + (file.empty() ? id : file) + ".yaml",
                   version + "kind: Benchmark\nmetadata:\n  name: " + id +
                       "\n  description: once\nspec:\n  template: " + of + "\n  results: " + results + "\n"});
  return files;
}

Benchmark of(const std::string& results) {
  const auto library = load(with("a1", "tiny-llama-test", results), "");
  REQUIRE(library->findings.empty());
  return library->get_template("tiny-llama-test").spec.benchmarks.front();
}

std::string finding(const std::vector<File>& files) {
  const auto library = load(files, "");
  REQUIRE(library->findings.size() == 1);
  CHECK(library->get_template("tiny-llama-test").spec.benchmarks.empty());
  return to_text(library->findings.front());
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a result in a file of its own belongs to its template, and does not change its revision") {
  const auto before = load(embedded(), "");
  const auto after = load(with("a1", "tiny-llama-test", "{verdict: valid, ttft_p95: 12}"), "");
  const Template& was = before->get_template("tiny-llama-test");
  const Template& now = after->get_template("tiny-llama-test");
  REQUIRE(now.spec.benchmarks.size() == was.spec.benchmarks.size() + 1);
  CHECK(now.spec.benchmarks.back().id == "a1");
  CHECK(now.spec.benchmarks.back().description == "once");
  CHECK(now.spec.benchmarks.back().results.find("ttft_p95")->integer() == 12);
  CHECK(revision(canonical(was)) == revision(canonical(now)));
  CHECK(before->version != after->version);
  CHECK(get_benchmark(*after, "a1").measured->metadata.name == "tiny-llama-test");
  CHECK(find_benchmark(*after, "a2").benchmark == nullptr);
}

TEST_CASE("a broken result is reported at its place and left out") {
  CHECK(has(finding(with("a1", "tiny-lama-test", "{}")), "benchmarks/tiny-lama-test/a1.yaml:7:13"));
  CHECK(has(finding(with("a1", "tiny-lama-test", "{}")), "tiny-llama-test"));
  CHECK(has(finding(with("a1", "tiny-llama-test", "{}", "b1")), "the card is called `a1`"));
  CHECK(has(finding(with("a1", "tiny-llama-test", "[")), "benchmarks/tiny-llama-test/a1.yaml"));
  CHECK(has(finding(with("a1", "tiny-llama-test", "{ttft_p95: 12, ttft_p95: 13}")), "ttft_p95"));
}

TEST_CASE("a headline shows figures with their verdict, and none that do not count") {
  CHECK(headline(of("{verdict: valid, ttft_p95: 123.4, tpot_p50: 8.123, tps_mean: 61.26}")) ==
        "TTFT p95 123 ms, TPOT p50 8.12 ms, 61.3 tokens/s (valid)");
  CHECK(headline(of(
            "{verdict: suspect, reasons: [only 3 good answers], ttft_p50: 5, requests_per_second: 0.5}")) ==
        "TTFT p50 5 ms, 0.5 requests/s (suspect: only 3 good answers)");
  CHECK(headline(of("{verdict: invalid, reasons: [late, and more], ttft_p95: 1}")) ==
        "invalid: late; and more");
  CHECK(headline(of("{verdict: failed, reasons: [out of memory]}")) == "failed: out of memory");
  CHECK(headline(of("{tps: 3.73}")) == "3.73 tokens/s");
  CHECK(headline(of("{}")) == "once");
  CHECK_FALSE(counts(of("{verdict: whatever}")));
  Benchmark by_hand = of("{ttft_p95: 7}");
  by_hand.run = schema::read_json(R"({"verdict": {"validity": "invalid"}})");
  CHECK_FALSE(counts(by_hand));
}
