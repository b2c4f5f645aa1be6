#include "render/own.hpp"

#include <fmt/format.h>

#include "render/kubernetes.hpp"
#include "render/objects.hpp"

namespace mlib::render {

void check_objects(std::vector<Node>& objects, const Grounds& grounds, const std::string& what,
                   const cards::Framework& source) {
  Report report(source);
  const Schemas& schemas = Schemas::of("");
  for (Node& object : objects) schemas.fit(object, report);
  Report breaches(source);
  check_policy(objects, grounds, breaches);
  if (!breaches.findings.empty())
    throw Problem(Kind::forbidden, fmt::format("the policy refuses the objects of {}", what), "",
                  std::move(breaches.findings));
  check_names(objects, report);
  if (!report.findings.empty())
    throw Problem(Kind::invalid, fmt::format("the objects of {} are not valid", what), "",
                  std::move(report.findings));
}

Rendered own_objects(std::vector<Node> objects, const Identity& identity, const std::string& framework,
                     const PolicyFile& policy) {
  Rendered rendered;
  rendered.framework = framework;
  rendered.objects = with_identity(std::move(objects), identity, {framework, "", ""});
  harden(rendered.objects);
  Grounds grounds;
  grounds.namespace_name = identity.namespace_name;
  grounds.framework = framework;
  grounds.allowed = lifted(policy, framework);
  check_objects(rendered.objects, grounds, identity.name, cards::Framework{});
  return rendered;
}

}  // namespace mlib::render
