#pragma once
#include <string>
#include <vector>

#include "render/render.hpp"
#include "render/report.hpp"

namespace mlib::render {

/// What the labels of a deployment's objects say.
struct Labels {
  std::string framework;
  std::string version;        ///< of the framework; "" for none
  std::string template_name;  ///< "" for none
};

/// Puts identity on the objects of a manifest, whatever it says itself: namespace, labels, per-deployment
/// selectors, the Namespace object; Secrets get `data`.
/// The result is in the order to apply.
std::vector<Node> with_identity(std::vector<Node> objects, const Identity& identity, const Labels& labels);

/// Leaves out claims that no pod mounts.
void drop_unused_claims(std::vector<Node>& objects);

/// The pod spec of a Deployment, StatefulSet or Job, or a null pointer.
Node* pod_spec(Node& object);
const Node* pod_spec(const Node& object);

/// The value at `spec.ports[0].targetPort` of the first Service, as a number, looked up in the containers'
/// ports when it is a name; 0 when there is none.
int container_port(const std::vector<Node>& objects);

/// Pods get no token of the cluster's API unless they ask for it.
void harden(std::vector<Node>& objects);

/// Two objects of one name, and what cannot be a Service's name, go to `report`.
void check_names(const std::vector<Node>& objects, Report& report);

}  // namespace mlib::render
