"""Causes of failure that a real cluster can produce: each is made, and `mlib status` must tell it in its sentence."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile

import yaml

import bed

SPACE = "causes"
POD_IMAGE = "bed.local/pod:1"  # the node's own; told by its arguments what to do
FRAMEWORK = """\
apiVersion: model-library/v1
kind: Framework
metadata: {name: NAME, description: Something that does not come up}
spec:
  engine: none
  image: IMAGE
  protocol: http
  health: {path: /healthz, port: 8080}
  parameters:
    image: {help: Image, pattern: repository, from: framework.image, required: true}
"""
CARDS = {
    "models": "kind: Model\nmetadata: {name: NAME}\nspec: {framework: NAME, format: none}\n",
    "hardware": "kind: Hardware\nmetadata: {name: NAME}\nspec: {cpus: 0.1, memory: 32Mi, replicas: 1}\n",
    "templates": "kind: Template\nmetadata: {name: NAME}\nspec: {model: NAME, hardware: NAME}\n",
}
CLAIM = ('apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: "${name}-pvc"}\nspec:\n  storageClassName: CLASS\n'
         "  accessModes: [MODE]\n  resources: {requests: {storage: 8Mi}}\n---\n")
OPEN = {"resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}}}
PROBE = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
TOLERATES = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
MOUNT = [{"name": "v", "mountPath": "/v"}]
NEVER_READY = {"args": ["http", "8080", "-1"], "readinessProbe": PROBE}
# Engines that need a GPU or the hub do not run here: pods that end as they did, with what they said then.
SAID = ["cuda-out-of-memory", "no-gpu-driver", "gpu-driver-too-old", "unknown-flag", "model-gated", "model-missing",
        "weights-no-format", "weights-incomplete", "architecture-unknown", "kv-cache-too-small"]


def env_of(kind, name, key):
    return {"env": [{"name": "X", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key}}}]}


def busybox(script, **more):
    return {"image": bed.BASE_IMAGE, "command": ["sh", "-c", script.replace("$", "$$")], **more}


def claim_pod(storage_class, mode="ReadWriteOnce"):
    return {"container": {"volumeMounts": MOUNT}, "before": CLAIM.replace("CLASS", storage_class).replace("MODE", mode),
            "pod": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "${name}-pvc"}}]}}


def volume_pod(volume, container=None):
    return {"container": {"volumeMounts": MOUNT, **(container or {})}, "pod": {"volumes": [{"name": "v", **volume}]}}


# name: (namespace, what differs from a pod that would run, what the cause says)
CASES = {
    "secret-missing": (SPACE, {"container": env_of("secret", "absent", "a")}, "the Secret `absent` is missing"),
    "secret-key": (SPACE, {"container": env_of("secret", "half", "absent")}, "the Secret causes/half has no key `absent`"),
    "map-missing": (SPACE, {"container": env_of("configMap", "absent", "a")}, "the ConfigMap `absent` is missing"),
    "map-key": (SPACE, {"container": env_of("configMap", "half", "absent")}, "the ConfigMap causes/half has no key `absent`"),
    "runs-as-root": (SPACE, {"container": {"securityContext": {"runAsNonRoot": True}}}, "its image runs as root"),
    "secret-mount": (SPACE, volume_pod({"secret": {"secretName": "absent"}}), "mounts does not exist: secret `absent`"),
    "key-mount": (SPACE, volume_pod({"secret": {"secretName": "half", "items": [{"key": "absent", "path": "a"}]}}),
                  "lacks the key `absent` (secret)"),
    "init-fails": (SPACE, {"pod": {"initContainers": [{"name": "fetch", "image": POD_IMAGE, "args": ["crash", "4"]}]}},
                   "init container `fetch` ended with exit code 4"),
    "ends": (SPACE, {"container": {"args": ["env"]}}, "container `server` ended by itself (exit code 0)"),
    "unready": (SPACE, {"container": {"args": ["http", "8080", "-1"], "readinessProbe": PROBE}}, "its health check answers 503"),
    "silent": (SPACE, {"container": {"readinessProbe": PROBE}}, "it runs but nothing listens at "),
    "unhealthy": (SPACE, {"container": {"args": ["http", "8080", "-1"], "livenessProbe": {**PROBE, "failureThreshold": 1}}},
                  "is restarted because its health check answers 503"),
    "no-class": (SPACE, claim_pod("nowhere"), "there is no StorageClass `nowhere`"),
    "no-fitting-volume": (SPACE, claim_pod('""'), "names no StorageClass, and no free PersistentVolume has its size and access mode"),
    "access-mode": (SPACE, claim_pod("by-hand\n  volumeName: one-node", "ReadWriteMany"), "`one-node`, which it names, has another access mode"),
    "no-provisioner": (SPACE, claim_pod("never"), "waits for a volume from `bed.local/never`"),
    "label": (SPACE, {"pod": {"nodeSelector": {"disk": "ssd"}}}, "1 node without the labels that it selects (disk=ssd)"),
    "affinity": (SPACE, {"pod": {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}]}}}},
                 "1 node against its rules of affinity to other pods"),
    "gpu": (SPACE, {"container": {"resources": {"limits": {"nvidia.com/gpu": "2"}}}},
            "1 node without enough nvidia.com/gpu (2 asked)"),
    "gpus": (SPACE, {"container": {"resources": {"limits": {"nvidia.com/gpu": "64"}}}, "pod": {"tolerations": TOLERATES}},
             "without enough nvidia.com/gpu (64 asked)"),
    "taint": (SPACE, {"container": {"resources": {"limits": {"nvidia.com/gpu": "1"}}},
                      "pod": {"nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}}}, "2 nodes with a taint that it does not tolerate"),
    "image-missing": (SPACE, {"container": {"image": "OPEN/none:1"}}, "/none:1 does not exist"),
    "image-locked": (SPACE, {"container": {"image": "LOCKED/none:1"}}, "/none:1 may not be pulled without logging in"),
    "image-elsewhere": (SPACE, {"container": {"image": "DOWN/none:1"}}, "its registry does not answer at"),
    "image-platform": (SPACE, {"container": {"image": "OPEN/other:1"}}, "/other:1 has no build for this machine"),
    "disk-full": (SPACE, {**volume_pod({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                                       busybox("dd if=/dev/zero of=/v/x bs=64k count=64"))}, "its disk is full: container"),
    "permission": (SPACE, {"container": busybox("echo a > /etc/a || exit 1", securityContext={"runAsUser": 65534})},
                   "it may not read or write a file: /etc/a: container"),
    "evicted": (SPACE, volume_pod({"emptyDir": {"sizeLimit": "1Mi"}},
                                  busybox("dd if=/dev/zero of=/v/x bs=1M count=20; sleep 1000")), "and was evicted"),
    "writes-too-much": (SPACE, {"container": {**busybox("dd if=/dev/zero of=/tmp/x bs=1M count=20; sleep 1000"), "resources": {
        "requests": {"cpu": "10m"}, "limits": {"memory": "64Mi", "ephemeral-storage": "2Mi"}}}}, "and was evicted"),
    "limit-memory": (SPACE, {"container": {"args": ["oom"]}}, "used more memory than its limit of 32Mi and was killed"),
    "node-memory": (SPACE, {"container": {"args": ["oom"], "resources": {}}},
                    "was killed because its node bed-node ran out of memory"),
    "killed": (SPACE, {"container": busybox("echo starts; exec sleep 86399", readinessProbe=PROBE)}, "container `server` was killed (exit code 137)"),
    "crash": (SPACE, {"container": {"args": ["crash", "3"]}}, "container `server` ended with exit code 3"),
    "late": (SPACE, {"container": NEVER_READY, "spec": {"progressDeadlineSeconds": 2}},
             "it did not become ready within its time: it runs but its health check answers 503"),
    "host-port": (SPACE, {"container": {"ports": [{"containerPort": 8080, "hostPort": 7999}]}}, "1 node where its host port is taken"),
    "port-in-use": (SPACE, {"container": {"args": ["http", "8080"]}, "pod": {"initContainers": [{"name": "first", "image": POD_IMAGE, "args": ["http", "8080"],
                                                        "restartPolicy": "Always"}]}}, "its port is taken in the container"),
    "host-folder": (SPACE, volume_pod({"hostPath": {"path": "/absent", "type": "Directory"}}), "lacks `/absent`, which it mounts"),
    "multi-attach": (SPACE, {"container": {"volumeMounts": MOUNT}, "pod": {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "disk"}}], "tolerations": TOLERATES,
        "nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}}}, "its volume is still used on another node, by first"),
    "account": (SPACE, {"pod": {"serviceAccountName": "robot"}}, "its service account `robot` does not exist"),
    "runtime": (SPACE, {"pod": {"runtimeClassName": "nvidia"}}, "the cluster has no RuntimeClass `nvidia`"),
    "priority": (SPACE, {"pod": {"priorityClassName": "urgent"}}, "the cluster has no PriorityClass `urgent`"),
    "quota": ("tight", {}, "the quota `small` of the namespace does not allow its pods"),
    "limit-range": ("bounded", {}, "a LimitRange of the namespace does not allow its pods: memory"),
    "pod-security": ("restricted", {}, "Pod Security level `restricted:latest` does not allow its pods"),
    "webhook": ("hooked", {}, "the cluster's webhook `pods.bed.local` does not answer"),
}
# Pods of others, which have what a case wants: a port of the node, a disk that one node alone may have.
OTHERS = """\
apiVersion: v1
kind: Pod
metadata: {name: taker, namespace: causes}
spec: {containers: [{name: c, image: "bed.local/pod:1", ports: [{containerPort: 8080, hostPort: 7999}]}]}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec:
  capacity: {storage: 8Mi}
  accessModes: [ReadWriteOnce]
  csi: {driver: disk.bed.local, volumeHandle: disk}
  claimRef: {namespace: causes, name: disk}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: one-node}
