#include "render/render.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "render/contract.hpp"
#include "render/kubernetes.hpp"
#include "render/merge.hpp"
#include "render/objects.hpp"
#include "render/policy.hpp"
#include "render/substitute.hpp"
#include "render/weights.hpp"

namespace mlib::render {
namespace {

/// Secrets shorter than this may be in other texts by chance.
constexpr std::size_t telling_secret = 16;

/// What rendering starts from, once the cards are chosen.
struct Job {
  const cards::Framework& framework;
  const std::vector<Layer>& layers;
  const Identity& identity;
  const PolicyFile& policy;
  Strictness strictness = Strictness::strict;
  std::vector<cards::Source> sources = {};
  std::string template_name = {};
  std::string kubernetes_version = {};
  const Cards* cards = nullptr;  ///< what is rendered from a library is held to its contract
};

/// What is wrong: with the values and objects, and by the policy. Warnings refuse nothing by themselves.
struct Told {
  std::vector<Finding> wrong;
  std::vector<Finding> breaches;
  std::vector<Finding> warnings;
};

void add(std::vector<Finding>& to, std::vector<Finding> more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

/// Says everything at once, when there is anything to refuse.
void refuse(const Job& job, Told told) {
  if (told.wrong.empty() && told.breaches.empty()) return;
  const std::string& framework = job.framework.metadata.name;
  const bool forbidden = !told.breaches.empty();
  std::vector<Finding> all = std::move(told.breaches);
  add(all, std::move(told.wrong));
  add(all, std::move(told.warnings));
  if (forbidden)
    throw Problem(Kind::forbidden, fmt::format("the policy refuses the objects of framework {}", framework),
                  "", std::move(all));
  throw Problem(Kind::invalid, fmt::format("framework {} cannot be rendered with these values", framework),
                "", std::move(all));
}

std::vector<std::string> secret_texts(const Values& values) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : values) {
    if (!value.secret || !value.value.is_string() || value.value.string().size() < telling_secret) continue;
    texts.push_back(value.value.string());
    texts.push_back(base64(value.value.string()));
  }
  return texts;
}

/// Objects that lack what could not be filled in would only be found wrong once more: then this is the end.
std::vector<Node> substituted(const Job& job, const Values& values, const Told& before) {
  Report report(job.framework);
  Report secrets(job.framework);
  check_scripts(job.framework, report);
  std::vector<Node> objects = substitute(job.framework.manifest, values, report, secrets);
  if (report.findings.empty() && secrets.findings.empty()) return objects;
  Told told = before;
  add(told.wrong, std::move(report.findings));
  add(told.breaches, std::move(secrets.findings));
  refuse(job, std::move(told));
  return objects;
}

/// The same of weights.
std::optional<cards::Source> weights(const Job& job, Values& values, const Told& before) {
  try {
    return add_weights(values, job.framework, sources_in_force(values, job.sources));
  } catch (const Problem& problem) {
    if (before.wrong.empty()) throw;
    Told told = before;
    add(told.wrong, problem.findings());
    refuse(job, std::move(told));
    throw;
  }
}

void check(const Job& job, const std::vector<Node>& objects, const Values& values, Told& told) {
  Report breaches(job.framework);
  Grounds grounds;
  grounds.namespace_name = job.identity.namespace_name;
  grounds.framework = job.framework.metadata.name;
  grounds.allowed = lifted(job.policy, job.framework.metadata.name);
  grounds.weights_volumes = values.find("weights_volumes")->second.value;
  grounds.secrets = secret_texts(values);
  check_policy(objects, grounds, breaches);
  add(told.breaches, std::move(breaches.findings));
}

Rendered run(const Job& job) {
  const Schemas& schemas = Schemas::of(job.kubernetes_version);
  Told told;
  Values values = merge_values(job.framework, job.layers, job.identity, job.strictness, told.wrong);
  const bool whole = told.wrong.empty();
  if (job.cards != nullptr) hold_to_contract(*job.cards, values, told.wrong, told.warnings);
  if (!whole) refuse(job, std::move(told));
  const std::optional<cards::Source> source = weights(job, values, told);

  std::vector<Node> objects = substituted(job, values, told);
  const bool fetches = !values.find("weights_init")->second.value.items().empty();
  if (source && !fetches) drop_unused_claims(objects);
  const Labels labels{job.framework.metadata.name, job.framework.spec.version, job.template_name};
  objects = with_identity(std::move(objects), job.identity, labels);
  harden(objects);
  Report report(job.framework);
  for (Node& object : objects) schemas.fit(object, report);
  check(job, objects, values, told);
  check_names(objects, report);
  add(told.wrong, std::move(report.findings));
  refuse(job, told);

  Rendered rendered;
  const int port = container_port(objects);
  rendered.endpoint = {port > 0 ? port : job.framework.spec.health.port, job.framework.spec.health.path};
  rendered.objects = std::move(objects);
  rendered.values = std::move(values);
  rendered.warnings = std::move(told.warnings);
  if (source) rendered.weights.push_back(*source);
  if (source) rendered.weights_folder = std::string(weights_mount);
  rendered.framework = job.framework.metadata.name;
  rendered.template_name = job.template_name;
  return rendered;
}

void check_viable(const cards::Template& chosen, const std::string& hardware) {
  if (hardware.empty() || hardware == chosen.spec.hardware) return;
  const auto& viable = chosen.spec.viable_hardware;
  if (std::find(viable.begin(), viable.end(), hardware) != viable.end()) return;
  std::vector<std::string> known{chosen.spec.hardware};
  for (const std::string& each : viable)
    if (each != chosen.spec.hardware) known.push_back(each);
  throw Problem(Kind::invalid,
                fmt::format("template {} is not made for hardware {}", chosen.metadata.name, hardware),
                "it runs on: " + join(known, ", "));
}

}  // namespace

Rendered render(const cards::Library& library, const Request& request, const PolicyFile& policy) {
  const cards::Template& chosen = library.get_template(request.template_name);
  const cards::Model& model = library.get_model(chosen.spec.model);
  const cards::Framework& framework = library.framework_of(chosen);
  const std::vector<Layer> all = layers(library, request);
  check_viable(chosen, request.hardware);
  const Cards cards{framework, model,
                    library.get_hardware(request.hardware.empty() ? chosen.spec.hardware : request.hardware),
                    chosen};
  Rendered rendered = run({.framework = framework,
                           .layers = all,
                           .identity = request.identity,
                           .policy = policy,
                           .sources = model.spec.sources,
                           .template_name = chosen.metadata.name,
                           .kubernetes_version = request.kubernetes_version,
                           .cards = &cards});
  rendered.model = model.metadata.name;
  rendered.hardware = request.hardware.empty() ? chosen.spec.hardware : request.hardware;
  return rendered;
}

Rendered render_layers(const cards::Framework& framework, std::vector<Layer> layers, const Identity& identity,
                       const PolicyFile& policy) {
  layers.insert(layers.begin(), defaults(framework));
  return run({.framework = framework,
              .layers = layers,
              .identity = identity,
              .policy = policy,
              .strictness = Strictness::lenient});
}

std::string to_manifest(const Rendered& rendered, bool show_secrets) {
  if (show_secrets) return schema::to_yaml(rendered.objects);
  std::vector<Node> masked = rendered.objects;
  for (Node& object : masked) {
    if (object.text_at({"kind"}) != "Secret") continue;
    for (const std::string_view part : {"data", "stringData"})
      if (Node* data = object.find(part); data != nullptr && data->is_map())
        for (schema::Entry& entry : data->entries()) entry.value = "***";
  }
  return schema::to_yaml(masked);
}

}  // namespace mlib::render
