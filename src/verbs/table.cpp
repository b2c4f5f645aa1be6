#include "verbs/asking.hpp"
#include "verbs/capacity.hpp"
#include "verbs/catalogue.hpp"
#include "verbs/deploying.hpp"
#include "verbs/deployments.hpp"
#include "verbs/finding.hpp"
#include "verbs/importing.hpp"
#include "verbs/journal.hpp"
#include "verbs/namespaces.hpp"
#include "verbs/outdated.hpp"
#include "verbs/reachable.hpp"
#include "verbs/rendering.hpp"
#include "verbs/revisions.hpp"
#include "verbs/upgrading.hpp"
#include "verbs/validation.hpp"

namespace mlib::verbs {
namespace {

using Names = std::vector<std::string_view>;

template <class A>
Call answers(Response (*verb)(const World&, const Caller&, const A&)) {
  return [verb](const World& world, const Caller& caller, const Node& arguments) {
    return verb(world, caller, arguments_of<A>(arguments));
  };
}

template <class A>
StreamCall streams(void (*verb)(const World&, const Caller&, const A&, const Sink&, const Cancel&)) {
  return [verb](const World& world, const Caller& caller, const Node& arguments, const Sink& sink,
                const Cancel& cancel) { verb(world, caller, arguments_of<A>(arguments), sink, cancel); };
}

template <class A>
Question asks(std::string (*verb)(const World&, const Caller&, const A&)) {
  return [verb](const World& world, const Caller& caller, const Node& arguments) {
    return verb(world, caller, arguments_of<A>(arguments));
  };
}

constexpr std::string_view look = "Look around", check = "Check and render", run = "Run";

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
       "get templates\nget templates --filter \"hardware.memory > 16Gi\" --sort name"},
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
       "get models --filter format=gguf -o wide"},
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
       "get hardware"},
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
       "get frameworks"},
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
       "compare templates A B\ncompare templates A B -o markdown"},
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
       "filter-options templates"},
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
       "import http://127.0.0.1:8001/get_all"},
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

std::vector<Verb> life() {
  return {
      {"deploy",
       Method::post,
       "/api/v1/deployments",
       Role::editor,
       "Deploy a template and wait until it answers",
       schema::json_schema<DeployArguments>,
       {},
       streams(deploy),
       Names{"template"},
       run,
       "deploy TEMPLATE --name demo\ndeploy TEMPLATE --name demo --target kubernetes --dry-run=server"},
      {"diff",
       Method::post,
       "/api/v1/diff",
       Role::viewer,
       "Show what deploy would change",
       schema::json_schema<DiffArguments>,
       answers(diff),
       {},
       Names{"template"},
       run,
       "diff TEMPLATE --name demo --set threads=4"},
  };
}

std::vector<Verb> kept() {
  return {
      {"history",
       Method::get,
       "/api/v1/deployments/{namespace}/{name}/history",
       Role::viewer,
       "List the revisions of a deployment that are kept",
       schema::json_schema<HistoryArguments>,
       answers(history),
       {},
       Names{"name"},
       run,
       "history demo\nhistory demo --revision 2"},
      {"outdated",
       Method::get,
       "/api/v1/outdated",
       Role::viewer,
       "List deployments whose cards have changed since",
       schema::json_schema<OutdatedArguments>,
       answers(outdated),
       {},
       Names{"name"},
       run,
       "outdated\noutdated demo"},
      {"rollback",
       Method::post,
       "/api/v1/deployments/{namespace}/{name}/rollback",
       Role::editor,
       "Go back to an earlier revision; its key stays",
       schema::json_schema<RollbackArguments>,
       {},
       streams(rollback),
       Names{"name"},
       run,
       "rollback demo\nrollback demo --to 2"},
      {"get deployments",
       Method::get,
       "/api/v1/deployments",
       Role::viewer,
       "List deployments and how they are",
       schema::json_schema<ListArguments>,
       answers(get_deployments),
       {},
       Names{"name"},
       run,
       "get deployments\nget deployments -n team-a -o wide"},
  };
}