spec:
  capacity: {storage: 8Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  csi: {driver: disk.bed.local, volumeHandle: one-node}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk, namespace: causes}
spec: {storageClassName: "", volumeName: disk, accessModes: [ReadWriteOnce], resources: {requests: {storage: 8Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: first, namespace: causes}
spec:
  nodeSelector: {kubernetes.io/hostname: gpu-h100}
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers: [{name: c, image: "bed.local/pod:1", volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, persistentVolumeClaim: {claimName: disk}}]
"""
LEAVING = """\
apiVersion: v1
kind: Node
metadata: {name: leaving, labels: {kubernetes.io/hostname: leaving}}
spec: {taints: [{key: leaving, value: "yes", effect: NoSchedule}]}
status:
  capacity: {cpu: "4", memory: 8Gi, pods: "110"}
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True", reason: Made}]
"""
LEAST = """\
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: least}
value: -1000
"""
# A webhook that does not answer, asked in the namespace `hooked`.
WEBHOOK = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: hooked, labels: {hooked: "yes"}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: bed}
webhooks:
  - name: HOOK
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [RESOURCE]}]
    clientConfig: {url: "https://127.0.0.1:9/"}
    namespaceSelector: {matchLabels: {hooked: "yes"}}
    admissionReviewVersions: [v1]
    sideEffects: None
"""


def webhook(name, resource):
    return WEBHOOK.replace("HOOK", name).replace("RESOURCE", resource)


SETTING = """\
apiVersion: v1
kind: Namespace
metadata: {name: causes}
---
apiVersion: v1
kind: Secret
metadata: {name: half, namespace: causes}
stringData: {other: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: half, namespace: causes}
data: {other: x}
""" + "".join(f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n" for name in ("tight", "bounded", "restricted"))
# What deploying needs, and what is away when its pods are made anew.
FIRST = """apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: causes}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: nvidia}
handler: nvidia
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: urgent}
value: 0
"""
# What is forbidden once they run: told of the deployment, since nobody deploys then.
LATER = """apiVersion: v1
kind: ResourceQuota
metadata: {name: small, namespace: tight}
spec: {hard: {pods: "0"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: small, namespace: bounded}
spec: {limits: [{type: Container, max: {memory: 24Mi}}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: restricted, labels: {pod-security.kubernetes.io/enforce: restricted}}
""" + webhook("pods.bed.local", "pods")
REFUSED_LATER = ("account", "runtime", "priority", "quota", "limit-range", "pod-security", "webhook")


def write_cards(catalogue, name, case, images={}):
    """A framework whose manifest is the case, and the cards that lead to it."""
    container = {"name": "server", "image": "$image", "imagePullPolicy": "IfNotPresent", **OPEN, **case.get("container", {})}
    image = container["image"] if container["image"] != "$image" else POD_IMAGE
    pod = {"terminationGracePeriodSeconds": 1, **case.get("pod", {}), "containers": [{**container, "image": "$image"}]}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "$name"},
                  "spec": {"replicas": 1, "strategy": {"type": "Recreate"}, **case.get("spec", {}), "template": {"spec": pod}}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "$name"},
               "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 8080, "targetPort": 8080}], **case.get("service", {})}}
    folder = catalogue / "frameworks" / name
    folder.mkdir(parents=True)
    for word, host in images.items():
        image = image.replace(f"{word}/", f"{host}/")
    (folder / "framework.yaml").write_text(FRAMEWORK.replace("NAME", name).replace("IMAGE", image))
    # `"$image"` in quotes stays a text, which it is.
    (folder / "manifest.yaml").write_text(case.get("before", "") + json.dumps(deployment) + "\n---\n" + json.dumps(service) + "\n" +
                                          case.get("after", ""))
    for kind, text in CARDS.items():
        (catalogue / kind).mkdir(exist_ok=True)
        (catalogue / kind / f"{name}.yaml").write_text("apiVersion: model-library/v1\n" + text.replace("NAME", name))


