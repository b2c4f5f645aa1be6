#include "api/openapi.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/app.hpp"
#include "api/original_cards.hpp"
#include "base/text.hpp"

namespace mlib::api {
namespace {

using schema::Node;

Node content(std::string_view media_type, Node schema) {
  Node media = Node::map();
  media.set("schema", std::move(schema));
  Node by_type = Node::map();
  by_type.set(media_type, std::move(media));
  return by_type;
}

Node answer(std::string_view description) {
  Node made = Node::map();
  made.set("description", description);
  return made;
}

Node reference(std::string_view to) {
  Node made = Node::map();
  made.set("$ref", to);
  return made;
}

Node typed(std::string_view type) {
  Node made = Node::map();
  made.set("type", type);
  return made;
}

bool is_in_path(std::string_view path, std::string_view name) {
  return path.find(fmt::format("{{{}}}", name)) != std::string_view::npos;
}

bool is_required(const Node& schema, std::string_view name) {
  const Node* required = schema.find("required");
  if (required == nullptr) return false;
  return std::any_of(required->items().begin(), required->items().end(),
                     [&](const Node& each) { return each.string() == name; });
}

Node parameter(std::string_view place, const std::string& name, Node schema, bool required) {
  Node made = Node::map();
  made.set("name", name);
  made.set("in", place);
  if (const std::string help = schema.text_at({"description"}); !help.empty()) {
    made.set("description", help);
    schema.erase("description");
  }
  if (required) made.set("required", true);
  if (schema.text_at({"type"}) == "object") {
    made.set("style", "deepObject");
    made.set("explode", true);
  }
  made.set("schema", std::move(schema));
  return made;
}

/// `get templates` → `getTemplates`.
std::string operation_id(std::string_view name) {
  std::string id;
  bool upper = false;
  for (const char c : name) {
    const bool break_here = c == ' ' || c == '-' || c == '_' || c == '/' || c == '.' || c == '{' || c == '}';
    if (!break_here) id += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = break_here && !id.empty();
  }
  return id;
}

void add_responses(Node& operation, const verbs::Verb& verb) {
  Node ok = answer(verb.stream ? "What happened, one event each" : "The answer");
  Node by_type = content("application/json", Node::map());
  if (verb.stream)
    for (const std::string_view type : {"application/jsonl", "text/event-stream"})
      by_type.set(type, *content(type, typed("string")).find(type));
  ok.set("content", std::move(by_type));
  operation.child("responses").set("200", std::move(ok));
  operation.child("responses").set("default", reference("#/components/responses/Problem"));
}

Node operation_of(const Route& route) {
  const verbs::Verb& verb = *route.verb;
  Node operation = Node::map();
  operation.set("operationId", operation_id(verb.name));
  operation.set("summary", verb.summary);
  Node parameters = Node::list();
  Node body = typed("object");
  body.set("properties", Node::map());
  for (const schema::Entry& entry : route.schema.find("properties")->entries()) {
    if (entry.value.text_at({"format"}) == "local") continue;
    const bool required = is_required(route.schema, entry.key);
    if (is_in_path(route.path, entry.key)) {
      parameters.push(parameter("path", entry.key, entry.value, true));
    } else if (verb.method != verbs::Method::post) {
      if (entry.value.find("writeOnly") != nullptr) continue;  // a secret is not taken from an address
      parameters.push(parameter("query", entry.key, entry.value, required));
    } else {
      body.child("properties").set(entry.key, entry.value);
      if (!required) continue;
      if (body.find("required") == nullptr) body.set("required", Node::list());
      body.find("required")->push(entry.key);
    }
  }
  body.set("additionalProperties", false);
  if (!parameters.items().empty()) operation.set("parameters", std::move(parameters));
  if (verb.method == verbs::Method::post) {
    const bool required = body.find("required") != nullptr;
    Node request = Node::map();
    if (required) request.set("required", true);
    request.set("content", content("application/json", std::move(body)));
    operation.set("requestBody", std::move(request));
  }
  add_responses(operation, verb);
  return operation;
}

Node request_body(std::string_view component) {
  Node request = Node::map();
  request.set("required", true);
  request.set("content",
              content("application/json", reference(fmt::format("#/components/schemas/{}", component))));
  return request;
}

Node fixed_operation(const Route& route) {
  Node operation = Node::map();
  operation.set("operationId", operation_id(route.method == "GET" ? "get" + route.path : route.path));
  operation.set("summary", route.summary);
  Node ok = answer("The answer");
  std::string_view media = "application/json";
  Node schema = Node::map();
  if (route.fixed == Fixed::get_all) schema = reference("#/components/schemas/Catalogue");
  if (route.fixed == Fixed::create) schema = typed("string");
  if (route.fixed == Fixed::validate_template) schema = typed("boolean");
  if (route.fixed == Fixed::metrics) media = "text/plain";
  if (route.fixed == Fixed::docs || route.fixed == Fixed::problem) media = "text/html";
  if (route.fixed == Fixed::create) operation.set("requestBody", request_body("Create"));
  if (route.fixed == Fixed::validate_template)
    operation.set("requestBody", request_body("ModelDeploymentTemplateCard"));
  if (route.fixed == Fixed::problem) {
    operation.set("parameters", Node::list());
    operation.find("parameters")->push(parameter("path", "slug", typed("string"), true));
  }
  ok.set("content", content(media, std::move(schema)));
  operation.child("responses").set("200", std::move(ok));
  if (route.method == "POST")
    operation.child("responses").set("422", answer("Every wrong place, in FastAPI's words"));
  return operation;
}

Node problem_schema() {
  Node schema = typed("object");
  for (const std::string_view name : {"type", "title", "detail", "hint"})
    schema.child("properties").set(name, typed("string"));
  schema.child("properties").set("status", typed("integer"));
  Node finding = typed("object");
  for (const std::string_view name : {"fault", "level", "file", "pointer", "message", "hint"})
    finding.child("properties").set(name, typed("string"));
  for (const std::string_view name : {"line", "column"})
    finding.child("properties").set(name, typed("integer"));
  Node findings = typed("array");
  findings.set("items", std::move(finding));
  schema.child("properties").set("findings", std::move(findings));
  return schema;
}

/// Unknown fields are ignored by the original's calls.
template <class T>
Node original_schema() {
  Node schema = schema::json_schema<T>();
  schema.erase("additionalProperties");
  return schema;
}

Node components() {
  Node schemas = Node::map();
  schemas.set("Problem", problem_schema());
  schemas.set("Catalogue", original_schema<original::Catalogue>());
  schemas.set("ModelDeploymentTemplateCard", original_schema<original::ModelDeploymentTemplateCard>());
  schemas.set("Create", original_schema<original::Create>());
  Node problem = answer("What went wrong, where, and what would be right (RFC 9457)");
  problem.set("content", content("application/problem+json", reference("#/components/schemas/Problem")));
  Node made = Node::map();
  made.set("schemas", std::move(schemas));
  made.child("responses").set("Problem", std::move(problem));
  return made;
}

}  // namespace

Node openapi_of(const Routes& routes) {
  Node document = Node::map();
  document.set("openapi", "3.1.0");
  document.child("info").set("title", "Model Library");
  document.child("info").set("version", MLIB_VERSION);
  Node& paths = document.child("paths");
  for (const Route& route : routes.all()) {
    Node operation = route.verb == nullptr ? fixed_operation(route) : operation_of(route);
    paths.child(route.path).set(lower(route.method), std::move(operation));
  }
  document.set("components", components());
  return document;
}

std::string openapi_document() { return schema::to_json(openapi_of(Routes()), 2) + '\n'; }

}  // namespace mlib::api
