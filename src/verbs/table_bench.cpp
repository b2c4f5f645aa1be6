#include "verbs/bench_template.hpp"
#include "verbs/catalogue.hpp"
#include "verbs/table_parts.hpp"

namespace mlib::verbs {

std::vector<Verb> bench_verbs() {
  return {
      {"bench template",
       Method::post,
       "/api/v1/benchmarks",
       Role::editor,
       "Deploy a template, measure it, keep the result with it, remove the deployment",
       schema::json_schema<BenchTemplateArguments>,
       {},
       streams(bench_template),
       Names{"template"},
       measure,
       "bench template TEMPLATE --rate 5 --duration 2m\n"
       "bench template TEMPLATE --hardware viable --target kubernetes\n"
       "bench template TEMPLATE --sweep cpus=4,8,12,16",
       {},
       {},
       result_outputs()},
      {"bench repeat",
       Method::post,
       "/api/v1/benchmarks/{id}/repeat",
       Role::editor,
       "Measure again as a kept benchmark did: cards, values, target, load and seed",
       schema::json_schema<RepeatArguments>,
       {},
       streams(bench_repeat),
       Names{"id"},
       measure,
       "bench repeat ID",
       {},
       {},
       result_outputs()},
      {"get benchmarks",
       Method::get,
       "/api/v1/benchmarks",
       Role::viewer,
       "List the results that are kept with their templates",
       schema::json_schema<BenchmarksArguments>,
       answers(get_benchmarks),
       {},
       Names{"template"},
       measure,
       "get benchmarks\nget benchmarks TEMPLATE -o json"},
  };
}

}  // namespace mlib::verbs
