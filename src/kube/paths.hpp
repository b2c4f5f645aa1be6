#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/node.hpp"

namespace mlib::kube {

using schema::Node;

/// Names an object, or with an empty `name` all of that kind in a namespace.
struct Id {
  std::string api_version;
  std::string kind;
  std::string namespace_name;
  std::string name;
};

/// `Deployment team-a/llama`, `Namespace team-a`.
std::string to_text(const Id& id);
/// The id of an object.
Id id_of(const Node& object);

/// How the API server calls a kind.
struct Resource {
  std::string api_version;
  std::string kind;
  std::string plural;
  bool namespaced = true;
};

/// The kinds that are known without asking.
const std::vector<Resource>& known_resources();
/// The entry of a kind in known_resources, or null.
const Resource* known_resource(std::string_view api_version, std::string_view kind);

/// `/api/v1` or `/apis/apps/v1`.
std::string group_path(std::string_view api_version);
/// `/apis/apps/v1/namespaces/team-a/deployments[/llama]`, percent-encoded.
std::string path_of(const Resource& resource, const Id& id);

/// The kind in an answer to GET of group_path (an APIResourceList).
std::optional<Resource> find_resource(const Node& resource_list, std::string_view api_version,
                                      std::string_view kind);

/// The namespaced kinds of such an answer whose objects can be listed.
std::vector<Resource> listable(const Node& resource_list, std::string_view api_version);

}  // namespace mlib::kube
