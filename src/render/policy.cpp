#include "render/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "render/objects.hpp"
#include "render/policy_pods.hpp"

namespace mlib::render {
namespace {

constexpr std::array<std::string_view, 11> kinds{"v1 Namespace",
                                                 "v1 Service",
                                                 "v1 PersistentVolumeClaim",
                                                 "v1 Secret",
                                                 "v1 ConfigMap",
                                                 "v1 ServiceAccount",
                                                 "apps/v1 Deployment",
                                                 "apps/v1 StatefulSet",
                                                 "batch/v1 Job",
                                                 "networking.k8s.io/v1 NetworkPolicy",
                                                 "policy/v1 PodDisruptionBudget"};
constexpr std::string_view autoscaler = "autoscaling/v2 HorizontalPodAutoscaler";

constexpr std::array<std::string_view, 21> rules{
    "hostNetwork",  "hostPID",      "hostIPC",        "hostPort",
    "hostPath",     "hostProbe",    "privileged",     "privilegeEscalation",
    "capabilities", "procMount",    "seccomp",        "seLinux",
    "appArmor",     "sysctls",      "serviceAccount", "scheduling",
    "tolerations",  "LoadBalancer", "nodePort",       "foreignReferences",
    "volumeName"};

/// A name as it may stand in a request's path: DNS-1123 labels joined by dots.
bool is_object_name(std::string_view name) {
  if (name.size() > 253) return false;
  for (;;) {
    const std::size_t dot = name.find('.');
    if (!is_dns_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

void check_metadata(const Node& object, const Grounds& grounds, Judge& judge) {
  static constexpr std::array<std::string_view, 4> allowed{"name", "namespace", "labels", "annotations"};
  const Node* metadata = object.find("metadata");
  if (metadata == nullptr || !metadata->is_map())
    return judge.refuse("", object, {{"metadata"}}, "is missing");
  for (const schema::Entry& entry : metadata->entries())
    if (std::find(allowed.begin(), allowed.end(), entry.key) == allowed.end())
      judge.refuse("", entry.value, {{"metadata"}, {entry.key}},
                   "only name, namespace, labels and annotations may be set");
  if (!is_object_name(word_at(*metadata, {"name"})))
    judge.refuse("", *metadata, {{"metadata"}, {"name"}},
                 fmt::format("`{}` is no valid name", shortened(metadata->text_at({"name"}), 80)));
  if (word_at(object, {"kind"}) != "Namespace" && word_at(*metadata, {"namespace"}) != grounds.namespace_name)
    judge.refuse("", *metadata, {{"metadata"}, {"namespace"}},
                 fmt::format("must be `{}`, the user's namespace", grounds.namespace_name));
  if (const Node* status = object.find("status"))
    judge.refuse("", *status, {{"status"}}, "is the cluster's to set");
}

void check_kind(const Node& object, const Grounds& grounds, Judge& judge) {
  const std::string_view kind = word_at(object, {"kind"});
  const std::string whole = std::string(word_at(object, {"apiVersion"})).append(" ").append(kind);
  if (std::find(kinds.begin(), kinds.end(), whole) == kinds.end() && whole != autoscaler)
    judge.refuse(fmt::format("kind:{}", kind), object, {{"kind"}},
                 fmt::format("`{}` is not among the kinds that a framework may make", shortened(whole, 80)));
  if (kind == "Namespace" && word_at(object, {"metadata", "name"}) != grounds.namespace_name)
    judge.refuse("", object, {{"metadata"}, {"name"}}, "a framework makes no namespace but the user's");
  if (kind == "Namespace" && grounds.namespace_name.starts_with("kube-"))
    judge.refuse("", object, {{"metadata"}, {"name"}},
                 "namespaces that begin with `kube-` are the cluster's own");
}

void check_service(const Node& object, Judge& judge) {
  const Node* spec = object.find("spec");
  if (spec == nullptr || !spec->is_map()) return;
  const std::string type = spec->text_at({"type"}, "ClusterIP");
  if (type != "ClusterIP" && type != "NodePort")
    judge.refuse("LoadBalancer", *spec->find("type"), {{"spec"}, {"type"}},
                 fmt::format("`{}` is not allowed: ClusterIP and NodePort are", shortened(type, 40)));
  for (const std::string_view field : {"externalIPs", "externalName", "loadBalancerIP", "loadBalancerClass"})
    if (const Node* found = spec->find(field))
      judge.refuse("LoadBalancer", *found, {{"spec"}, {std::string(field)}},
                   "would answer for foreign addresses");
  if (const Node* address = spec->find("clusterIP"); address != nullptr && !(*address == Node("None")))
    judge.refuse("", *address, {{"spec"}, {"clusterIP"}}, "is the cluster's to choose");
  const Node* ports = spec->find("ports");
  if (ports == nullptr || !ports->is_list()) return;
  for (std::size_t i = 0; i < ports->items().size(); ++i)
    if (const Node* port = ports->items()[i].find("nodePort"))
      judge.refuse("nodePort", *port, {{"spec"}, {"ports"}, {"", static_cast<int>(i)}, {"nodePort"}},
                   "a fixed port of the nodes: leave it out, the cluster gives one");
}

void check_others(const Node& object, Judge& judge) {
  const std::string_view kind = word_at(object, {"kind"});
  if (kind == "Service") check_service(object, judge);
  if (kind == "Secret" && object.text_at({"type"}, "Opaque") != "Opaque")
    judge.refuse("", *object.find("type"), {{"type"}}, "only Opaque Secrets may be made");
  if (kind == "ServiceAccount") {
    const Node* token = object.find("automountServiceAccountToken");
    if (token == nullptr || !(*token == Node(false)))
      judge.refuse("serviceAccount", token == nullptr ? object : *token, {{"automountServiceAccountToken"}},
                   "must be false: no engine needs the cluster's API");
  }
  if (kind == "PersistentVolumeClaim")
    for (const std::string_view field : {"volumeName", "dataSource", "dataSourceRef"})
      if (const Node* found = object.at({"spec", field}))
        judge.refuse("volumeName", *found, {{"spec"}, {std::string(field)}},
                     "would bind to a volume of somebody else");
}

/// Texts, keys too, that hold one of the secrets.
void check_secrets(const Node& node, const Grounds& grounds, Path& path, Judge& judge) {
  const auto holds = [&](const std::string& text) {
    return std::any_of(grounds.secrets.begin(), grounds.secrets.end(),
                       [&](const std::string& secret) { return text.find(secret) != std::string::npos; });
  };
  if (node.is_string() && holds(node.string()))
    judge.refuse("", node, path, "holds a secret: only Secrets may");
  if (node.is_list()) {
    for (std::size_t i = 0; i < node.items().size(); ++i) {
      path.push_back({"", static_cast<int>(i)});
      check_secrets(node.items()[i], grounds, path, judge);
      path.pop_back();
    }
  } else if (node.is_map()) {
    for (const schema::Entry& entry : node.entries()) {
      if (holds(entry.key)) judge.refuse("", node, path, "has a key that holds a secret: only Secrets may");
      path.push_back({entry.key});
      check_secrets(entry.value, grounds, path, judge);
      path.pop_back();
    }
  }
}

}  // namespace

void Judge::refuse(std::string_view rule, const Node& at, const Path& path, std::string why) {
  const auto& allowed = grounds_.allowed;
  if (!rule.empty() && std::find(allowed.begin(), allowed.end(), rule) != allowed.end()) return;
  std::string hint;
  if (!rule.empty())
    hint = fmt::format("an administrator can allow `{}` for framework {} in the policy file", rule,
                       grounds_.framework);
  report_.add(Fault::not_allowed, at, path, std::move(why), std::move(hint));
}

std::vector<std::string> policy_rules() { return {rules.begin(), rules.end()}; }

bool is_policy_rule(std::string_view rule) {
  return std::find(rules.begin(), rules.end(), rule) != rules.end() || rule.starts_with("kind:") ||
         rule.starts_with("volume:");
}

std::vector<std::string> lifted(const PolicyFile& policy, std::string_view framework) {
  std::vector<std::string> found;
  for (const auto& [name, allowed] : policy.frameworks) {
    for (const std::string& rule : allowed) {
      if (!is_policy_rule(rule))
        throw Problem(Kind::invalid,
                      fmt::format("the policy file allows `{}` for {}, which is no rule", rule, name),
                      suggestion(rule, policy_rules()));
      if (name == framework) found.push_back(rule);
    }
  }
  return found;
}

void check_policy(const std::vector<Node>& objects, const Grounds& grounds, Report& report) {
  Judge judge(grounds, report);
  const Release release = release_of(objects);
  for (const Node& object : objects) {
    report.object = called(object);
    if (!object.is_map()) {
      judge.refuse("", object, {}, "is no object");
      continue;
    }
    check_kind(object, grounds, judge);
    check_metadata(object, grounds, judge);
    check_others(object, judge);
    if (const Node* spec = pod_spec(object)) check_pod(*spec, release, grounds, judge);
    if (const Node* annotations = object.at({"spec", "template", "metadata", "annotations"}))
      check_annotations(*annotations, judge);
    if (grounds.secrets.empty() || word_at(object, {"kind"}) == "Secret") continue;
    Path path;
    check_secrets(object, grounds, path, judge);
  }
}

}  // namespace mlib::render
