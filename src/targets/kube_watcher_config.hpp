#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "targets/target.hpp"

/// Objects as a Kube Watcher takes them.
namespace mlib::targets::kube_watcher {

/// Labels that only this target gives, with values that only one deployment of one namespace has: a Kube
/// Watcher looks up and deletes by one label, in a namespace that it may choose itself. The first is on all
/// objects of a deployment and is looked for; it is by the second that they are deleted, part by part, so
/// that Secrets and storage can stay.
inline constexpr std::string_view deployment_label = "model-library/deployment";
inline constexpr std::string_view part_label = "model-library/part";
enum class Part { run, secret, storage };
Part part_of(std::string_view kind);
/// 24 hex digits.
std::string mark_of(const Ref& ref);
std::string mark_of(const Ref& ref, Part part);

/// The object with its labels; its pods, too. A Namespace has none.
Node marked(Node object, const Ref& ref);
/// The object as one that Kubernetes deletes together with the Service of that name and uid.
Node belonging(Node object, const Owned& service);
/// Whether this is a Service that others belong to.
bool is_owner(const Owned& owned);

/// `SALT:DIGEST` of the object, and whether it is that of this object.
std::string content_of(const Node& object);
bool has_content(const Node& object, std::string_view content);

/// The object as a text without `---` in it, however it is split.
std::string config_of(const Node& object);

bool is_claim(const Node& object);
bool is_workload(const Node& object);
/// A Secret without any value.
bool is_empty_secret(const Node& object);
/// `Deployment team-a/demo`.
std::string called(const Node& object);
std::string called(const Owned& owned);

/// The value with Kubernetes' own names of fields for Python's (`exit_code` → `exitCode`), nulls left out.
Node camel(const Node& value);

}  // namespace mlib::targets::kube_watcher
