#include "api/original.hpp"

#include <fmt/format.h>

#include "api/fastapi.hpp"
#include "api/original_cards.hpp"
#include "api/shape.hpp"
#include "base/text.hpp"
#include "cards/parameter.hpp"

namespace mlib::api::original {
namespace {

using fastapi::Body;
using fastapi::Detail;
using render::Layer;

const Node* last(std::string_view name, std::initializer_list<const Dict<Node>*> later_wins) {
  const Node* found = nullptr;
  for (const Dict<Node>* params : later_wins)
    for (const auto& [key, value] : *params)
      if (key == name) found = &value;
  return found;
}

Path path(std::initializer_list<std::string_view> steps) {
  Path made;
  for (const std::string_view step : steps) made.push_back({std::string(step)});
  return made;
}

constexpr std::string_view label_rule =
    "a name is 1 to 63 characters a-z, 0-9 and -, beginning and ending with a letter or digit";

/// The user and the deployment's name, checked.
render::Identity identity_of(Create& asked, std::vector<Detail>& details) {
  render::Identity identity;
  identity.user = asked.user.id;
  identity.namespace_name = asked.user.namespace_name;
  identity.api_key = Secret<std::string>(std::move(asked.user.api_key));
  if (!is_dns_label(identity.namespace_name))
    details.push_back({"value_error", path({"body", "user", "namespace"}),
                       fmt::format("not a valid namespace: {}", label_rule),
                       shortened(identity.namespace_name, 64)});
  const Dict<Node>& params = asked.template_card.params;
  const Node* name = last("deployment_name", {&asked.template_card.model_card.params,
                                              &asked.template_card.deployment_card.params, &params});
  const Path where = path({"body", "template", "params", "deployment_name"});
  if (name == nullptr) {
    details.push_back({"missing_value", where, "no card gives `deployment_name` a value", {}});
  } else if (!name->is_string() || !is_dns_label(name->string())) {
    const Node shown = name->is_string() ? Node(shortened(name->string(), 64)) : Node();
    details.push_back({"value_error", where, fmt::format("not a valid name: {}", label_rule), shown});
  } else {
    identity.name = name->string();
  }
  return identity;
}

const cards::Framework* framework_of(const View& view, const Create& asked, std::vector<Detail>& details) {
  const std::string& name = asked.template_card.model_card.architecture.deployment_yaml;
  if (const auto found = view.manifests.find(name); found != view.manifests.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [each, framework] : view.manifests) known.push_back(each);
  std::string message = fmt::format("no manifest `{}` in this library", shortened(name, 64));
  if (const std::string near = suggestion(name, known); !near.empty()) message += ": " + near;
  details.push_back({"value_error",
                     path({"body", "template", "model_card", "architecture", "deployment_yaml"}),
                     std::move(message), shortened(name, 64)});
  return nullptr;
}

/// One of our own templates (the original's have no weights to bring along): by id, else by its model.
const cards::Template* own_template(const cards::Library& library, const ModelDeploymentTemplateCard& card) {
  const cards::Template* found = library.find_template(card.id);
  if (found == nullptr)
    for (const cards::Template& each : library.templates)
      if (found == nullptr && each.spec.model == card.model_card.id) found = &each;
  return found != nullptr && !found->spec.original ? found : nullptr;
}

/// The parameters that the framework knows, later ones winning; the others are ignored, as by the original.
Dict<Node> overrides_of(const std::vector<Layer>& layers, const cards::Framework& framework) {
  Dict<Node> overrides;
  for (const Layer& layer : layers)
    for (const auto& [name, value] : layer.values) {
      if (cards::find(framework.spec.parameters, name) == nullptr) continue;
      std::erase_if(overrides, [&, &name = name](const auto& entry) { return entry.first == name; });
      overrides.emplace_back(name, value);
    }
  return overrides;
}

render::Rendered rendered(const View& view, Create& asked, const cards::Framework& framework,
                          const render::Identity& identity, const render::PolicyFile& policy) {
  ModelDeploymentTemplateCard& card = asked.template_card;
  std::vector<Layer> layers;
  layers.reserve(4);  // and the framework's
  layers.push_back({"model " + card.model_card.id, std::move(card.model_card.params)});
  layers.push_back({"deployment " + card.deployment_card.id, std::move(card.deployment_card.params)});
  layers.push_back({"template " + card.id, std::move(card.params)});
  const cards::Template* own = framework.spec.original ? nullptr : own_template(*view.library, card);
  if (own == nullptr) return render::render_layers(framework, std::move(layers), identity, policy);
  return render::render(*view.library,
                        {.template_name = own->metadata.name,
                         .identity = identity,
                         .overrides = overrides_of(layers, framework)},
                        policy);
}

/// What the original answered with 500: why the cards make no objects.
net::Reply refusal_of(const Problem& problem) {
  if (http_status(problem.kind()) >= 500) return fastapi::text_detail(503, problem.message());
  std::vector<Detail> details;
  for (const Finding& finding : problem.findings()) {
    Detail detail{finding.fault == Fault::missing ? "missing_value" : "value_error",
                  path({"body", "template"}),
                  finding.message,
                  {}};
    detail.loc.insert(detail.loc.end(), finding.path.begin(), finding.path.end());
    if (details.size() < 100) details.push_back(std::move(detail));
  }
  if (details.empty()) details.push_back({"value_error", path({"body", "template"}), problem.message(), {}});
  return fastapi::refused(details);
}

/// `name` of the body, checked against T; a null is a missing one, as in FastAPI.
template <class T>
void check_part(const Node* body, std::string_view name, std::vector<Wrong>& wrongs) {
  const Node* part = body == nullptr ? nullptr : body->find(name);
  if (part == nullptr || part->is_null()) {
    wrongs.push_back({"missing", path({"body", name}), nullptr});
    return;
  }
  Checker checker{"body", name};
  checker.check(*part, T{});
  wrongs.insert(wrongs.end(), checker.wrongs().begin(), checker.wrongs().end());
}

}  // namespace

net::Reply get_all(const View& view, const net::Received& received) {
  net::Reply reply;
  reply.headers.emplace_back("etag", view.etag);
  if (received.header("if-none-match") == view.etag) {
    reply.status = 304;
    return reply;
  }
  reply.headers.emplace_back("content-type", "application/json");
  reply.shared_body = view.get_all;
  return reply;
}

net::Reply create(const View& view, const net::Received& received, const render::PolicyFile& policy) {
  Body body = fastapi::read_body(received);
  if (body.refusal) return *std::move(body.refusal);
  std::vector<Wrong> wrongs;
  const Node* value = body.value ? &*body.value : nullptr;
  check_part<ModelDeploymentTemplateCard>(value, "template", wrongs);
  check_part<UserInformation>(value, "user", wrongs);
  if (!wrongs.empty()) return fastapi::wrong_shape(wrongs);

  Create asked;
  Taker::take(*body.value, asked);
  std::vector<Detail> details;
  const cards::Framework* framework = framework_of(view, asked, details);
  const render::Identity identity = identity_of(asked, details);
  if (!details.empty()) return fastapi::refused(details);
  try {
    const render::Rendered objects = rendered(view, asked, *framework, identity, policy);
    // The client's own key comes back to it, inside a Secret.
    return fastapi::json_reply(200, schema::to_json(Node(render::to_manifest(objects, true))));
  } catch (const Problem& problem) {
    return refusal_of(problem);
  }
}

net::Reply validate_template(const net::Received& received) {
  Body body = fastapi::read_body(received);
  if (body.refusal) return *std::move(body.refusal);
  if (body.is_text) return fastapi::wrong_shape({{"model_attributes_type", path({"body"}), nullptr}});
  if (!body.value || body.value->is_null())
    return fastapi::wrong_shape({{"missing", path({"body"}), nullptr}});
  Checker checker{"body"};
  checker.check(*body.value, ModelDeploymentTemplateCard{});
  if (!checker.wrongs().empty()) return fastapi::wrong_shape(checker.wrongs());
  return fastapi::json_reply(200, "true");
}

}  // namespace mlib::api::original
