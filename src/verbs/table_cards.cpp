#include "verbs/catalogue.hpp"
#include "verbs/finding.hpp"
#include "verbs/importing.hpp"
#include "verbs/rendering.hpp"
#include "verbs/table_parts.hpp"
#include "verbs/upgrading.hpp"
#include "verbs/validation.hpp"

namespace mlib::verbs {
namespace {

std::vector<Verb> lists() {
  return {
      {"get templates",
       Method::get,
       "/api/v1/templates",
       Role::viewer,
       "List templates: what can be deployed",
       schema::json_schema<GetArguments>,
       answers(get_templates),
       {},
       Names{"name"},
       look,
       "get templates\nget templates --filter \"hardware.memory > 16Gi\" --sort name\n"
       "get templates --sort benchmarks.ttft_p95 --limit 5 -o wide"},
      {"get models",
       Method::get,
       "/api/v1/models",
       Role::viewer,
       "List models",
       schema::json_schema<GetArguments>,
       answers(get_models),
       {},
       Names{"name"},
       look,
       "get models --filter format=gguf -o wide\n"
       "get models --filter \"parameters < 1e9\" --sort -context_length --limit 5"},
      {"get hardware",
       Method::get,
       "/api/v1/hardware",
       Role::viewer,
       "List hardware",
       schema::json_schema<GetArguments>,
       answers(get_hardware),
       {},
       Names{"name"},
       look,
       "get hardware\nget hardware --filter \"gpu.memory >= 80Gi\" --sort price.per_hour"},
      {"get frameworks",
       Method::get,
       "/api/v1/frameworks",
       Role::viewer,
       "List frameworks (serving engines)",
       schema::json_schema<GetArguments>,
       answers(get_frameworks),
       {},
       Names{"name"},
       look,
       "get frameworks\nget frameworks --columns name,version,image"},
  };
}

std::vector<Verb> finding() {
  return {
      {"compare",
       Method::get,
       "/api/v1/compare/{kind}",
       Role::viewer,
       "Show side by side what differs between cards",
       schema::json_schema<CompareArguments>,
       answers(compare),
       {},
       Names{"kind", "names"},
       look,
       "compare templates A B\ncompare templates A B -o markdown\ncompare hardware nvidia-l4 nvidia-t4"},
      {"tree template",
       Method::get,
       "/api/v1/templates/{name}/tree",
       Role::viewer,
       "Show the cards of a template and which gives each value",
       schema::json_schema<TreeArguments>,
       answers(tree_template),
       {},
       Names{"name"},
       look,
       "tree template NAME"},
      {"filter-options",
       Method::get,
       "/api/v1/filter-options",
       Role::viewer,
       "List the fields that a filter may name, with their values",
       schema::json_schema<FilterOptionsArguments>,
       answers(filter_options),
       {},
       Names{"kind"},
       look,
       "filter-options templates\nfilter-options models -o json"},
  };
}

std::vector<Verb> filters() {
  return {
      {"filter save",
       Method::post,
       "/api/v1/filters",
       Role::editor,
       "Save a filter under a name, for --filter @NAME",
       schema::json_schema<SaveFilterArguments>,
       answers(save_filter),
       {},
       Names{"name", "expression"},
       look,
       "filter save big \"hardware.memory > 64Gi AND framework=vllm\""},
      {"filter list",
       Method::get,
       "/api/v1/filters",
       Role::viewer,
       "List the saved filters",
       schema::json_schema<ListFiltersArguments>,
       answers(list_filters),
       {},
       Names{},
       look,
       "filter list"},
      {"filter delete",
       Method::del,
       "/api/v1/filters/{name}",
       Role::editor,
       "Delete a saved filter",
       schema::json_schema<FilterNameArguments>,
       answers(delete_filter),
       {},
       Names{"name"},
       look,
       "filter delete big"},
  };
}

std::vector<Verb> reading() {
  return {
      {"describe",
       Method::get,
       "/api/v1/cards/{kind}/{name}",
       Role::viewer,
       "Show one card or deployment",
       schema::json_schema<DescribeArguments>,
       answers(describe),
       {},
       Names{"kind", "name"},
       look,
       "describe template NAME"},
      {"search",
       Method::get,
       "/api/v1/search",
       Role::viewer,
       "Find cards by words",
       schema::json_schema<SearchArguments>,
       answers(search),
       {},
       Names{"text"},
       look,
       "search gemma 270"},
      {"validate",
       Method::post,
       "/api/v1/validate",
       Role::viewer,
       "Check card files and report all that is wrong",
       schema::json_schema<ValidateArguments>,
       answers(validate),
       {},
       Names{"files"},
       check,
       "validate my-cards/\nvalidate model.yaml hardware.yaml"},
      {"import",
       Method::post,
       "/api/v1/import",
       Role::viewer,
       "Make cards from a Hugging Face folder, a GGUF file or the original's JSON",
       schema::json_schema<ImportArguments>,
       answers(import_cards),
       {},
       Names{"source"},
       check,
       "import ./model.Q4_K_M.gguf --to models/model-q4.yaml\nimport ./Qwen3-0.6B/\n"
       "import http://original.example:8001/get_all"},
      {"schema",
       Method::get,
       "/api/v1/schemas/{kind}",
       Role::viewer,
       "Print the JSON Schema of a kind of card",
       schema::json_schema<SchemaArguments>,
       answers(card_schema),
       {},
       Names{"kind", "name"},
       check,
       "schema model\nschema framework-parameters NAME"},
  };
}

std::vector<Verb> rendering() {
  return {
      {"explain template",
       Method::get,
       "/api/v1/templates/{name}/values",
       Role::viewer,
       "Show each value of a template and which card gave it",
       schema::json_schema<ExplainArguments>,
       answers(explain_template),
       {},
       Names{"name"},
       check,
       "explain template NAME"},
      {"upgrade template",
       Method::get,
       "/api/v1/templates/{name}/upgrade",
       Role::viewer,
       "Show what another version of its engine changes for a template",
       schema::json_schema<UpgradeArguments>,
       answers(upgrade_template),
       {},
       Names{"name"},
       check,
       "upgrade template NAME --engine-version 0.33.0"},
      {"render",
       Method::post,
       "/api/v1/render",
       Role::viewer,
       "Print the Kubernetes objects of a template",
       schema::json_schema<RenderArguments>,
       answers(render_template),
       {},
       Names{"template"},
       check,
       "render TEMPLATE --name demo\nrender TEMPLATE --name demo -n team-a --set threads=4 > demo.yaml"},
  };
}

}  // namespace

std::vector<Verb> card_verbs() {
  std::vector<Verb> verbs;
  for (const auto part : {lists, finding, filters, reading, rendering})
    for (Verb& verb : part()) verbs.push_back(std::move(verb));
  return verbs;
}

}  // namespace mlib::verbs
