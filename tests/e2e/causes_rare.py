"""Rarer causes of failure that a real cluster can produce, told as those of causes.py are."""
import http.server
import json
import tempfile
import time

import bed
from causes import POD_IMAGE, PROBE, SPACE, TOLERATES, all_told, busybox, claim_pod, deploy_all, user_of

T4 = {"nodeSelector": {"kubernetes.io/hostname": "gpu-t4"}, "tolerations": TOLERATES}
HERE = {"nodeSelector": {"kubernetes.io/hostname": "bed-node"}}
SLEEPS = "exec sleep 86400"


def probe(kind, **more):
    return {f"{kind}Probe": {"periodSeconds": 1, "failureThreshold": 1, **more}}


def killed_by(name):
    """A shell whose child a signal has ended."""
    return {"container": busybox(f"sleep 100 & kill -{name} $!; wait $!; exit $?")}


def init(**container):
    return {"pod": {"initContainers": [{"name": "fetch", **container}]}}


# name: (namespace, what differs from a pod that would run, what the cause says)
CASES = {
    "not-executable": (SPACE, {"container": busybox("echo a > /tmp/a; exec /tmp/a")}, "exit code 126: its command cannot be executed"),
    "not-there": (SPACE, {"container": busybox("exec absent")}, "exit code 127: its command is not in the image"),
    "no-instruction": (SPACE, killed_by("ILL"), "used an instruction that this processor does not have (exit code 132)"),
    "aborts": (SPACE, killed_by("ABRT"), "aborted (exit code 134)"),
    "segfault": (SPACE, killed_by("SEGV"), "crashed: segmentation fault (exit code 139)"),
    "told-to-end": (SPACE, killed_by("TERM"), "was asked to end (exit code 143)"),
    "no-command": (SPACE, {"container": {"command": ["/absent"]}}, "its command `/absent` is not in the image"),
    "no-program": (SPACE, {"container": {"command": ["/etc/hosts"]}}, "its command `/etc/hosts` may not be executed"),
    "read-only": (SPACE, {"container": busybox("touch /a || exit 1", securityContext={"readOnlyRootFilesystem": True})},
                  "it wants to write where everything is read-only"),
    "live-refused": (SPACE, {"container": {"args": ["http", "8080"], **probe("liveness", httpGet={"path": "/", "port": 8081})}},
                     "is restarted because nothing listens where its health check asks"),
    "live-fails": (SPACE, {"container": busybox(SLEEPS, **probe("liveness", exec={"command": ["false"]}))},
                   "is restarted because its health check fails"),
    "unready-refused": (SPACE, {"container": {"args": ["http", "8080"], "readinessProbe": {**PROBE, "httpGet": {"path": "/", "port": 8081}}}},
                        "it runs but nothing listens at"),
    "unready-slow": (SPACE, {"container": busybox(SLEEPS, **probe("readiness", exec={"command": ["sleep", "9"]}, timeoutSeconds=1))},
                     "it runs but its health check does not answer in time"),
    "unready-fails": (SPACE, {"container": busybox(SLEEPS, **probe("readiness", exec={"command": ["false"]}))},
                      "it runs but its health check does not pass"),
    "image-no-name": (SPACE, init(image="No:Image:Name"), "is no image name"),
    "image-never": (SPACE, init(image="bed.local/absent:1", imagePullPolicy="Never"), "is not on the node and may not be pulled"),
    "image-limited": (SPACE, {"container": {"image": "REFUSING/limited:1"}}, "is not served now: the registry limits pulls"),
    "image-denied": (SPACE, {"container": {"image": "REFUSING/denied:1"}}, "may not be pulled, or does not exist"),
    "image-plain": (SPACE, {"container": {"image": "UNKNOWN/plain:1"}}, "the node does not trust its registry"),
    "disk-asked": (SPACE, {"container": {"resources": {"requests": {"ephemeral-storage": "100Ti"}, "limits": {"memory": "32Mi"}}}},
                   "without enough ephemeral-storage (100Ti asked)"),
    "cordoned": (SPACE, {"pod": T4}, "1 node closed for new pods (cordoned)"),
    "full": (SPACE, {"pod": {"nodeSelector": {"kubernetes.io/hostname": "full"}, "tolerations": [{"key": "full", "operator": "Exists"}]}},
             "1 node full of pods"),
    "no-local-volume": (SPACE, claim_pod("local"), "without a volume for its claim"),
    "claim-absent": (SPACE, {"container": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, "pod": {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "absent"}}]}}, "the claim `absent` for its storage does not exist"),
    "elsewhere": (SPACE, {"container": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, "pod": {
        **HERE, "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "far"}}]}}, "1 node that cannot reach its volume"),
    "too-small": (SPACE, claim_pod("by-hand\n  volumeName: small"), "`small`, which it names, does not fit: requested PV is too small"),
    "lost": (SPACE, {**claim_pod("by-hand\n  volumeName: losable")}, "the volume of claim `lost-pvc` is gone"),
    "gated": (SPACE, {"pod": {"schedulingGates": [{"name": "bed.local/wait"}]}}, "something holds it back (a scheduling gate)"),
    "no-runtime": (SPACE, {"pod": {"runtimeClassName": "absent"}}, "has no runtime `absent`"),
    "wants-limits": ("counted", {}, "the quota `limits` of the namespace wants its pods to say limits.cpu"),
    "denied": ("denying", {}, "the cluster's webhook `pods.bed.local` refuses its pods: say who the owner is"),
    "against-policy": ("owned", {}, "the admission policy `owners` does not allow its pods: say who the owner is"),
}
REFUSED_LATER = ("wants-limits", "denied", "against-policy")
SETTING = """\
apiVersion: v1
kind: Namespace
metadata: {name: causes}
---
apiVersion: v1
kind: Node
metadata: {name: full, labels: {kubernetes.io/hostname: full}}
spec: {taints: [{key: full, value: "yes", effect: NoSchedule}]}
status:
  capacity: {cpu: "4", memory: 8Gi, pods: "0"}
  allocatable: {cpu: "4", memory: 8Gi, pods: "0"}
  conditions: [{type: Ready, status: "True", reason: Made}]
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: absent}
handler: absent
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: far, namespace: causes}
spec: {storageClassName: by-hand, volumeName: far, accessModes: [ReadWriteOnce], resources: {requests: {storage: 8Mi}}}
"""
VOLUME = """\
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME}
spec:
  capacity: {storage: SIZE}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  csi: {driver: disk.bed.local, volumeHandle: NAME}
"""
FAR = """\
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [gpu-t4]}]}]}}
"""
LATER = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: limits, namespace: counted}
spec: {hard: {limits.cpu: "8"}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: bed}
webhooks:
  - name: pods.bed.local
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
    clientConfig: {url: "https://ADDRESS/", caBundle: BUNDLE}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: denying}}
    admissionReviewVersions: [v1]
    sideEffects: None
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: owners}
spec:
  failurePolicy: Fail
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: "'owner' in object.metadata.labels", message: say who the owner is}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: owners}
spec: {policyName: owners, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: owned}}}}
"""


class Refusing(bed.Serving):
    """A registry that the node reaches by plain HTTP and that serves nothing: 429 for `limited`, 403 for the rest; for `slow`
    after a while."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(20 if "slow" in self.path else 0)
            status = 200 if self.path == "/v2/" else 429 if "limited" in self.path else 403
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    def __init__(self, cluster):
        self.server = http.server.ThreadingHTTPServer((f"{cluster.address.rpartition('.')[0]}.1", 0), self.Handler)
        self.name = "{}:{}".format(*self.server.server_address)


