#include "render/policy_pods.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "render/weights.hpp"

namespace mlib::render {
namespace {

/// Anything but absent, null, false, 0 and "".
bool is_set(const Node* node) {
  if (node == nullptr || node->is_null()) return false;
  if (node->is_boolean()) return node->boolean();
  if (node->is_number()) return node->number() != 0;
  if (node->is_string()) return !node->string().empty();
  return node->is_list() ? !node->items().empty() : !node->entries().empty();
}

/// A field that may not be set, by which rule, and why.
struct Forbidden {
  std::string_view field;
  std::string_view rule;
  std::string_view why;
};

constexpr std::array<Forbidden, 10> pod_fields{{
    {"hostNetwork", "hostNetwork", "is the host's network"},
    {"hostPID", "hostPID", "shows the host's processes"},
    {"hostIPC", "hostIPC", "shares memory with the host"},
    {"nodeName", "scheduling", "goes around the scheduler"},
    {"schedulerName", "scheduling", "goes around the scheduler"},
    {"runtimeClassName", "scheduling", "chooses another container runtime"},
    {"priorityClassName", "scheduling", "may push out other people's pods"},
    {"priority", "scheduling", "may push out other people's pods"},
    {"ephemeralContainers", "", "are for debugging only"},
    {"automountServiceAccountToken", "serviceAccount", "hands the cluster's API to the engine"},
}};

class PodCheck {
 public:
  PodCheck(const Release& release, const Grounds& grounds, Judge& judge)
      : release_(release), grounds_(grounds), judge_(judge) {}

  void pod(const Node& spec) {
    for (const Forbidden& each : pod_fields)
      if (const Node* found = spec.find(each.field); is_set(found))
        refuse(each.rule, *found, {{std::string(each.field)}}, std::string(each.why));
    for (const std::string_view field : {"serviceAccountName", "serviceAccount"})
      if (const Node* found = spec.find(field); is_set(found) && !brings(release_.accounts, *found))
        refuse("serviceAccount", *found, {{std::string(field)}},
               "is an account that this deployment does not bring");
    each_of(spec, "tolerations", [&](const Node& node) { toleration(node); });
    each_of(spec, "volumes", [&](const Node& node) { volume(node); });
    each_of(spec, "imagePullSecrets", [&](const Node& node) { reference(node, "name", release_.secrets); });
    if (const Node* context = spec.find("securityContext"))
      step("securityContext", [&] { security(*context); });
    for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"})
      each_of(spec, list, [&](const Node& node) { container(node); });
  }

 private:
  template <class Body>
  void step(std::string_view key, const Body& body) {
    path_.push_back({std::string(key)});
    body();
    path_.pop_back();
  }

  template <class Body>
  void each_of(const Node& map, std::string_view key, const Body& body) {
    const Node* list = map.find(key);
    if (list == nullptr || !list->is_list()) return;
    step(key, [&] {
      for (std::size_t i = 0; i < list->items().size(); ++i) {
        path_.push_back({"", static_cast<int>(i)});
        body(list->items()[i]);
        path_.pop_back();
      }
    });
  }

  void refuse(std::string_view rule, const Node& at, const Path& more, std::string why) {
    Path path = path_;
    path.insert(path.end(), more.begin(), more.end());
    judge_.refuse(rule, at, path, std::move(why));
  }

  static bool brings(const std::set<std::string, std::less<>>& names, const Node& name) {
    return name.is_string() && names.count(name.string()) > 0;
  }

  /// `holder.field` must name something that the deployment brings.
  void reference(const Node& holder, std::string_view field,
                 const std::set<std::string, std::less<>>& names) {
    const Node* name = holder.find(field);
    if (name != nullptr && brings(names, *name)) return;
    const bool hub = word_at(holder, {field}) == hub_secret && word_at(holder, {"key"}) == "token";
    const Node* optional = holder.find("optional");
    if (hub && optional != nullptr && *optional == Node(true)) return;
    refuse("foreignReferences", name == nullptr ? holder : *name, {{std::string(field)}},
           "refers to something that this deployment does not bring");
  }