std::vector<Verb> places() {
  return {
      {"get targets",
       Method::get,
       "/api/v1/targets",
       Role::viewer,
       "List where deployments can run, whether it answers, and what it cannot do",
       schema::json_schema<TargetsArguments>,
       answers(get_targets),
       {},
       Names{},
       run,
       "get targets\nget targets -o json"},
  };
}

std::vector<Verb> watching() {
  return {
      {"status",
       Method::get,
       "/api/v1/deployments/{namespace}/{name}",
       Role::viewer,
       "Show how a deployment is, and why",
       schema::json_schema<StatusArguments>,
       answers(status),
       {},
       Names{"name"},
       run,
       "status demo\nstatus demo -w"},
      {"wait",
       Method::get,
       "/api/v1/deployments/{namespace}/{name}/wait",
       Role::viewer,
       "Wait until a deployment is ready, or deleted",
       schema::json_schema<WaitArguments>,
       {},
       streams(wait_for),
       Names{"name"},
       run,
       "wait demo --timeout 5m\nwait demo --for deleted"},
      {"top",
       Method::get,
       "/api/v1/capacity",
       Role::viewer,
       "Show what a target's machines have, and what is free",
       schema::json_schema<TopArguments>,
       answers(top),
       {},
       Names{},
       run,
       "top\ntop --target kubernetes -o wide"},
      {"events",
       Method::get,
       "/api/v1/deployments/{namespace}/{name}/events",
       Role::viewer,
       "Show what happened to a deployment",
       schema::json_schema<DeploymentArguments>,
       answers(events),
       {},
       Names{"name"},
       run,
       "events demo"},
  };
}

std::vector<Verb> using_it() {
  return {
      {"logs",
       Method::get,
       "/api/v1/deployments/{namespace}/{name}/logs",
       Role::viewer,
       "Print a deployment's log",
       schema::json_schema<LogsArguments>,
       {},
       streams(logs),
       Names{"name"},
       run,
       "logs demo --tail 20\nlogs demo -f\nlogs demo --since 10m --timestamps --all-pods"},
      {"endpoint",
       Method::get,
       "/api/v1/deployments/{namespace}/{name}/endpoint",
       Role::viewer,
       "Print a deployment's URL alone",
       schema::json_schema<EndpointArguments>,
       answers(endpoint),
       {},
       Names{"name"},
       run,
       "endpoint demo\nendpoint demo --snippet"},
      {"chat",
       Method::post,
       "/api/v1/deployments/{namespace}/{name}/chat",
       Role::viewer,
       "Ask a deployment a question",
       schema::json_schema<ChatArguments>,
       {},
       streams(chat),
       Names{"name", "text"},
       run,
       "chat demo \"What is a llama?\""},
  };
}

std::vector<Verb> ending() {
  return {
      {"delete deployment",
       Method::del,
       "/api/v1/deployments/{namespace}/{name}",
       Role::editor,
       "Remove a deployment; its storage is kept",
       schema::json_schema<DeleteArguments>,
       {},
       streams(delete_deployment),
       Names{"name"},
       run,
       "delete deployment demo\ndelete deployment demo --with-storage --yes",
       asks(delete_question)},
      {"delete namespace",
       Method::del,
       "/api/v1/namespace/{name}",
       Role::admin,
       "Delete a namespace with everything in it, storage too",
       schema::json_schema<DeleteNamespaceArguments>,
       {},
       streams(delete_namespace),
       Names{"name"},
       run,
       "delete namespace team-a --target kubernetes\n"
       "delete namespace team-a --target kubernetes --confirm team-a"},
      {"audit",
       Method::get,
       "/api/v1/audit",
       Role::admin,
       "Show who changed what",
       schema::json_schema<AuditArguments>,
       answers(audit),
       {},
       Names{},
       run,
       "audit --newest 10"},
  };
}

std::vector<Verb> all() {
  std::vector<Verb> verbs;
  for (const auto part :
       {lists, finding, filters, reading, rendering, life, kept, places, watching, using_it, ending})
    for (Verb& verb : part()) verbs.push_back(std::move(verb));
  return verbs;
}

}  // namespace

const std::vector<Verb>& table() {
  static const std::vector<Verb> verbs = all();
  return verbs;
}

}  // namespace mlib::verbs
