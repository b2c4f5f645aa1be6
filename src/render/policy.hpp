#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "render/render.hpp"
#include "render/report.hpp"

namespace mlib::render {

/// What the policy judges the final objects by.
struct Grounds {
  std::string namespace_name;
  std::string framework;
  std::vector<std::string> allowed;     ///< rules that an administrator lifted for this framework
  Node weights_volumes = Node::list();  ///< volumes that we made for the weights: the one host folder allowed
  std::vector<std::string> secrets;     ///< texts that may be nowhere but in Secrets
};

/// The rules that an administrator's file can lift; `kind:KIND` and `volume:TYPE` besides.
std::vector<std::string> policy_rules();
/// Whether it is one of those, `kind:…` or `volume:…`.
bool is_policy_rule(std::string_view rule);

/// What `policy` lifts for `framework`; Problem{invalid} for a rule that there is not.
std::vector<std::string> lifted(const PolicyFile& policy, std::string_view framework);

/// Every breach of the policy by the objects as they will be applied goes to `report`: kinds, namespaces,
/// names, privilege, host access, foreign Secrets and accounts, exposed services, secrets outside Secrets.
void check_policy(const std::vector<Node>& objects, const Grounds& grounds, Report& report);

}  // namespace mlib::render