class Webhook(bed.Serving):
    """An admission webhook that wants an owner. `bundle` is what vouches for it, in base64."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": "say who the owner is"}}
            body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self, cluster, folder):
        self.server, certificate = bed.https_server(f"{cluster.address.rpartition('.')[0]}.1", self.Handler, folder)
        self.address = "{}:{}".format(*self.server.server_address)
        self.bundle = bed.need(bed.run("base64", "-w", "0", certificate), "base64").out


def lose(cluster):
    """The volume of a claim that was bound goes."""
    def bound():
        found = cluster.objects("pvc", "-n", SPACE)
        return any(each["metadata"]["name"] == "lost-pvc" and each["status"]["phase"] == "Bound" for each in found)
    bed.wait(bound, 60, "the claim lost-pvc is bound")
    bed.need(cluster.kubectl("delete", "pv", "losable", "--wait=false"), "kubectl delete")
    bed.need(cluster.kubectl("patch", "pv", "losable", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'), "kubectl patch")


def pulls(user, registry):
    """An image that takes its time."""
    deploy_all(user, {"slow": (SPACE, {"container": {"image": "REFUSING/slow:1"}}, "")}, {"REFUSING": registry})

    def phase():
        return json.loads(user("status", "slow", "-n", SPACE, "-o", "json").out)
    bed.wait(lambda: phase()["phase"] == "pulling" or phase().get("cause"), 60, "it pulls")
    seen = phase()
    bed.claim(seen["phase"] == "pulling" and seen["summary"] == "pulling its image", "while an image is pulled, that is its phase", seen)


def forbid_pods(cluster, hook):
    bed.need(cluster.kubectl("apply", "-f", "-", input=LATER.replace("ADDRESS", hook.address).replace("BUNDLE", hook.bundle)), "kubectl apply")

    def refused(space):  # a policy and a webhook are known to the API server a moment later
        return cluster.kubectl("run", "tried", "-n", space, f"--image={POD_IMAGE}", "--dry-run=server").code != 0
    for name in REFUSED_LATER:
        space = CASES[name][0]
        bed.wait(lambda: refused(space), 60, f"pods are refused in {space}")
        bed.need(cluster.kubectl("delete", "pods", "--all", "-n", space, "--grace-period=0", "--force", timeout=120), f"delete the pod of {name}")


def test():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home, Refusing(cluster) as refusing, \
            Refusing(cluster) as unknown, Webhook(cluster, home) as hook:
        cluster.load("base")
        cluster.make_gpu_nodes()
        cluster.pulls_plainly(refusing.name)
        bed.need(cluster.kubectl("cordon", "gpu-t4"), "kubectl cordon")
        volumes = [VOLUME.replace("NAME", name).replace("SIZE", size) for name, size in {"small": "4Mi", "losable": "8Mi", "far": "8Mi"}.items()]
        bed.need(cluster.kubectl("create", "-f", "-", input=SETTING + "".join(volumes) + FAR), "kubectl create")
        user = user_of(cluster, home, CASES)
        pulls(user, refusing.name)
        deploy_all(user, CASES, {"REFUSING": refusing.name, "UNKNOWN": unknown.name})
        lose(cluster)
        forbid_pods(cluster, hook)
        all_told(user, cluster, CASES)


if __name__ == "__main__":
    bed.main(test)
