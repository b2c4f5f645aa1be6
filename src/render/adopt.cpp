#include "render/adopt.hpp"

#include <fmt/format.h>

#include <set>

#include "base/text.hpp"
#include "render/objects.hpp"
#include "render/own.hpp"
#include "render/weights.hpp"

namespace mlib::render {
namespace {

constexpr std::string_view source_name = "config";

[[noreturn]] void refuse(const std::string& why, const std::string& hint) {
  throw Problem(Kind::invalid, "the config makes no deployment: " + why, hint);
}

bool is_workload(const Node& object) {
  const std::string kind = object.text_at({"kind"});
  return kind == "Deployment" || kind == "StatefulSet";
}

std::vector<Node> documents_of(const std::string& text) {
  std::vector<Node> documents = schema::read_yaml({std::string(source_name), text});
  std::erase_if(documents, [](const Node& each) { return each.is_null(); });
  if (documents.empty()) refuse("it is empty", "");
  for (const Node& each : documents)
    if (!each.is_map()) refuse("it has a document that is no object", "");
  return documents;
}

std::string namespace_of(const std::vector<Node>& objects) {
  std::set<std::string> names;
  for (const Node& object : objects) {
    const bool space = object.text_at({"kind"}) == "Namespace";
    const std::string name = object.text_at({"metadata", space ? "name" : "namespace"});
    if (!name.empty()) names.insert(name);
  }
  if (names.empty()) refuse("no object says its namespace", "give metadata.namespace");
  if (names.size() > 1)
    refuse("its objects are in several namespaces: " + join({names.begin(), names.end()}, ", "),
           "a deployment is in one");
  if (!is_dns_label(*names.begin())) refuse("its namespace is not a valid name", "");
  return *names.begin();
}

std::string name_of(const std::vector<Node>& objects) {
  std::string name;
  for (const Node& object : objects) {
    if (!is_workload(object)) continue;
    if (!name.empty()) refuse("it has several Deployments", "send one at a time");
    name = object.text_at({"metadata", "name"});
    if (!is_dns_label(name)) refuse("the name of its Deployment is not valid", "");
  }
  if (name.empty()) refuse("it has no Deployment", "");
  return name;
}

/// Volumes of the library's weights that lie in folders.
Node weights_volumes(const cards::Library& library) {
  Node volumes = Node::list();
  for (const cards::Model& model : library.models)
    for (const cards::Source& source : model.spec.sources) {
      if (!source.uri.starts_with("file://")) continue;
      try {
        const Weights weights = weights_of(source, {});
        for (const Node& each : weights.volumes.items()) volumes.push(each);
      } catch (const Problem&) {
        continue;  // a folder that no deployment may mount
      }
    }
  return volumes;
}

Endpoint endpoint_of(const std::vector<Node>& objects, const cards::Framework* framework) {
  Endpoint endpoint;
  endpoint.port = container_port(objects);
  if (framework != nullptr) endpoint.health_path = framework->spec.health.path;
  if (endpoint.health_path) return endpoint;
  for (const Node& object : objects)
    if (is_workload(object))
      for (const std::string_view probe : {"readinessProbe", "startupProbe", "livenessProbe"}) {
        const std::string path =
            object.text_at({"spec", "template", "spec", "containers", "0", probe, "httpGet", "path"});
        if (!path.empty() && !endpoint.health_path) endpoint.health_path = path;
      }
  return endpoint;
}

std::string label_of(const std::vector<Node>& objects, std::string_view label) {
  for (const Node& object : objects)
    if (is_workload(object)) return object.text_at({"metadata", "labels", label});
  return "";
}

}  // namespace

Adopted adopt(const std::string& text, const cards::Library& library, const PolicyFile& policy) {
  std::vector<Node> objects = documents_of(text);
  Adopted adopted;
  adopted.identity.namespace_name = namespace_of(objects);
  adopted.identity.name = name_of(objects);
  adopted.identity.user = adopted.identity.namespace_name;
  Rendered& rendered = adopted.rendered;
  const cards::Framework* framework = library.framework(label_of(objects, "app.kubernetes.io/name"));
  const cards::Template* card = library.find_template(label_of(objects, "model-library/template"));
  if (framework != nullptr) rendered.framework = framework->metadata.name;
  rendered.template_name = card == nullptr ? std::string(foreign_objects) : card->metadata.name;
  if (card != nullptr) rendered.model = card->spec.model;

  cards::Framework source;
  source.manifest_file = source_name;
  source.manifest_text = text;
  const Labels labels{rendered.framework, framework == nullptr ? "" : framework->spec.version,
                      card == nullptr ? "" : card->metadata.name};
  objects = with_identity(std::move(objects), adopted.identity, labels);
  harden(objects);
  Grounds grounds;
  grounds.namespace_name = adopted.identity.namespace_name;
  grounds.framework = foreign_objects;
  grounds.allowed = lifted(policy, foreign_objects);
  grounds.weights_volumes = weights_volumes(library);
  check_objects(objects, grounds, "the config", source);
  rendered.endpoint = endpoint_of(objects, framework);
  rendered.objects = std::move(objects);
  return adopted;
}

}  // namespace mlib::render
