#pragma once
#include <set>

#include "render/policy.hpp"

namespace mlib::render {

/// Takes down breaches, unless their rule is lifted.
class Judge {
 public:
  Judge(const Grounds& grounds, Report& report) : grounds_(grounds), report_(report) {}
  /// `rule`: what an administrator can lift, or "" when nobody can.
  void refuse(std::string_view rule, const Node& at, const Path& path, std::string why);

 private:
  const Grounds& grounds_;
  Report& report_;
};

/// Names of what the deployment brings itself, and so may refer to.
struct Release {
  std::set<std::string, std::less<>> secrets, config_maps, accounts;
};
Release release_of(const std::vector<Node>& objects);

/// The pod spec of a workload, whose path is spec.template.spec.
void check_pod(const Node& spec, const Release& release, const Grounds& grounds, Judge& judge);
void check_annotations(const Node& annotations, Judge& judge);

}  // namespace mlib::render
