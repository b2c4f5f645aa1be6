#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "targets/target.hpp"

/// Objects as a Kube Watcher takes them.
namespace mlib::targets::kube_watcher {

/// Labels that only this target gives, with a value that only one deployment of one namespace has: a Kube
/// Watcher deletes by one label, in a namespace that it may choose itself. Claims have the second one, so
/// that storage stays.
inline constexpr std::string_view deployment_label = "model-library/deployment";
inline constexpr std::string_view storage_label = "model-library/storage";
/// 24 hex digits.
std::string mark_of(const Ref& ref);

/// The object with its label; its pods, too. A Namespace has none.
Node marked(Node object, const Ref& ref);
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