def tells(user, name, space, words):
    """What status says once it says the words, or at last."""
    seen = {}

    def told():
        seen.update(json.loads(user("status", name, "-n", space, "-o", "json").out or "{}"))
        return words in seen.get("cause", "")
    try:
        bed.wait(told, 60, name)
    except bed.Failure:
        return False, seen
    return True, seen


def tops(user):
    """A pod that asks for a GPU gets a place on a made node, and `mlib top` counts it."""
    placed = {"container": {"resources": {"limits": {"nvidia.com/gpu": "3"}}}, "pod": {"tolerations": TOLERATES}}
    write_cards(user.catalogue, "placed", placed)
    bed.need(user("deploy", "placed", "--name", "placed", "-n", SPACE, "--target", "kubernetes", "--no-wait"), "deploy placed")
    gpus = {}

    def counted():
        top = json.loads(user("top", "--target", "kubernetes", "-o", "json").out)
        gpus.update({each.get("product", each["resource"]): each for each in top["total"]})
        return gpus["NVIDIA-H100-80GB-HBM3"]["requested"] == 3
    try:
        bed.wait(counted, 60, "the GPUs are counted")
    except bed.Failure:
        pass
    h100, t4 = gpus.get("NVIDIA-H100-80GB-HBM3", {}), gpus.get("Tesla-T4", {})
    bed.claim((h100.get("has"), h100.get("requested"), h100.get("free"), t4.get("free")) == (8, 3, 5, 1),
              "top tells GPUs by product: what there is, requested and free", gpus)
    bed.claim(gpus["cpu"]["has"] > 208 and gpus["cpu"]["requested"] > 0, "and cores", gpus)
    wide = user("top", "--target", "kubernetes", "-o", "wide")
    bed.claim("gpu-t4" in wide.out and "bed-node" in wide.out, "and with -o wide node by node", wide)
    bed.note(wide.out)


