#include "base/text.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {

Problem with_missing_rights(kube::Client& client, const Problem& refusal,
                            const std::vector<kube::Right>& rights) {
  if (refusal.kind() != Kind::forbidden) return refusal;
  const std::vector<std::string> missing = kube::missing_rights(client, rights);
  if (missing.empty()) return refusal;  // a quota, Pod Security, a policy
  std::vector<Finding> findings = refusal.findings();
  for (const std::string& each : missing) {
    Finding finding;
    finding.fault = Fault::not_allowed;
    finding.message = "you may not " + each;
    findings.push_back(std::move(finding));
  }
  return {refusal.kind(), refusal.message(), "ask the cluster's administrator for a Role that allows it all",
          std::move(findings)};
}

}  // namespace mlib::targets::kubernetes
