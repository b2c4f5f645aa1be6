"""What a real API server refuses: all of it told together before anything is sent, by object, field and reason; and that
what a changed template no longer renders is removed, and nothing else."""
import json
import pathlib
import subprocess
import tempfile

import bed
from causes import webhook, write_cards

SPACE = "refusing"
POD = {"container": {"args": ["http", "8080"]}}
CLAIM = ('apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: "${name}-pvc"}\nspec:\n'
         "  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: SIZE}}\n---\n")
MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "${name}-map"}\ndata: {a: b}\n---\n'
SETTING = """\
apiVersion: v1
kind: Namespace
metadata: {name: refusing}
---
apiVersion: v1
kind: Namespace
metadata: {name: guarded, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Namespace
metadata: {name: no-pods}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: none, namespace: no-pods}
spec: {hard: {pods: "0"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: narrow}
---
apiVersion: v1
kind: LimitRange
metadata: {name: small, namespace: narrow}
spec: {limits: [{type: Container, max: {memory: 24Mi}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: few, namespace: refusing}
spec: {hard: {services: "1"}}
---
apiVersion: v1
kind: Service
metadata: {name: theirs, namespace: refusing}
spec: {ports: [{port: 1}]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: small, namespace: refusing}
spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 64Mi}}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: owners}
spec:
  failurePolicy: Fail
  matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]}
  validations: [{expression: "'owner' in object.metadata.labels", message: say who the owner is}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: owners}
spec: {policyName: owners, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: refusing}}}}
""" + webhook("maps.bed.local", "configmaps")
KINDS = "deployments,services,configmaps,persistentvolumeclaims,secrets,pods"


class User:
    def __init__(self, cluster, home):
        self.cluster, self.home = cluster, pathlib.Path(home)

    def cards(self, name, **case):
        """The cards of that name, as they are from now on."""
        folder = self.home / "cards"
        bed.need(bed.run("rm", "-rf", folder / "frameworks" / name), "rm")
        write_cards(folder, name, {**POD, **case})

    def words(self, *arguments, space):
        return [*arguments, "-n", space, "--kubeconfig", self.cluster.kubeconfig, "--catalog", self.home / "cards",
                "--state", self.home / "state"]

    def __call__(self, *arguments, space=SPACE):
        return bed.mlib(*self.words(*arguments, space=space), timeout=120)

    def deploy(self, name, *more, space=SPACE):
        return self("deploy", name, "--name", name, "--target", "kubernetes", "--no-wait", *more, space=space)

    def left(self, space):
        found = {f"{each['kind']}/{each['metadata']['name']}" for each in self.cluster.objects(KINDS, "-n", space)}
        return {each for each in found if not each.startswith("Pod/")} - {"ConfigMap/kube-root-ca.crt", "Service/theirs"}


def together(user):
    user.cards("bad", before=MAP + CLAIM.replace("SIZE", "8Gi"))
    refused = bed.wait(lambda: (now := user.deploy("bad")).code != 0 and "owner" in now.err and now, 60, "the policy holds")
    bed.claim(refused.code in (1, 2, 4) and "the cluster refuses 3 of 4 objects; nothing was changed" in refused.err,
              "what the server refuses is told together", refused)
    for what, words in {"a LimitRange": "maximum storage usage per PersistentVolumeClaim is 64Mi, but request is 8Gi",
                        "a quota": "exceeded quota: few, requested: services=1, used: services=1, limited: services=1",
                        "an admission policy": "say who the owner is"}.items():
        line = next((line for line in refused.err.splitlines() if words in line), "")
        bed.claim(f" {SPACE}/bad" in line, f"{what}: by object and reason", (line, refused.err))
    bed.claim(user.left(SPACE) == set(), "and nothing was made", user.left(SPACE))
    bed.claim(user("status", "bad").code == 3, "nor recorded")


def one_by_one(user):
    bed.need(user.cluster.kubectl("create", "namespace", "one"), "kubectl create")
    user.cards("hooked", before=MAP)
    hooked = user.deploy("hooked", space="hooked")
    bed.claim(hooked.code == 1 and 'ConfigMap hooked/hooked-map' in hooked.err and 'webhook "maps.bed.local"' in hooked.err,
              "a webhook that does not answer is named with the object", hooked)
    bed.claim(user.left("hooked") == set(), "and nothing is made beside it", user.left("hooked"))
    user.cards("grows", before=CLAIM.replace("SIZE", "16Mi"))
    bed.need(user.deploy("grows", space="one"), "deploy grows")
    user.cards("grows", before=CLAIM.replace("SIZE", "8Mi"))
    shrinks = user.deploy("grows", space="one")
    bed.claim(shrinks.code == 2 and "PersistentVolumeClaim one/grows-pvc" in shrinks.err and "spec" in shrinks.err and
              ("can not be less" in shrinks.err or "immutable" in shrinks.err), "a field that may not be changed so is named", shrinks)