def others(cluster):
    """What others have: and since no storage system is there, it is said for it that its disk is attached."""
    for node in ("gpu-h100", "gpu-t4"):
        bed.need(cluster.kubectl("annotate", "node", node, "volumes.kubernetes.io/controller-managed-attach-detach=true"), "annotate")
    bed.need(cluster.kubectl("apply", "-f", "-", input=OTHERS), "kubectl apply")
    attachment = bed.wait(lambda: cluster.objects("volumeattachments"), 60, "the disk is to be attached")[0]["metadata"]["name"]
    bed.need(cluster.kubectl("patch", "volumeattachment", attachment, "--subresource=status", "--type=merge", "-p",
                             '{"status":{"attached":true}}'), "kubectl patch")


def shrink_node(cluster):
    """The node has 64 MiB for containers that ask for no memory: what they take beyond it is the node's shortage."""
    group = (cluster.run_folder / "k" / "netns").read_text().strip() + "/kubepods/besteffort/"
    for file in (f"/sys/fs/cgroup/memory/{group}memory.limit_in_bytes", f"/sys/fs/cgroup/{group}memory.max"):
        if os.path.exists(file):
            pathlib.Path(file).write_text(str(64 << 20))
            return
    raise bed.Failure("the node has no group of containers that ask for nothing")


