#include "golden.hpp"
#include "loadgen/compare.hpp"
#include "loadgen/made_result.hpp"
#include "loadgen/result_forms.hpp"
#include "loadgen/search.hpp"
#include "schema/document.hpp"

namespace mlib::golden {
namespace {

using namespace loadgen;

/// Hostile texts where an engine or a card could give them.
Result hostile() {
  Result result = made_result();
  result.workload.model = "=1+1\"|<script>alert(1)</script>\n\x1b[31m";
  result.description = "chat of " + result.workload.model;
  result.counts.errors = {{"HTTP 500: <b>|\"no\"</b>\n", 5}};
  result.verdict = {"invalid", {"100 of 205 requests failed", "`code` *bold* | cell"}};
  result.client.position = "same-machine";
  return result;
}

Result result_named(const std::string& name) {
  if (name == "hostile") return hostile();
  if (name == "failed") {
    Result failed = failed_result(
        made_plan(), Problem(Kind::failed, "the pod was killed for memory (OOMKilled)"), made_setting());
    failed.client = made_result().client;
    return failed;
  }
  Result made = made_result();
  if (name == "interrupted") made.ended = "interrupted";
  return made;
}

Result slower() {
  Result other = made_result();
  other.id = "20261129T120000Z-def456";
  for (double& value : other.samples->tpot) value *= 1.2;
  other.load.rate = 12;
  other.subject.engine_version = "b4001";
  return other;
}

std::string searched() {
  SearchRange range;
  range.within = 0.5;
  return people_text(search(range, objective_of("ttft_p95=500ms"), [](double load, Instant duration) {
    Result result = made_result();
    result.seconds = static_cast<double>(duration) / 1e9;
    result.verdict = {};
    const std::string holds = load > 5 ? "no" : "yes";
    const std::int64_t good = load > 5 ? 120 : 199;
    const Share share = wilson(static_cast<std::uint64_t>(good), 200);
    result.objective = {{"ttft_p95=500ms", holds, good, 200, share.value, share.low, share.high}};
    return result;
  }));
}

}  // namespace

/// Input: `RESULT FORM`, RESULT one of made, interrupted, hostile, failed.
std::string bench(const std::string& input) {
  const std::string name = input.substr(0, input.find(' '));
  const std::string form = input.substr(name.size() + 1, input.find('\n') - name.size() - 1);
  if (name == "search") return searched();
  if (name == "compare")
    return people_text(compare(made_result(), form == "same" ? made_result() : slower()));
  const Result result = result_named(name);
  if (form == "people") return people_text(result);
  if (form == "json") {
    Result few = result;
    few.samples->at.resize(2);
    few.samples->ttft.resize(2);
    few.samples->e2e.resize(2);
    few.samples->tpot.resize(2);
    return schema::to_json(to_node(few), 2) + "\n";
  }
  for (const auto& [each, text] : forms_of(result))
    if (each == form) return text;
  return "no such form\n";
}

}  // namespace mlib::golden
