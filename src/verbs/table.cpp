#include "verbs/asking.hpp"
#include "verbs/capacity.hpp"
#include "verbs/deploying.hpp"
#include "verbs/deployments.hpp"
#include "verbs/journal.hpp"
#include "verbs/namespaces.hpp"
#include "verbs/outdated.hpp"
#include "verbs/reachable.hpp"
#include "verbs/revisions.hpp"
#include "verbs/table_parts.hpp"

namespace mlib::verbs {
namespace {

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
       "diff TEMPLATE --name demo --set threads=4",
       {},
       {"0 nothing differs, 1 something does; above 1 an error: 9 the target failed, others as everywhere",
        [](Kind kind) { return kind == Kind::failed ? 9 : exit_code(kind); }}},
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
       "wait demo --timeout 5m\nwait demo --for deleted",
       {},
       {"0 it is so, 1 it is not in time, or the deployment failed; others as everywhere",
        [](Kind kind) { return kind == Kind::timeout ? 1 : exit_code(kind); }}},
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
       "delete namespace team-a --target kubernetes --yes team-a"},
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
       {card_verbs, life, kept, places, watching, using_it, ending, bench_verbs, measure_verbs})
    for (Verb& verb : part()) verbs.push_back(std::move(verb));
  return verbs;
}

}  // namespace

const std::vector<Verb>& table() {
  static const std::vector<Verb> verbs = all();
  return verbs;
}

}  // namespace mlib::verbs
