#include "kube/paths.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace mlib::kube {

std::string to_text(const Id& id) {
  std::string text = id.kind;
  if (!id.namespace_name.empty() && !id.name.empty())
    return fmt::format("{} {}/{}", id.kind, id.namespace_name, id.name);
  if (!id.name.empty()) return fmt::format("{} {}", id.kind, id.name);
  return id.namespace_name.empty() ? id.kind : fmt::format("{} in {}", id.kind, id.namespace_name);
}

Id id_of(const Node& object) {
  return {object.text_at({"apiVersion"}), object.text_at({"kind"}), object.text_at({"metadata", "namespace"}),
          object.text_at({"metadata", "name"})};
}

const std::vector<Resource>& known_resources() {
  static const std::vector<Resource> rows{
      {"v1", "Namespace", "namespaces", false},
      {"v1", "Node", "nodes", false},
      {"v1", "PersistentVolume", "persistentvolumes", false},
      {"v1", "Pod", "pods"},
      {"v1", "Service", "services"},
      {"v1", "Secret", "secrets"},
      {"v1", "ConfigMap", "configmaps"},
      {"v1", "ServiceAccount", "serviceaccounts"},
      {"v1", "PersistentVolumeClaim", "persistentvolumeclaims"},
      {"v1", "Event", "events"},
      {"apps/v1", "Deployment", "deployments"},
      {"apps/v1", "ReplicaSet", "replicasets"},
      {"apps/v1", "StatefulSet", "statefulsets"},
      {"apps/v1", "DaemonSet", "daemonsets"},
      {"batch/v1", "Job", "jobs"},
      {"batch/v1", "CronJob", "cronjobs"},
      {"networking.k8s.io/v1", "Ingress", "ingresses"},
      {"networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"},
      {"policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"},
      {"autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"},
      {"storage.k8s.io/v1", "StorageClass", "storageclasses", false},
      {"authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", false},
  };
  return rows;
}

const Resource* known_resource(std::string_view api_version, std::string_view kind) {
  for (const Resource& row : known_resources())
    if (row.api_version == api_version && row.kind == kind) return &row;
  return nullptr;
}

std::string group_path(std::string_view api_version) {
  return api_version.find('/') == std::string_view::npos ? fmt::format("/api/{}", api_version)
                                                         : fmt::format("/apis/{}", api_version);
}

std::string path_of(const Resource& resource, const Id& id) {
  std::string path = group_path(resource.api_version);
  if (resource.namespaced && !id.namespace_name.empty())
    path += "/namespaces/" + percent_encoded(id.namespace_name);
  path += "/" + resource.plural;
  return id.name.empty() ? path : path + "/" + percent_encoded(id.name);
}

std::optional<Resource> find_resource(const Node& resource_list, std::string_view api_version,
                                      std::string_view kind) {
  const Node* resources = resource_list.find("resources");
  if (resources == nullptr || !resources->is_list()) return std::nullopt;
  for (const Node& each : resources->items()) {
    const std::string name = each.text_at({"name"});
    if (each.text_at({"kind"}) != kind || name.find('/') != std::string::npos) continue;
    const Node* namespaced = each.find("namespaced");
    return Resource{std::string(api_version), std::string(kind), name,
                    namespaced == nullptr || !namespaced->is_boolean() || namespaced->boolean()};
  }
  return std::nullopt;
}

std::vector<Resource> listable(const Node& resource_list, std::string_view api_version) {
  std::vector<Resource> found;
  const Node* resources = resource_list.find("resources");
  if (resources == nullptr || !resources->is_list()) return found;
  for (const Node& each : resources->items()) {
    const std::string name = each.text_at({"name"});
    const Node* namespaced = each.find("namespaced");
    const Node* verbs = each.find("verbs");
    if (name.find('/') != std::string::npos || namespaced == nullptr || !namespaced->is_boolean() ||
        !namespaced->boolean() || verbs == nullptr || !verbs->is_list())
      continue;
    for (const Node& verb : verbs->items())
      if (verb.is_string() && verb.string() == "list")
        found.push_back({std::string(api_version), each.text_at({"kind"}), name, true});
  }
  return found;
}

}  // namespace mlib::kube