  void toleration(const Node& node) {
    const std::string_view key = word_at(node, {"key"});
    if (key.empty())
      refuse("tolerations", node, {}, "tolerates every taint");
    else if (key.starts_with("node-role.kubernetes.io/"))
      refuse("tolerations", node, {{"key"}}, "is for the cluster's own nodes");
  }

  void volume(const Node& node) {
    static constexpr std::array<std::string_view, 6> fine{
        "name", "emptyDir", "configMap", "secret", "persistentVolumeClaim", "downwardAPI"};
    if (!node.is_map()) return;
    for (const schema::Entry& entry : node.entries()) {
      if (entry.key == "hostPath") {
        host_path(node, entry.value);
      } else if (entry.key == "projected") {
        step("projected",
             [&] { each_of(entry.value, "sources", [&](const Node& source) { projected(source); }); });
      } else if (std::find(fine.begin(), fine.end(), entry.key) == fine.end()) {
        refuse("volume:" + entry.key, entry.value, {{entry.key}},
               fmt::format("volumes of type `{}` are not allowed", shortened(entry.key, 40)));
      }
    }
    if (const Node* secret = node.find("secret"))
      step("secret", [&] { reference(*secret, "secretName", release_.secrets); });
    if (const Node* map = node.find("configMap"))
      step("configMap", [&] { reference(*map, "name", release_.config_maps); });
  }

  void projected(const Node& source) {
    if (!source.is_map()) return;
    for (const schema::Entry& entry : source.entries()) {
      if (entry.key == "secret") {
        step("secret", [&] { reference(entry.value, "name", release_.secrets); });
      } else if (entry.key == "configMap") {
        step("configMap", [&] { reference(entry.value, "name", release_.config_maps); });
      } else if (entry.key != "downwardAPI") {
        refuse("volume:projected", entry.value, {{entry.key}}, "hands out credentials of the cluster");
      }
    }
  }

  /// The folder of file:// weights is the one exception, read-only.
  void host_path(const Node& volume, const Node& content) {
    const auto& ours = grounds_.weights_volumes.items();
    if (std::find(ours.begin(), ours.end(), volume) == ours.end())
      return refuse("hostPath", content, {{"hostPath"}}, "is a folder of the host");
    read_only_.insert(volume.text_at({"name"}));
  }

  void container(const Node& node) {
    if (!node.is_map()) return;
    if (trim(word_at(node, {"image"})).empty()) refuse("", node, {{"image"}}, "is missing or empty");
    if (const Node* context = node.find("securityContext"))
      step("securityContext", [&] { security(*context); });
    each_of(node, "ports", [&](const Node& port) {
      for (const std::string_view field : {"hostPort", "hostIP"})
        if (const Node* found = port.find(field); is_set(found))
          refuse("hostPort", *found, {{std::string(field)}}, "is a port of the host");
    });
    each_of(node, "env", [&](const Node& variable) { environment(variable); });
    each_of(node, "envFrom", [&](const Node& source) {
      if (const Node* secret = source.find("secretRef"))
        step("secretRef", [&] { reference(*secret, "name", release_.secrets); });
      if (const Node* map = source.find("configMapRef"))
        step("configMapRef", [&] { reference(*map, "name", release_.config_maps); });
    });
    each_of(node, "volumeMounts", [&](const Node& mount) { volume_mount(mount); });
    for (const std::string_view probe : {"livenessProbe", "readinessProbe", "startupProbe"})
      if (const Node* found = node.find(probe)) step(probe, [&] { handler(*found); });
    for (const std::string_view hook : {"postStart", "preStop"})
      if (const Node* found = node.at({"lifecycle", hook}))
        step("lifecycle", [&] { step(hook, [&] { handler(*found); }); });
  }

  void environment(const Node& variable) {
    const Node* from = variable.find("valueFrom");
    if (from == nullptr) return;
    step("valueFrom", [&] {
      if (const Node* secret = from->find("secretKeyRef"))
        step("secretKeyRef", [&] { reference(*secret, "name", release_.secrets); });
      if (const Node* map = from->find("configMapKeyRef"))
        step("configMapKeyRef", [&] { reference(*map, "name", release_.config_maps); });
    });
  }

