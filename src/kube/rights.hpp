#pragma once
#include <string>
#include <vector>

#include "kube/client.hpp"

namespace mlib::kube {

/// Something to be done to objects of a kind: in a namespace, or (with `id.namespace_name` "") in all; to the
/// one of that name, or (with `id.name` "") to any.
struct Right {
  std::string verb;  ///< get, list, create, patch, delete, …
  Id id;
  std::string subresource = {};  ///< "log"
};

/// Which of these the cluster does not allow us, each once: `patch deployments.apps in namespace team-a`.
/// Asks by SelfSubjectAccessReview; what cannot be asked counts as allowed.
std::vector<std::string> missing_rights(Client& client, const std::vector<Right>& rights,
                                        const Cancel* cancel = nullptr);

}  // namespace mlib::kube
