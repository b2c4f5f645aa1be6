#include "kube/rights.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mlib::kube {
namespace {

std::string group_of(const std::string& api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string::npos ? "" : api_version.substr(0, slash);
}

Node review_of(const Right& right, const Resource& resource) {
  Node attributes = Node::map();
  attributes.set("verb", right.verb);
  attributes.set("group", group_of(resource.api_version));
  attributes.set("resource", resource.plural);
  if (!right.subresource.empty()) attributes.set("subresource", right.subresource);
  if (resource.namespaced && !right.id.namespace_name.empty())
    attributes.set("namespace", right.id.namespace_name);
  if (!right.id.name.empty()) attributes.set("name", right.id.name);
  Node spec = Node::map();
  spec.set("resourceAttributes", std::move(attributes));
  Node review = Node::map();
  review.set("apiVersion", "authorization.k8s.io/v1");
  review.set("kind", "SelfSubjectAccessReview");
  review.set("spec", std::move(spec));
  return review;
}

std::string text_of(const Right& right, const Resource& resource) {
  const std::string group = group_of(resource.api_version);
  std::string text = fmt::format("{} {}{}{}", right.verb, resource.plural, group.empty() ? "" : "." + group,
                                 right.subresource.empty() ? "" : "/" + right.subresource);
  if (!right.id.name.empty()) text += " " + right.id.name;
  if (!resource.namespaced) return text;
  return text + (right.id.namespace_name.empty() ? " in all namespaces"
                                                 : " in namespace " + right.id.namespace_name);
}

}  // namespace

std::vector<std::string> missing_rights(Client& client, const std::vector<Right>& rights,
                                        const Cancel* cancel) {
  std::vector<std::string> missing;
  std::vector<std::string> seen;
  for (const Right& right : rights) {
    try {
      const Resource resource = client.resource(right.id.api_version, right.id.kind, cancel);
      std::string text = text_of(right, resource);
      if (std::find(seen.begin(), seen.end(), text) != seen.end()) continue;
      seen.push_back(text);
      const Node review = client.create(review_of(right, resource), false, cancel);
      const Node* allowed = review.at({"status", "allowed"});
      if (allowed != nullptr && allowed->is_boolean() && !allowed->boolean()) missing.push_back(text);
    } catch (const Problem& problem) {
      if (problem.kind() == Kind::cancelled) throw;
    }
  }
  return missing;
}

}  // namespace mlib::kube
