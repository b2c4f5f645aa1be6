#include "verbs/measuring.hpp"
#include "verbs/table_parts.hpp"

namespace mlib::verbs {

std::vector<Verb> measure_verbs() {
  return {
      // Of the command line only: a server that sends load to whatever URL it is given is a weapon.
      {"bench endpoint",
       Method::post,
       "",
       Role::editor,
       "Measure an engine that already runs, and say whether the figures can be believed",
       schema::json_schema<EndpointBenchArguments>,
       {},
       streams(bench_endpoint),
       Names{"url"},
       measure,
       "bench endpoint http://127.0.0.1:8080\n"
       "bench endpoint $(mlib endpoint demo) --rate 5 --slo ttft_p95=500ms\n"
       "bench endpoint http://127.0.0.1:8080 --users 8 -o html > report.html",
       {},
       {},
       result_outputs()},
      {"bench search",
       Method::post,
       "",
       Role::editor,
       "Find the highest load at which an objective holds with confidence",
       schema::json_schema<BenchSearchArguments>,
       {},
       streams(bench_search),
       Names{"url"},
       measure,
       "bench search http://127.0.0.1:8080 --slo ttft_p95=500ms,tpot_p95=50ms\n"
       "bench search http://127.0.0.1:8080 --slo e2e_p90=5s --users 1"},
      {"bench compare",
       Method::post,
       "/api/v1/benchmarks/compare",
       Role::viewer,
       "Say whether two results differ beyond noise",
       schema::json_schema<BenchCompareArguments>,
       answers(bench_compare),
       {},
       Names{"files"},
       measure,
       "bench compare before.json after.json\n"
       "bench compare --id ID after.json",
       {},
       {"0 no difference beyond noise, 1 they differ, or cannot be compared; others as everywhere"}},
  };
}

}  // namespace mlib::verbs
