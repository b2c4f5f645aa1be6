#include <doctest/doctest.h>

#include "render/policy.hpp"
#include "render/testing.hpp"

namespace mlib::render {
namespace {

using namespace testing;

struct Variant {
  const char* what;
  std::string manifest;
  const char* rule;  ///< what an administrator can lift, "" when nobody can
};

std::string pod(const char* more) { return deployment(std::string("      ") + more + "\n"); }
std::string in_container(const char* more) { return deployment("", std::string("        ") + more + "\n"); }
std::string in_init(const char* more) {
  return deployment(std::string("      initContainers:\n      - name: first\n        image: a\n        ") +
                    more + "\n");
}
std::string volume(const char* more) {
  return pod((std::string("volumes: [{name: v, ") + more + "}]").c_str());
}
std::string object_of(const char* head, const char* rest = "") {
  return std::string(head) + "\nmetadata: {name: x}\n" + rest + "\n";
}
std::string service(const char* spec) {
  return std::string("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}], ") +
         spec + "}\n";
}
std::string named(const char* metadata) {
  return std::string("apiVersion: v1\nkind: ConfigMap\nmetadata: {") + metadata + "}\ndata: {a: b}\n";
}

std::vector<Variant> variants() {
  std::vector<Variant> all{
      {"privileged", in_container("securityContext: {privileged: true}"), "privileged"},
      {"privileged as a text", in_container("securityContext: {privileged: 'true'}"), "privileged"},
      {"privilege escalation", in_container("securityContext: {allowPrivilegeEscalation: true}"),
       "privilegeEscalation"},
      {"capabilities", in_container("securityContext: {capabilities: {add: [SYS_ADMIN]}}"), "capabilities"},
      {"seccomp of the pod", pod("securityContext: {seccompProfile: {type: Unconfined}}"), "seccomp"},
      {"seccomp of a container", in_container("securityContext: {seccompProfile: {type: Unconfined}}"),
       "seccomp"},
      {"procMount", in_container("securityContext: {procMount: Unmasked}"), "procMount"},
      {"SELinux", in_container("securityContext: {seLinuxOptions: {type: spc_t}}"), "seLinux"},
      {"Windows host process", in_container("securityContext: {windowsOptions: {hostProcess: true}}"),
       "seLinux"},
      {"AppArmor", in_container("securityContext: {appArmorProfile: {type: Unconfined}}"), "appArmor"},
      {"hostNetwork", pod("hostNetwork: true"), "hostNetwork"},
      {"hostPID", pod("hostPID: true"), "hostPID"},
      {"hostIPC", pod("hostIPC: true"), "hostIPC"},
      {"hostPort", in_container("ports: [{containerPort: 80, hostPort: 80}]"), "hostPort"},
      {"hostIP", in_container("ports: [{containerPort: 80, hostIP: 0.0.0.0}]"), "hostPort"},
      {"hostPath", volume("hostPath: {path: /}"), "hostPath"},
      {"nfs", volume("nfs: {server: a, path: /}"), "volume:nfs"},
      {"csi", volume("csi: {driver: a}"), "volume:csi"},
      {"iscsi", volume("iscsi: {targetPortal: a, iqn: b, lun: 0}"), "volume:iscsi"},
      {"gitRepo", volume("gitRepo: {repository: a}"), "volume:gitRepo"},
      {"projected token", volume("projected: {sources: [{serviceAccountToken: {path: t}}]}"),
       "volume:projected"},
      {"projected Secret of another", volume("projected: {sources: [{secret: {name: other}}]}"),
       "foreignReferences"},
      {"Secret of another", volume("secret: {secretName: other}"), "foreignReferences"},
      {"ConfigMap of another", volume("configMap: {name: other}"), "foreignReferences"},
      {"probe of another host", in_container("readinessProbe: {httpGet: {host: 10.0.0.1, port: 80}}"),
       "hostProbe"},
      {"hook of another host", in_container("lifecycle: {preStop: {httpGet: {host: a, port: 80}}}"),
       "hostProbe"},
      {"sysctls", pod("securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}"), "sysctls"},
      {"privileged init container", in_init("securityContext: {privileged: true}"), "privileged"},
      {"hostPort of an init container", in_init("ports: [{containerPort: 80, hostPort: 80}]"), "hostPort"},
      {"ephemeral container", pod("ephemeralContainers: [{name: e, image: a}]"), ""},
      {"account of another", pod("serviceAccountName: admin"), "serviceAccount"},
      {"account by its old name", pod("serviceAccount: admin"), "serviceAccount"},
      {"token in the pod", pod("automountServiceAccountToken: true"), "serviceAccount"},
      {"account with a token", object_of("apiVersion: v1\nkind: ServiceAccount"), "serviceAccount"},
      {"nodeName", pod("nodeName: node-1"), "scheduling"},
      {"scheduler", pod("schedulerName: mine"), "scheduling"},
      {"runtime class", pod("runtimeClassName: none"), "scheduling"},
      {"priority class", pod("priorityClassName: system-node-critical"), "scheduling"},
      {"toleration of control planes", pod("tolerations: [{key: node-role.kubernetes.io/control-plane}]"),
       "tolerations"},
      {"toleration of everything", pod("tolerations: [{operator: Exists}]"), "tolerations"},
      {"Namespace of another", "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n", ""},
      {"List", "apiVersion: v1\nkind: List\nmetadata: {name: x}\nitems: []\n", "kind:List"},
      {"Pod", object_of("apiVersion: v1\nkind: Pod"), "kind:Pod"},
      {"Deployment of an unknown group", object_of("apiVersion: apps/v1/../v1\nkind: Deployment"),
       "kind:Deployment"},
      {"generateName", named("generateName: x-"), ""},
      {"ownerReferences", named("name: x, ownerReferences: []"), ""},
      {"finalizers", named("name: x, finalizers: [a/b]"), ""},
      {"managedFields", named("name: x, managedFields: []"), ""},
      {"uid", named("name: x, uid: a"), ""},
      {"resourceVersion", named("name: x, resourceVersion: '1'"), ""},
      {"no name", named("labels: {}"), ""},
      {"a name that is a path", named("name: a/../../namespaces/kube-system"), ""},
      {"a name with letters of another script", named("name: dеmo"), ""},
      {"a name with a NUL", named("name: \"a\\0\""), ""},
      {"status", named("name: x") + "status: {}\n", ""},
      {"external addresses", service("externalIPs: [10.0.0.1]"), "LoadBalancer"},
      {"ExternalName", service("type: ExternalName, externalName: a.example"), "LoadBalancer"},
      {"LoadBalancer", service("type: LoadBalancer"), "LoadBalancer"},
      {"fixed clusterIP", service("clusterIP: 10.0.0.10"), ""},
      {"fixed node port",
       "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, nodePort: 30000}]}\n",
       "nodePort"},
      {"Secret that is a token",
       object_of("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token"), ""},
      {"envFrom a Secret of another", in_container("envFrom: [{secretRef: {name: other}}]"),
       "foreignReferences"},
      {"envFrom a ConfigMap of another", in_container("envFrom: [{configMapRef: {name: other}}]"),
       "foreignReferences"},
      {"env from a Secret of another",
       in_container("env: [{name: A, valueFrom: {secretKeyRef: {name: other, key: a}}}]"),
       "foreignReferences"},
      {"pull secret of another", pod("imagePullSecrets: [{name: other}]"), "foreignReferences"},
      {"subPath", in_container("volumeMounts: [{name: v, mountPath: /v, subPath: a/../..}]"), ""},
      {"mount propagation",
       in_container("volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]"), "hostPath"},
      {"claim of somebody's volume",
       object_of("apiVersion: v1\nkind: PersistentVolumeClaim", "spec: {volumeName: other}"), "volumeName"},
      {"empty image", deployment("      initContainers:\n      - {name: first, image: ' '}\n"), ""},
  };
  for (const char* kind :
       {"v1\nkind: Node", "v1\nkind: PersistentVolume", "v1\nkind: Endpoints",
        "discovery.k8s.io/v1\nkind: EndpointSlice", "rbac.authorization.k8s.io/v1\nkind: ClusterRole",
        "rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding", "rbac.authorization.k8s.io/v1\nkind: Role",
        "rbac.authorization.k8s.io/v1\nkind: RoleBinding",
        "apiextensions.k8s.io/v1\nkind: CustomResourceDefinition",
        "admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration",
        "apiregistration.k8s.io/v1\nkind: APIService", "storage.k8s.io/v1\nkind: StorageClass",
        "certificates.k8s.io/v1\nkind: CertificateSigningRequest",
        "authentication.k8s.io/v1\nkind: TokenRequest", "batch/v1\nkind: CronJob",
        "networking.k8s.io/v1\nkind: Ingress"})
    all.push_back({kind, object_of((std::string("apiVersion: ") + kind).c_str()), "kind:"});
  return all;
}

}  // namespace

TEST_CASE("the policy refuses every way to privilege, the host or another namespace") {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.what);
    const cards::Framework made = framework(variant.manifest);
    const auto attempt = [&] { render_layers(made, {}, somebody()); };
    CHECK(kind_of(attempt) == Kind::forbidden);
    const std::string said = said_by(attempt);
    CHECK(has(said, "an administrator can allow `" + std::string(variant.rule)) == (variant.rule[0] != '\0'));
  }
}

