#pragma once
#include <optional>
#include <string>
#include <vector>

#include "schema/describe.hpp"

/// The original's cards as its clients send and get them: fields, order and required fields are its contract.
namespace mlib::api::original {

using schema::Dict;
using schema::Node;

struct ArchitectureCard {
  std::string id;
  std::string deployment_yaml;
  std::string name;
  std::string description;
  Dict<Node> tags;
  std::optional<std::string> health_endpoint;

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.required = true});
    d.field("deployment_yaml", deployment_yaml,
            {.help = "Name of the manifest; one of the catalogue's, never a path", .required = true});
    d.field("name", name, {.required = true});
    d.field("description", description, {.required = true});
    d.field("tags", tags, {.required = true});
    d.field("health_endpoint", health_endpoint, {.help = "Path that answers 200 when it is healthy"});
  }
};

struct ModelCard {
  std::string id;
  ArchitectureCard architecture;
  Dict<Node> params;

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.required = true});
    d.field("architecture", architecture, {.required = true});
    d.field("params", params, {.required = true});
  }
};

struct DeploymentCard {
  std::string id;
  Dict<Node> params;

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.required = true});
    d.field("params", params, {.required = true});
  }
};

struct BenchmarkCard {
  std::string id;
  std::string description;
  Dict<Node> results;

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.required = true});
    d.field("description", description, {.required = true});
    d.field("results", results, {.required = true});
  }
};

struct ModelDeploymentTemplateCard {
  std::string id;
  std::string name;
  std::string description;
  ModelCard model_card;
  std::optional<std::vector<BenchmarkCard>> benchmarks;
  DeploymentCard deployment_card;
  std::vector<DeploymentCard> viable_deployment_cards;
  Dict<Node> params;

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.required = true});
    d.field("name", name, {.required = true});
    d.field("description", description, {.required = true});
    d.field("model_card", model_card, {.required = true});
    d.field("benchmarks", benchmarks, {});
    d.field("deployment_card", deployment_card, {.required = true});
    d.field("viable_deployment_cards", viable_deployment_cards, {});
    d.field("params", params, {.required = true});
  }
};

struct UserInformation {
  std::string id;
  std::string namespace_name;
  std::string api_key;

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.required = true});
    d.field("namespace", namespace_name, {.required = true});
    d.field("API_key", api_key, {.required = true, .secret = true});
  }
};

/// The body of POST /create.
struct Create {
  ModelDeploymentTemplateCard template_card;
  UserInformation user;

  template <class D>
  void describe(D& d) {
    d.field("template", template_card, {.required = true});
    d.field("user", user, {.required = true});
  }
};

/// The answer of GET /get_all.
struct Catalogue {
  std::vector<ArchitectureCard> architectures;
  std::vector<ModelCard> models;
  std::vector<DeploymentCard> deployments;
  std::vector<ModelDeploymentTemplateCard> templates;

  template <class D>
  void describe(D& d) {
    d.field("ArchitectureCard", architectures, {.required = true});
    d.field("ModelCard", models, {.required = true});
    d.field("DeploymentCard", deployments, {.required = true});
    d.field("ModelDeploymentTemplateCard", templates, {.required = true});
  }
};

}  // namespace mlib::api::original