def pods_are_tried(user):
    """What is asked only of pods, which a controller would make later: told before anything is sent, too."""
    user.cards("podded")
    for space, words in {"guarded": 'violates PodSecurity "restricted:latest"', "no-pods": "exceeded quota: none, requested: pods=1",
                         "narrow": "maximum memory usage per Container is 24Mi"}.items():
        refused = bed.wait(lambda: (now := user.deploy("podded", space=space)).code != 0 and now, 60, f"{space} refuses")
        bed.claim(refused.code in (1, 2, 4) and f"Deployment {space}/podded would have no pod" in refused.err and words in refused.err,
                  f"{space}: what the cluster does not allow the pods is told", refused)
        bed.claim(user.left(space) == set() and user("status", "podded", space=space).code == 3, "and nothing is made or recorded",
                  user.left(space))
    refused = user.deploy("newer", space="bare")
    bed.claim(refused.code == 2 and user.cluster.kubectl("get", "namespace", "bare").code != 0,
              "a namespace that was made for what is refused is taken back", refused)


def cut_off(user):
    """Killed while it applies: what was made is the deployment's, whether it was recorded or not."""
    lines = ["created ConfigMap", "created PersistentVolumeClaim", "created Service", "created Deployment"]
    for number, line in enumerate(lines):
        name = f"cut-{number}"
        user.cards(name, before=MAP + CLAIM.replace("SIZE", "8Mi"))
        with subprocess.Popen([bed.MLIB, *map(str, user.words("deploy", name, "--name", name, "--target", "kubernetes", "--no-wait",
                                                              space="one"))], stderr=subprocess.PIPE, text=True) as process:
            said = ""
            while line not in said and (more := process.stderr.readline()):
                said += more
            process.kill()
        made = {each for each in user.left("one") if name in each}
        bed.claim(line in said and len(made) > number, f"killed after it {line}", (said, made))
        if number % 2 == 0:
            again = user.deploy(name, space="one")
            bed.claim(again.code == 0, "deploying it again goes on from there", again)
        gone = user("delete", "deployment", name, "--yes", "--with-storage", space="one")
        made = {each for each in user.left("one") if name in each}
        bed.claim(gone.code == 0 and made == set(), "and removing it leaves nothing", (gone, made))


def another_cluster(user):
    """A record of a cluster that is no more is not taken for one of the cluster that is reached now."""
    gone = user("delete", "deployment", "here", "--yes", space="one")
    bed.claim(gone.code == 5 and "is on another cluster" in gone.err, "removing it where it is not is refused", gone)
    again = user.deploy("here", space="one")
    bed.claim(again.code == 5 and "is on another cluster" in again.err, "and so is changing it", again)
    kept = json.loads(user("get", "deployments", "-o", "json", space="one").out)
    bed.claim("here" in [each["name"] for each in kept], "and it is still known", kept)


def unknown_field(user):
    """A field that the cards' Kubernetes schemas know, of 1.37, and this cluster's 1.34 does not."""
    user.cards("newer", pod={"schedulingGroup": {"podGroupName": "together"}})
    refused = user.deploy("newer", space="one")
    bed.claim(refused.code == 2 and "Deployment one/newer" in refused.err and "schedulingGroup" in refused.err and
              "the cluster's version does not know that field" in refused.err, "a field that the cluster does not know is named", refused)
    bed.claim(not any("newer" in each for each in user.left("one")), "and nothing is made beside it", user.left("one"))


def prunes(user):
    user.cards("slim", before=MAP + CLAIM.replace("SIZE", "8Mi"))
    bed.need(user.deploy("slim", space="one"), "deploy slim")
    bed.need(user.cluster.kubectl("create", "configmap", "slim-other", "-n", "one"), "kubectl create")
    bed.need(user.cluster.kubectl("label", "configmap", "slim-other", "-n", "one", "app.kubernetes.io/instance=slim",
                                  "app.kubernetes.io/managed-by=model-library"), "kubectl label")
    user.cards("slim")
    diff = user("diff", "slim", "--name", "slim", space="one")
    bed.claim(diff.code == 1 and "remove ConfigMap one/slim-map" in diff.out, "diff tells what a changed template would remove", diff)
    changed = user.deploy("slim", space="one")
    left = user.left("one")
    bed.claim(changed.code == 0 and "removed ConfigMap one/slim-map" in changed.err and "ConfigMap/slim-map" not in left,
              "what is no longer rendered is removed", (changed, left))
    bed.claim("PersistentVolumeClaim/slim-pvc" in left, "but no storage", left)
    bed.claim("ConfigMap/slim-other" in left, "nor what only has our labels and no recorded uid", left)
    gone = user("delete", "deployment", "slim", "--yes", space="one")
    bed.claim(gone.code == 0 and "ConfigMap/slim-other" in user.left("one") and "Deployment/slim" not in user.left("one"),
              "delete leaves that, too", (gone, user.left("one")))


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home:
        with bed.Cluster(node=False) as cluster:
            bed.need(cluster.kubectl("apply", "-f", "-", input=SETTING), "kubectl apply")
            user = User(cluster, home)
            together(user)
            one_by_one(user)
            unknown_field(user)
            prunes(user)
            pods_are_tried(user)
            cut_off(user)
            user.cards("here")
            bed.need(user.deploy("here", space="one"), "deploy here")
        with bed.Cluster(node=False) as cluster:
            another_cluster(User(cluster, home))


if __name__ == "__main__":
    bed.main(test)