TEST_CASE("an administrator's file lifts one rule for one framework") {
  for (const Variant& variant : variants()) {
    if (variant.rule[0] == '\0' || std::string_view(variant.rule).starts_with("kind:")) continue;
    CAPTURE(variant.what);
    const cards::Framework made = framework(variant.manifest);
    PolicyFile others, ours;
    others.frameworks.emplace_back("another-engine", std::vector<std::string>{variant.rule});
    ours.frameworks.emplace_back("test-engine", std::vector<std::string>{variant.rule});
    CHECK(kind_of([&] { render_layers(made, {}, somebody(), others); }) == Kind::forbidden);
    CHECK(kind_of([&] { render_layers(made, {}, somebody(), ours); }) != Kind::forbidden);
  }
}

TEST_CASE("a rule that there is not is an error with the nearest") {
  PolicyFile policy;
  policy.frameworks.emplace_back("test-engine", std::vector<std::string>{"hostnetwrk"});
  const std::string said = said_by([&] { lifted(policy, "test-engine"); });
  CHECK(has(said, "`hostnetwrk`"));
  CHECK(has(said, "did you mean `hostNetwork`?"));
}

TEST_CASE("all breaches are reported, each with object, field and place in the manifest") {
  const cards::Framework made = framework(deployment("      hostPID: true\n      hostIPC: true\n"));
  const std::string said = said_by([&] { render_layers(made, {}, somebody()); });
  CHECK(has(said, "manifest.yaml:8:16: error: Deployment demo: spec.template.spec.hostPID"));
  CHECK(has(said, "manifest.yaml:9:16: error: Deployment demo: spec.template.spec.hostIPC"));
}

TEST_CASE("what the policy refuses and what Kubernetes does not know are said together") {
  const cards::Framework made = framework(deployment("      hostPID: true\n      hostIPPC: true\n"));
  const auto attempt = [&] { render_layers(made, {}, somebody()); };
  CHECK(kind_of(attempt) == Kind::forbidden);
  CHECK(has(said_by(attempt), "hostPID"));
  CHECK(has(said_by(attempt), "hostIPPC"));
}

TEST_CASE("what the policy allows renders") {
  const cards::Framework made = framework(
      deployment("      securityContext: {seccompProfile: {type: RuntimeDefault}}\n      volumes: [{name: v, "
                 "emptyDir: {}}]\n",
                 "        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
                 "        volumeMounts: [{name: v, mountPath: /v, subPath: a..b}]\n"));
  CHECK(said_by([&] { render_layers(made, {}, somebody()); }) == "");
}

TEST_CASE("namespaces of the cluster itself are nobody's") {
  Identity identity = somebody();
  identity.namespace_name = "kube-system";
  const cards::Framework made = framework(deployment());
  CHECK(kind_of([&] { render_layers(made, {}, identity); }) == Kind::forbidden);
}

}  // namespace mlib::render