  void volume_mount(const Node& mount) {
    for (const std::string_view field : {"subPath", "subPathExpr"}) {
      if (mount.find(field) == nullptr) continue;
      const std::vector<std::string> steps = split(mount.text_at({field}), '/');
      if (std::find(steps.begin(), steps.end(), "..") != steps.end())
        refuse("", mount, {{std::string(field)}}, "leaves its volume");
    }
    if (const Node* spread = mount.find("mountPropagation"); spread != nullptr && !(*spread == Node("None")))
      refuse("hostPath", *spread, {{"mountPropagation"}}, "reaches the host's mounts");
    const Node* read_only = mount.find("readOnly");
    const bool is_read_only = read_only != nullptr && *read_only == Node(true);
    if (read_only_.count(mount.text_at({"name"})) > 0 && !is_read_only)
      refuse("hostPath", mount, {{"readOnly"}}, "must be true: the folder of the weights is the host's");
  }

  /// A probe with a host of its own is a request from the node to anywhere.
  void handler(const Node& node) {
    for (const std::string_view kind : {"httpGet", "tcpSocket"})
      if (const Node* host = node.at({kind, "host"}); is_set(host))
        refuse("hostProbe", *host, {{std::string(kind)}, {"host"}}, "lets the node ask any address");
  }

  void security(const Node& context) {
    if (const Node* found = context.find("privileged"); is_set(found))
      refuse("privileged", *found, {{"privileged"}}, "owns the host");
    if (const Node* found = context.find("allowPrivilegeEscalation"); is_set(found))
      refuse("privilegeEscalation", *found, {{"allowPrivilegeEscalation"}}, "must not be true");
    if (const Node* found = context.at({"capabilities", "add"}); is_set(found))
      refuse("capabilities", *found, {{"capabilities"}, {"add"}}, "adds privileges");
    if (const Node* found = context.find("procMount"); is_set(found) && !(*found == Node("Default")))
      refuse("procMount", *found, {{"procMount"}}, "unmasks /proc");
    if (const Node* found = context.at({"seccompProfile", "type"});
        found != nullptr && *found == Node("Unconfined"))
      refuse("seccomp", *found, {{"seccompProfile"}, {"type"}}, "must not be Unconfined");
    if (const Node* found = context.at({"appArmorProfile", "type"});
        found != nullptr && *found == Node("Unconfined"))
      refuse("appArmor", *found, {{"appArmorProfile"}, {"type"}}, "must not be Unconfined");
    for (const std::string_view field : {"seLinuxOptions", "windowsOptions"})
      if (const Node* found = context.find(field); is_set(found))
        refuse("seLinux", *found, {{std::string(field)}}, "overrides the machine's confinement");
    if (const Node* found = context.find("sysctls"); is_set(found))
      refuse("sysctls", *found, {{"sysctls"}}, "changes the kernel's settings");
  }

  const Release& release_;
  const Grounds& grounds_;
  Judge& judge_;
  std::set<std::string, std::less<>> read_only_;
  Path path_{{"spec"}, {"template"}, {"spec"}};
};

}  // namespace

Release release_of(const std::vector<Node>& objects) {
  Release release;
  for (const Node& object : objects) {
    const std::string_view kind = word_at(object, {"kind"});
    const std::string_view name = word_at(object, {"metadata", "name"});
    if (kind == "Secret") release.secrets.emplace(name);
    if (kind == "ConfigMap") release.config_maps.emplace(name);
    if (kind == "ServiceAccount") release.accounts.emplace(name);
  }
  return release;
}

void check_pod(const Node& spec, const Release& release, const Grounds& grounds, Judge& judge) {
  PodCheck(release, grounds, judge).pod(spec);
}

void check_annotations(const Node& annotations, Judge& judge) {
  if (!annotations.is_map()) return;
  for (const schema::Entry& entry : annotations.entries())
    if (entry.key.starts_with("container.apparmor.security") || entry.key.starts_with("seccomp.security") ||
        entry.key.starts_with("container.seccomp.security"))
      judge.refuse("appArmor", entry.value,
                   {{"spec"}, {"template"}, {"metadata"}, {"annotations"}, {entry.key}},
                   "overrides the machine's confinement");
}

}  // namespace mlib::render
