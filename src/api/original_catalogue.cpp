#include "api/original_catalogue.hpp"

#include <algorithm>
#include <limits>

#include "api/shape.hpp"
#include "base/text.hpp"
#include "cards/facts.hpp"

namespace mlib::api::original {
namespace {

template <class Card>
std::string id_of(const Card& card) {
  return card.spec.original ? card.spec.original->id : card.metadata.name;
}

template <class Card>
std::string title_of(const Card& card) {
  return card.metadata.title.empty() ? card.metadata.name : card.metadata.title;
}

/// The original's cards by their place, then the others by name.
template <class Card>
std::vector<const Card*> in_order(const std::vector<Card>& cards) {
  std::vector<const Card*> order;
  for (const Card& card : cards) order.push_back(&card);
  const auto place = [](const Card* card) {
    return card->spec.original ? card->spec.original->order : std::numeric_limits<int>::max();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const Card* a, const Card* b) { return place(a) < place(b); });
  return order;
}

void add(Dict<Node>& params, const std::string& name, const Node& value) {
  const auto same = [&](const auto& entry) { return entry.first == name; };
  if (std::none_of(params.begin(), params.end(), same)) params.emplace_back(name, value);
}

/// The facts that the framework's parameters take from cards called `side` ("hardware.", "model.").
void add_facts(Dict<Node>& params, const cards::Framework& framework, const cards::Model& model,
               const cards::Hardware& hardware, std::string_view side) {
  for (const auto& [name, parameter] : framework.spec.parameters) {
    if (!parameter.from.starts_with(side)) continue;
    if (std::optional<Node> value = cards::fact(parameter.from, framework, model, hardware))
      add(params, name, *value);
  }
}

ArchitectureCard architecture_of(const cards::Framework& framework) {
  ArchitectureCard card;
  card.id = id_of(framework);
  card.name = title_of(framework);
  card.description = framework.metadata.description;
  if (framework.spec.original) {
    card.deployment_yaml = framework.spec.original->deployment_yaml;
    if (framework.spec.original->tags.is_map())
      for (const schema::Entry& tag : framework.spec.original->tags.entries())
        card.tags.emplace_back(tag.key, tag.value);
  } else {
    for (const auto& [key, value] : framework.metadata.labels) card.tags.emplace_back(key, value);
  }
  if (card.deployment_yaml.empty()) card.deployment_yaml = framework.metadata.name;
  card.health_endpoint = framework.spec.health.path;
  if (card.health_endpoint && card.health_endpoint->starts_with('/')) card.health_endpoint->erase(0, 1);
  return card;
}

ModelCard model_of(const cards::Framework& framework, const cards::Model& model) {
  ModelCard card;
  card.id = id_of(model);
  card.architecture = architecture_of(framework);
  card.params = model.spec.values;
  if (!model.spec.original) add_facts(card.params, framework, model, {}, "model.");
  return card;
}

/// Hardware says what it is in the words of the framework it is listed for.
DeploymentCard deployment_of(const cards::Hardware& hardware,
                             const std::vector<const cards::Framework*>& frameworks) {
  DeploymentCard card;
  card.id = id_of(hardware);
  card.params = hardware.spec.values;
  if (hardware.spec.original) return card;
  for (const cards::Framework* framework : frameworks)
    add_facts(card.params, *framework, {}, hardware, "hardware.");
  return card;
}

ModelDeploymentTemplateCard template_of(const cards::Library& library, const cards::Template& card) {
  ModelDeploymentTemplateCard listed;
  const cards::Model& model = library.get_model(card.spec.model);
  const std::vector<const cards::Framework*> framework{&library.framework_of(card)};
  listed.id = id_of(card);
  listed.name = title_of(card);
  listed.description = card.metadata.description;
  listed.model_card = model_of(*framework.front(), model);
  listed.deployment_card = deployment_of(library.get_hardware(card.spec.hardware), framework);
  for (const std::string& name : card.spec.viable_hardware)
    listed.viable_deployment_cards.push_back(deployment_of(library.get_hardware(name), framework));
  listed.params = card.spec.values;
  if (!card.spec.original) add(listed.params, "deployment_name", card.metadata.name);
  std::vector<BenchmarkCard> benchmarks;
  for (const cards::Benchmark& each : card.spec.benchmarks) {
    BenchmarkCard benchmark{each.id, each.description, {}};
    if (each.results.is_map())
      for (const schema::Entry& entry : each.results.entries())
        benchmark.results.emplace_back(entry.key, entry.value);
    benchmarks.push_back(std::move(benchmark));
  }
  listed.benchmarks = std::move(benchmarks);
  return listed;
}

}  // namespace

Catalogue catalogue_of(const cards::Library& library) {
  Catalogue catalogue;
  const auto frameworks = in_order(library.frameworks);
  for (const cards::Framework* card : frameworks) catalogue.architectures.push_back(architecture_of(*card));
  for (const cards::Model* card : in_order(library.models))
    catalogue.models.push_back(model_of(library.get_framework(card->spec.framework), *card));
  for (const cards::Hardware* card : in_order(library.hardware))
    catalogue.deployments.push_back(deployment_of(*card, frameworks));
  for (const cards::Template* card : in_order(library.templates))
    catalogue.templates.push_back(template_of(library, *card));
  return catalogue;
}

std::shared_ptr<const View> view_of(std::shared_ptr<const cards::Library> library) {
  auto view = std::make_shared<View>();
  view->get_all = std::make_shared<const std::string>(schema::to_json(Lister::list(catalogue_of(*library))));
  view->etag = '"' + sha256_hex(*view->get_all).substr(0, 32) + '"';
  for (const cards::Framework& framework : library->frameworks) {
    view->manifests.emplace(framework.metadata.name, &framework);
    const std::string name = architecture_of(framework).deployment_yaml;
    view->manifests.insert_or_assign(name, &framework);
  }
  view->library = std::move(library);
  return view;
}

}  // namespace mlib::api::original