def forbid_pods(cluster):
    """Pods that were allowed when they were deployed, and are not when they are made anew."""
    bed.need(cluster.kubectl("delete", "-f", "-", input=FIRST), "kubectl delete")
    bed.need(cluster.kubectl("apply", "-f", "-", input=LATER), "kubectl apply")
    for name in REFUSED_LATER:
        words = ("-n", CASES[name][0], "-l", f"app.kubernetes.io/instance={name}", "--grace-period=0", "--force")
        bed.need(cluster.kubectl("delete", "pods", *words, timeout=120), f"delete the pod of {name}")


def kill_one():
    """Ends the process of the case `killed` from outside, as a node that runs out of memory does."""
    def mine():
        for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if each.read_bytes() == b"sleep\x0086399\x00":
                    return int(each.parent.name)
            except OSError:
                pass
        return None
    os.kill(bed.wait(mine, 120, "the container `killed` runs"), signal.SIGKILL)


def said(user):
    """Engines' last words, each from its recorded sample, out of a pod's real log."""
    samples = {}
    for path in sorted((bed.ROOT / "catalog" / "causes").glob("log-*.yaml")):
        samples.update({each["name"]: each for each in yaml.safe_load(path.read_text())["causes"]})
    for name in SAID:
        text = samples[name]["sample"]["text"].replace("$", "$$")
        write_cards(user.catalogue, f"said-{name}", {"container": busybox(
            'echo "loads"; echo "$SAID" >&2; exit 1', env=[{"name": "SAID", "value": text}])})
        bed.need(user("deploy", f"said-{name}", "--name", f"said-{name}", "-n", SPACE, "--target", "kubernetes", "--no-wait"), name)
    for name in SAID:
        seen = {}

        def told():
            seen.update(json.loads(user("status", f"said-{name}", "-n", SPACE, "-o", "json").out or "{}"))
            return any(each.get("reason") == name and each["status"] == "True" for each in seen.get("conditions", []))
        try:
            bed.wait(told, 90, name)
        except bed.Failure:
            pass
        bed.claim(told() and "exit code 1" in seen["cause"] and seen["evidence"].split(maxsplit=1)[0] in samples[name]["sample"]["text"],
                  f"a log that says so: {name}", seen)
        bed.note(f"{name}: {seen.get('cause')}")


@contextlib.contextmanager
def started_again(cluster, part, change):
    """A part of the cluster started again with `change(words)`; what comes after is without it."""
    folder = cluster.run_folder / "k"
    line = next(line for line in (folder / "pids").read_text().split("\n") if line.endswith(f" {part}"))
    pid = int(line.split()[0])
    words = change(pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1])
    os.kill(pid, signal.SIGKILL)
    bed.wait(lambda: not os.path.exists(f"/proc/{pid}") or "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text(), 20, "it ends")
    with open(folder / "log" / f"{part}-2.log", "wb") as log:
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{(folder / 'netns').read_text().strip()}", *words],
                                   stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def short_of_memory(words):
    """A kubelet that wants nearly all memory of its node free; the rest is its own doing."""
    path = pathlib.Path(words[words.index("--config") + 1])
    path.write_text(path.read_text().replace("evictionHard: {}", 'evictionHard: {memory.available: "99%"}'))
    return words


def node_presses(user, cluster):
    """A node that runs short of memory evicts what counts least."""
    bed.need(cluster.kubectl("apply", "-f", "-", input=LEAST), "kubectl apply")
    write_cards(user.catalogue, "pressed", {"container": {"resources": {}}, "pod": {"priorityClassName": "least"}})
    bed.need(user("deploy", "pressed", "--name", "pressed", "-n", SPACE, "--target", "kubernetes", "--no-wait"), "deploy pressed")
    bed.wait(lambda: json.loads(user("status", "pressed", "-n", SPACE, "-o", "json").out)["phase"] == "ready", 60, "pressed is ready")
    with started_again(cluster, "kubelet", short_of_memory):
        held, seen = tells(user, "pressed", SPACE, "the node evicted it because it ran short of memory")
    bed.claim(held and seen["evidence"] and seen["hint"], "a node that runs short of memory is told", (
        seen, cluster.kubectl("describe", "pods", "-n", SPACE, "-l", "app.kubernetes.io/instance=pressed").out))


def node_leaves(user, cluster):
    """A node that reports no more: the pod on it was ready before."""
    bed.need(cluster.kubectl("create", "-f", "-", input=LEAVING), "kubectl create")
    write_cards(user.catalogue, "left", {"pod": {"nodeSelector": {"kubernetes.io/hostname": "leaving"}, "tolerations": [{"key": "leaving", "operator": "Exists"}]}})
    bed.need(user("deploy", "left", "--name", "left", "-n", SPACE, "--target", "kubernetes", "--no-wait"), "deploy left")

    def pod():
        found = cluster.objects("pods", "-n", SPACE, "-l", "app.kubernetes.io/instance=left")
        return found and found[0]["spec"].get("nodeName") and found[0]["metadata"]["name"]
    name = bed.wait(pod, 60, "a pod on the leaving node")
    now = "2026-01-01T00:00:00Z"
    running = {"name": "server", "ready": True, "restartCount": 0, "image": "x", "imageID": "", "state": {"running": {"startedAt": now}}}
    status = {"phase": "Running", "containerStatuses": [running], "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]}
    bed.need(cluster.kubectl("patch", "pod", name, "-n", SPACE, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status})), "patch")

    def phase():
        return json.loads(user("status", "left", "-n", SPACE, "-o", "json").out)["phase"]
    bed.wait(lambda: phase() == "ready", 60, "the deployment on the leaving node is ready")
    with started_again(cluster, "kube-controller-manager", lambda words: [word.replace("24h", "12s") for word in words]):
        held, seen = tells(user, "left", SPACE, "its node leaving is not ready")
    bed.claim(held and seen["phase"] == "degraded" and seen["evidence"] and seen["hint"], "a node that is not ready any more is told", seen)


