#include "api/kube_watcher.hpp"

#include <fmt/format.h>

#include "api/fastapi.hpp"
#include "api/guards.hpp"
#include "api/kube_watcher_rows.hpp"
#include "base/text.hpp"
#include "render/adopt.hpp"
#include "verbs/deploying.hpp"
#include "verbs/deployments.hpp"
#include "verbs/names.hpp"

namespace mlib::api {
namespace {

using schema::Node;

struct DeployBody {
  std::string config;
  template <class D>
  void describe(D& d) {
    d.field("config", config, {.required = true});
  }
};

struct ListBody {
  std::string namespace_name;
  template <class D>
  void describe(D& d) {
    d.field("namespace", namespace_name, {.required = true});
  }
};

struct DeleteBody {
  std::string namespace_name, deployment_name;
  template <class D>
  void describe(D& d) {
    d.field("namespace", namespace_name, {.required = true});
    d.field("deployment_name", deployment_name, {.required = true});
  }
};

/// The body as a T, or why not, in FastAPI's words.
template <class T>
std::optional<net::Reply> read(const net::Received& received, T& value) {
  fastapi::Body body = fastapi::read_body(received);
  if (body.refusal) return std::move(body.refusal);
  if (body.is_text || !body.value || body.value->is_null()) {
    Path where;
    where.push_back({"body"});
    return fastapi::wrong_shape(
        {{body.is_text ? "model_attributes_type" : "missing", std::move(where), nullptr}});
  }
  Checker checker{"body"};
  checker.check(*body.value, T{});
  if (!checker.wrongs().empty()) return fastapi::wrong_shape(checker.wrongs());
  Taker::take(*body.value, value);
  return std::nullopt;
}

std::string called(const Node& object) {
  const std::string space = object.text_at({"metadata", "namespace"});
  return fmt::format("{} {}{}{}", object.text_at({"kind"}), space, space.empty() ? "" : "/",
                     object.text_at({"metadata", "name"}));
}

/// {"successful": [...], "failed": [...]}, both always.
net::Reply lists(Node successful, Node failed) {
  Node body = Node::map();
  body.set("successful", std::move(successful));
  body.set("failed", std::move(failed));
  return fastapi::json_reply(200, schema::to_json(body));
}

std::string text_of(const Problem& problem) {
  std::string text = problem.kind() == Kind::conflict ? "(409)\nReason: Conflict\n" : "";
  text += problem.message();
  for (const Finding& finding : problem.findings()) text += "\n" + finding.message;
  return problem.hint().empty() ? text : text + "\nhint: " + problem.hint();
}

/// All of the config, refused; with the values of its Secrets masked.
net::Reply all_failed(const std::string& config, const Problem& problem) {
  std::vector<Finding> unread;
  std::vector<Node> documents = verbs::masked(schema::read_yaml({"config", config}, unread));
  Node failed = Node::list();
  for (const Node& each : documents) {
    if (each.is_null()) continue;
    Node entry = Node::map();
    entry.set("yaml", schema::to_yaml(each));
    entry.set("error", text_of(problem));
    failed.push(std::move(entry));
  }
  return lists(Node::list(), std::move(failed));
}

net::Reply not_yaml(const Problem& problem) {
  std::vector<fastapi::Detail> details;
  for (const Finding& finding : problem.findings()) {
    Path where;
    where.push_back({"body"});
    where.push_back({"config"});
    details.push_back({"value_error", std::move(where), to_text(finding), {}});
  }
  return fastapi::refused(details);
}

}  // namespace

void KubeWatcherFacade::tell(const std::string& line) const {
  if (options_.log) options_.log("kube-watcher: " + line);
}

net::Reply KubeWatcherFacade::deploy(const std::string& config, const Cancel& cancel) const {
  std::vector<Finding> findings;
  schema::read_yaml({"config", config}, findings);
  if (!findings.empty()) return not_yaml(Problem(Kind::invalid, "", "", std::move(findings)));
  try {
    const std::shared_ptr<const cards::Library> library = world_.shelf.library();
    verbs::Adoption adoption;
    adoption.objects = render::adopt(config, *library, world_.policy);
    adoption.target = options_.target;
    const render::Identity identity = adoption.objects.identity;
    Node successful = Node::list();
    for (const Node& object : adoption.objects.rendered.objects) successful.push(called(object));
    verbs::deploy_adopted(world_, options_.caller, std::move(adoption), cancel);
    tell(fmt::format("deployed {}/{}", identity.namespace_name, identity.name));
    return lists(std::move(successful), Node::list());
  } catch (const Problem& problem) {
    tell("refused a config: " + text_of(problem));
    return all_failed(config, problem);
  }
}

net::Reply KubeWatcherFacade::list(const std::string& namespace_name) const {
  Node rows = Node::map();
  for (const store::Deployment& record : world_.store.list(namespace_name)) {
    if (record.namespace_name != namespace_name) continue;
    const auto target = verbs::target_of(world_, record.target).second({});
    kube_watcher::add_rows(record, target->observe({record.namespace_name, record.name}), rows);
  }
  return fastapi::json_reply(200, schema::to_json(rows));
}

net::Reply KubeWatcherFacade::remove(const std::string& namespace_name, const std::string& row,
                                     const Cancel& cancel) const {
  try {
    for (const store::Deployment& record : world_.store.list(namespace_name)) {
      if (record.namespace_name != namespace_name || !kube_watcher::has_row(record, row)) continue;
      verbs::DeleteArguments arguments;
      arguments.name = record.name;
      arguments.namespace_name = namespace_name;
      verbs::delete_deployment(
          world_, options_.caller, arguments, [](const Node&) { return true; }, cancel);
      tell(fmt::format("deleted {}/{}; its storage is kept", namespace_name, record.name));
      return fastapi::json_reply(200, "true");
    }
    tell(fmt::format("there is no {}/{} to delete", shortened(namespace_name, 64), shortened(row, 64)));
  } catch (const Problem& problem) {
    tell(fmt::format("{}/{} could not be deleted: {}", namespace_name, row, text_of(problem)));
  }
  return fastapi::json_reply(200, "false");
}

net::Reply KubeWatcherFacade::dispatch(const net::Received& received) const {
  static constexpr std::string_view prefix = "/v1/";
  const std::string_view path = received.path;
  const std::string_view call = path.starts_with(prefix) ? path.substr(prefix.size()) : "";
  const bool known = call == "deploy_generic_model" || call == "list_deepsparse_deployments" ||
                     call == "delete_deepsparse_model";
  if (!known) return fastapi::text_detail(404, "Not Found");
  if (received.method != "POST") {
    net::Reply reply = fastapi::text_detail(405, "Method Not Allowed");
    reply.headers.emplace_back("allow", "POST");
    return reply;
  }
  if (!options_.keys.empty() && !options_.keys.admit(received)) {
    net::Reply reply =
        fastapi::text_detail(401, "a key is missing or wrong: X-API-KEY: KEY, or Authorization: Bearer KEY");
    reply.headers.emplace_back("www-authenticate", "Bearer");
    return reply;
  }
  if (is_cross_site(received))
    return fastapi::text_detail(403, "the request comes from a page of another origin");
  const Cancel never;
  const Cancel& cancel = received.cancel == nullptr ? never : *received.cancel;
  if (call == "deploy_generic_model") {
    DeployBody body;
    if (auto refusal = read(received, body)) return *std::move(refusal);
    return deploy(body.config, cancel);
  }
  if (call == "list_deepsparse_deployments") {
    ListBody body;
    if (auto refusal = read(received, body)) return *std::move(refusal);
    return list(body.namespace_name);
  }
  DeleteBody body;
  if (auto refusal = read(received, body)) return *std::move(refusal);
  return remove(body.namespace_name, body.deployment_name, cancel);
}

net::Reply KubeWatcherFacade::handle(const net::Received& received) const {
  try {
    return dispatch(received);
  } catch (const Problem& problem) {
    tell(text_of(problem));
    return fastapi::text_detail(http_status(problem.kind()), text_of(problem));
  } catch (const std::exception& error) {
    tell(fmt::format("{} {}: {}", received.method, received.path, error.what()));
  }
  return fastapi::text_detail(500, "a defect of ours: it was written to the log");
}

}  // namespace mlib::api
