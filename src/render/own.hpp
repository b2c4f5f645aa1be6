#pragma once
#include <string>
#include <vector>

#include "render/policy.hpp"
#include "render/render.hpp"

namespace mlib::render {

/// Holds objects that no card rendered to the Kubernetes schemas and the policy. `what` is what errors call
/// them ("the config"), `source` the text they came from. Problem{forbidden}, Problem{invalid}.
void check_objects(std::vector<Node>& objects, const Grounds& grounds, const std::string& what,
                   const cards::Framework& source);

/// Objects that this program itself makes beside a deployment, as what can be applied: with identity, labels,
/// schemas and policy as a card's. Rules of the policy are lifted for them as for `framework`.
Rendered own_objects(std::vector<Node> objects, const Identity& identity, const std::string& framework,
                     const PolicyFile& policy);

}  // namespace mlib::render