LIFTED = ["foreignReferences", "serviceAccount", "scheduling", "hostPort", "hostPath", "volumeName"]


def user_of(cluster, home, names):
    """Runs mlib for these frameworks, whose pods may do what others may not."""
    policy = pathlib.Path(home) / "policy.yaml"
    policy.write_text(json.dumps({"frameworks": {name: LIFTED for name in names}}))

    def user(*arguments):
        return bed.mlib(*arguments, "--kubeconfig", cluster.kubeconfig, "--catalog", user.catalogue, "--state", f"{home}/state",
                        env={"MLIB_POLICY": str(policy)})
    user.catalogue = pathlib.Path(home) / "catalog"
    return user


def deploy_all(user, cases, images={}):
    for name, (_, case, _) in cases.items():
        write_cards(user.catalogue, name, case, images)
    for name, (space, _, _) in cases.items():
        bed.need(user("deploy", name, "--name", name, "-n", space, "--target", "kubernetes", "--no-wait"), f"deploy {name}")


def all_told(user, cluster, cases):
    for name, (space, _, words) in cases.items():
        held, seen = tells(user, name, space, words)
        pods = "" if held else cluster.kubectl("describe", "pods", "-n", space, "-l", f"app.kubernetes.io/instance={name}")
        if bed.claim(held, f"{name}: {words}", f"{json.dumps(seen, indent=1)}\n{pods}"):
            bed.note(f"{name}: {seen['cause']}\n    {seen.get('evidence', '')}\n    {seen.get('hint', '')}")
            bed.claim(seen.get("evidence") and seen.get("hint"), f"{name}: with evidence and a next step", seen)
            if name == "crash":
                bed.claim("fatal: no such model" in seen["evidence"], "crash: the evidence is its last error line", seen)


def test():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home, \
            bed.Registry(cluster) as registry, bed.Registry(cluster, locked=True) as locked:
        cluster.load("base")
        cluster.make_gpu_nodes()
        shrink_node(cluster)
        registry.push("other", "1", "s390x")
        images = {"OPEN": registry.name, "LOCKED": locked.name, "DOWN": f"{registry.name.partition(':')[0]}:9"}
        bed.need(cluster.kubectl("apply", "-f", "-", input=SETTING + "---\n" + FIRST), "kubectl apply")
        others(cluster)
        user = user_of(cluster, home, [*CASES, "placed", "left", "pressed", *(f"said-{name}" for name in SAID)])
        deploy_all(user, CASES, images)
        kill_one()
        forbid_pods(cluster)
        all_told(user, cluster, CASES)
        tops(user)
        said(user)
        node_presses(user, cluster)
        node_leaves(user, cluster)


if __name__ == "__main__":
    bed.main(test)
