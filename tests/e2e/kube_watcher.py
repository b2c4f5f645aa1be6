"""Kube Watcher as a target, both generations on a real cluster: deploy, ask, replace, delete, and what goes wrong."""
import json
import re
import tempfile

import bed
import kube_watcher_standin as standin

# An object of somebody else that has the deployment's own standard labels.
FOREIGN = {"apiVersion": "v1", "kind": "Secret", "metadata": {
    "name": "theirs", "labels": {"app.kubernetes.io/instance": "llama", "app.kubernetes.io/managed-by": "model-library"}}}


class User:
    def __init__(self, cluster, cards, watcher, space, key=None):
        self.cluster, self.cards, self.watcher, self.space = cluster, cards, watcher, space
        self.state = tempfile.mkdtemp(dir=cards.parent)
        self.env = {"KUBE_WATCHER_URL": watcher.url, "KUBE_WATCHER_NODE": cluster.address}
        self.keyed(key)

    def keyed(self, key):
        self.env["KUBE_WATCHER_KEY"] = standin.KEYS[key] if key else ""

    def __call__(self, *arguments, timeout=240):
        return bed.mlib(*arguments, "-n", self.space, "--catalog", self.cards, "--state", self.state, env=self.env, timeout=timeout)

    def deploy(self, name, *more, template="tiny-llama-test"):
        return self("deploy", template, "--name", name, "--target", "kube-watcher", "--timeout", "180s",
                    "--set", f"image={bed.ENGINE_IMAGE}", *more)

    def left(self, kinds="deployments,services,secrets,persistentvolumeclaims,pods"):
        return sorted(f"{each['kind']}/{each['metadata']['name']}" for each in self.cluster.objects(kinds, "-n", self.space))

    def make(self, thing):
        bed.need(self.cluster.kubectl("create", "-n", self.space, "-f", "-", input=json.dumps(thing)), "kubectl create")


def answers(user, name, what):
    url = user("endpoint", name).out.strip()
    # A node port answers a moment after its pod is ready.
    bed.wait(lambda: standin.chat(url) == 8, 60, f"{what} ({url})")
    return bed.claim(url.startswith(f"http://{user.cluster.address}:"), what, url)


def same_for_both(user, title):
    """Deploy, ask, again, replace: leaves `llama` running."""
    dry = user.deploy("llama", "--dry-run=server")
    bed.claim(dry.code == 0 and f"create Deployment {user.space}/llama" in " ".join(dry.out.split()),
              f"{title}: a dry run says what would be created", dry)
    bed.claim(user.cluster.kubectl("get", "namespace", user.space).code != 0, f"{title}: and creates nothing")
    made = user.deploy("llama")
    if not bed.claim(made.code == 0 and "llama is ready at http://" in made.out, f"{title}: deploy waits until it is ready", made):
        raise bed.Failure(f"{user.cluster.kubectl('describe', 'pods', '-n', user.space)}\n{user.watcher.log()}")
    answers(user, "llama", f"{title}: the engine answers a chat completion through its node port")
    status = json.loads(user("status", "llama", "-o", "json").out)
    bed.claim(status["phase"] == "ready" and status["target"] == "kube-watcher", f"{title}: status says ready", status)
    again = user.deploy("llama")
    bed.claim(again.code == 0 and "runs already as asked for" in again.err + again.out, f"{title}: the same again changes nothing", again)
    again = user.deploy("llama", "--set", "parallel=2")
    bed.claim(again.code == 5 and "--replace" in again.err and "exists already" in again.err,
              f"{title}: what exists is said clearly, and replace offered", again)
    status = json.loads(user("status", "llama", "-o", "json").out)
    bed.claim((status["phase"], status["state"]) == ("ready", "deployed"), f"{title}: and nothing changed", status)
    before = user.cluster.objects("deployment", "llama", "-n", user.space)[0]["metadata"]["uid"]
    claim = user.cluster.objects("pvc", "llama-pvc", "-n", user.space)[0]["metadata"]["uid"]
    replaced = user.deploy("llama", "--replace", "--set", "parallel=2")
    bed.claim(replaced.code == 0 and "llama is ready" in replaced.out, f"{title}: --replace creates it anew", replaced)
    after = user.cluster.objects("deployment", "llama", "-n", user.space)[0]
    arguments = after["spec"]["template"]["spec"]["containers"][0]["args"]
    bed.claim(after["metadata"]["uid"] != before and arguments[arguments.index("--parallel") + 1] == "2", f"{title}: with what was changed")
    bed.claim(user.cluster.objects("pvc", "llama-pvc", "-n", user.space)[0]["metadata"]["uid"] == claim, f"{title}: and its storage kept")
    answers(user, "llama", f"{title}: and it answers again")


def foreign_workload(user, title):
    user.make({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "theirs"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": bed.BASE_IMAGE}]}}}})
    refused = user.deploy("theirs", "--replace")
    bed.claim(refused.code == 5 and "theirs" in refused.err, f"{title}: a Deployment of others is not replaced", refused)
    bed.claim("Deployment/theirs" in user.left(), f"{title}: nor deleted", user.left())
    bed.claim(user("status", "theirs").code == 3, f"{title}: and not recorded as ours", user("status", "theirs"))


def per_object(user, title, words):
    """A Service that stands in the way: named in the error, everything else taken back as far as can be."""
    user.make({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "blocked"}, "spec": {"ports": [{"port": 1}]}})
    failed = user.deploy("blocked")
    bed.claim(failed.code in (1, 5) and f"Service {user.space}/blocked: " in failed.err and words in failed.err,
              f"{title}: a failure inside a 200 is a failure, told per object", failed)
    bed.claim("Service/blocked" in user.left() and "Deployment/blocked" not in user.left(), f"{title}: and nothing runs", user.left())
    return failed


def early(cluster, cards, shape):
    title, space = f"January 2024 ({shape})", f"early-{shape}"
    with standin.Standin(cluster, "seed", "--answers", shape) as watcher:
        user = User(cluster, cards, watcher, space)
        same_for_both(user, title)
        user.make(FOREIGN)
        logs = user("logs", "llama")
        bed.claim(logs.code == 6 and f"kubectl -n {space} logs" in logs.err, f"{title}: logs it has none, and mlib says what to do", logs)
        foreign_workload(user, title)
        failed = per_object(user, title, "already exists" if shape == "lists" else "does not say why")
        bed.claim(f"left: PersistentVolumeClaim {space}/blocked-pvc" in failed.err, f"{title}: what it cannot take back is said", failed)
        gone = user("delete", "deployment", "llama", "--yes")
        said = "(by Kubernetes, with its Service)" if shape == "lists" else f"kubectl -n {space} delete secret llama-key"
        bed.claim(gone.code == 0 and said in gone.out and f"kubectl -n {space} delete persistentvolumeclaim llama-pvc" in gone.out,
                  f"{title}: delete says what stays and how to remove it", gone)
        if shape == "lists":
            bed.wait(lambda: "Secret/llama-key" not in user.left("secrets"), 40, "Kubernetes deletes what belongs to the Service")
        left = user.left("deployments,services,secrets,persistentvolumeclaims")
        bed.claim("Deployment/llama" not in left and "Service/llama" not in left and "Secret/theirs" in left and
                  "PersistentVolumeClaim/llama-pvc" in left, f"{title}: what it says is so, and nothing of others is touched", left)


def today(cluster, cards):
    title, space = "today", "today"
    with standin.Standin(cluster, "today", "--keys", ",".join(standin.KEYS.values())) as watcher:
        user = User(cluster, cards, watcher, space)
        for key in (None, "read", "write"):
            user.keyed(key)
            refused = user.deploy("llama")
            bed.claim(refused.code == 4 and "KUBE_WATCHER_KEY" in refused.err and "canary" not in refused.err + refused.out,
                      f"{title}: with {f'a {key}' if key else 'no'} key deploy is refused, and says which it takes", refused)
        user.keyed("admin")
        same_for_both(user, title)
        user.make(FOREIGN)
        logs = user("logs", "llama", "--tail", "5")
        bed.claim(logs.code == 0 and 0 < len(logs.out.splitlines()) <= 5, f"{title}: logs prints the log's end", logs)
        bed.claim(user("logs", "llama", "--since", "1h").code == 6, f"{title}: when a line was written it does not tell, and mlib does not act as if")
        foreign_workload(user, title)
        per_object(user, title, "already exists")
        bed.claim("Secret/blocked-key" not in user.left() and not any("PersistentVolumeClaim/blocked" in each for each in user.left()),
                  f"{title}: everything made is taken back", user.left())
        broken = user.deploy("broken", template="tiny-bad-flag")
        bed.claim(broken.code == 1 and "no-such-flag" in broken.err, f"{title}: why it fails is found", broken)
        bed.claim(not any("broken" in each and "Claim" not in each for each in user.left("deployments,services,secrets")), f"{title}: and it is taken away", user.left())
        absent = user.deploy("imageless", "--set", "image=localhost/mlib-absent:1")
        bed.claim(absent.code in (1, 7) and "localhost/mlib-absent:1" in absent.err, f"{title}: an image that is not there is named", absent)
        elsewhere = bed.mlib("status", "llama", "-n", space, "--catalog", cards, "--state", user.state, "--kube-watcher-url",
                             watcher.url.replace("127.0.0.1", "localhost"), env=user.env)
        bed.claim("refuses the key" in elsewhere.out, f"{title}: the key is not sent to another origin", elsewhere)
        key = cards.parent / "key"
        key.write_text(f"{standin.KEYS['admin']}\n")
        user.keyed(None)
        user.env["KUBE_WATCHER_KEY_FILE"] = str(key)
        bed.claim("ready" in user("status", "llama").out, f"{title}: the key may be in a file", user("status", "llama"))
        user.env["KUBE_WATCHER_KEY_FILE"] = "/nowhere/key"
        bed.claim("/nowhere/key" in user("status", "llama").out, f"{title}: a key file that is not there is named")
        del user.env["KUBE_WATCHER_KEY_FILE"]
        user.keyed("write")
        silent = user("delete", "deployment", "llama", "--yes")
        bed.claim(silent.code == 1 and "deleted nothing" in silent.err, f"{title}: a key whose namespace is ignored deletes nothing, and mlib says so", silent)
        user.keyed("admin")
        gone = user("delete", "deployment", "llama", "--yes")
        left = user.left()
        bed.claim(gone.code == 0 and "Deployment/llama" not in left and "Service/llama" not in left and "Secret/llama-key" not in left and
                  not any(each.startswith("Pod/llama") for each in left), f"{title}: delete removes it all", f"{gone}\n{left}")
        bed.claim("PersistentVolumeClaim/llama-pvc" in left and "llama-pvc" in gone.out, f"{title}: but for its storage, and says so", left)
        bed.claim("Secret/theirs" in left and "Deployment/theirs" in left, f"{title}: nothing of others is touched", left)
        storage = user("delete", "deployment", "llama", "--target", "kube-watcher", "--with-storage", "--yes")
        bed.claim(storage.code == 0 and "PersistentVolumeClaim/llama-pvc" not in user.left(), f"{title}: --with-storage removes that too", storage)
        bed.claim("delete_user_space" not in watcher.log(), f"{title}: no namespace was asked to be deleted")


FAKE_CHECKED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: shape, namespace: default, labels: {shape: x}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shape, namespace: default}
"""


def fake_is_like_it(cluster):
    """What the scripted fake of src/targets answers has the shape of what the stand-ins answer over a real cluster."""
    with standin.Standin(cluster, "today") as today, standin.Standin(cluster, "seed") as early:
        def post(watcher, call, body):
            return bed.ask(watcher.port, "POST", f"/v1/{call}", body)

        both = post(today, "deploy_generic_model", {"config": FAKE_CHECKED}).json()
        bed.claim(set(both) == {"successful", "failed"} and '"reason":"AlreadyExists"' in both["failed"][0]["error"] and
                  set(both["failed"][0]) == {"yaml", "error"}, "fake: 409 is a Status inside an error's text", both)
        made = both["successful"][0]
        bed.claim(made.startswith("[[{'api_version': 'v1'") and "'uid': '" in made, "fake: what was made is Python's text", made)
        service = "apiVersion: v1\nkind: Service\nmetadata: {name: shape, namespace: default}\nspec: {ports: [{port: 1}]}\n"
        text = post(early, "deploy_generic_model", {"config": service}).json()["successful"][0]
        bed.claim(re.search(r"'uid': '[0-9a-f-]{36}'}, 'spec': {", text), "fake: a Service's text ends its metadata with the uid", text)
        bed.claim(post(today, "deploy_generic_model", {"config": ""}).json() == {}, "fake: nothing of nothing")
        found = post(today, "get_resources_with_label", {"labels": {"shape": "x"}}).json()
        bed.claim(found["default"]["ConfigMap"]["shape"]["uid"], "fake: resources are by namespace, kind and name, with metadata", found)
        rows = post(early, "list_deepsparse_deployments", {"namespace": "default"}).json()
        bed.claim({"cluster_ip", "ports"} <= set(rows["shape"]), "fake: a Service has a row of its name", rows)
        bed.claim(bed.ask(early.port, "GET", "/v1/list_deepsparse_deployments").status == 405, "fake: the early one knows that route by POST only")
        gone = post(today, "delete_labeled_resources", {"label": "shape", "value": "x", "force_namespace": "default"}).json()
        bed.claim(gone == {"deleted_resources": [], "failures": []}, "fake: a ConfigMap is not deleted, in silence", gone)
        for thing in ("service", "configmap"):
            cluster.kubectl("delete", thing, "shape")


def facade(cluster, cards):
    """The original's page against mlib alone, on the cluster."""
    user, port = {"id": "page", "namespace": "page", "API_key": ""}, bed.free_port()
    with bed.Server("--catalog", cards, "--kube-watcher", f"127.0.0.1:{port}", "--kube-watcher-target", "kubernetes",
                    env=cluster.env) as server:
        def watcher(call, body):
            return bed.ask(port, "POST", f"/v1/{call}", body, timeout=180).json()

        def row():
            return watcher("list_deepsparse_deployments", {"namespace": "page"}).get("llama", {})

        template = next(each for each in server.get("/get_all").json()["ModelDeploymentTemplateCard"] if each["id"] == "tiny-llama-test")
        template["params"].update({"deployment_name": "llama", "image": bed.ENGINE_IMAGE})
        config = server.post("/create", {"template": template, "user": user}).json()
        made = watcher("deploy_generic_model", {"config": config})
        bed.claim(made["failed"] == [] and "Deployment page/llama" in made["successful"], "facade: the page's config is deployed to the cluster", made)
        ready = bed.wait(lambda: row().get("ready_replicas") == 1 and row(), 120, "facade: the row counts one ready")
        url = f"http://{ready['cluster_ip']}:{ready['ports'][0][0]}"
        bed.wait(lambda: standin.chat(url) == 8, 60, f"facade: the engine answers at {url}")
        bed.claim(watcher("delete_deepsparse_model", {"namespace": "page", "deployment_name": "llama"}) is True, "facade: Delete is true")
        left = sorted(f"{each['kind']}/{each['metadata']['name']}" for each in
                      cluster.objects("deployments,services,secrets,pods,persistentvolumeclaims", "-n", "page"))
        bed.claim(left == ["PersistentVolumeClaim/llama-pvc"] and row() == {}, "facade: and nothing is left but the storage", left)


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home, bed.Cluster(node=True) as cluster:
        cluster.load("engine", "base")
        cards = standin.catalogue(home, claim=True)
        facade(cluster, cards)
        fake_is_like_it(cluster)
        early(cluster, cards, "lists")
        early(cluster, cards, "plain")
        today(cluster, cards)


if __name__ == "__main__":
    bed.main(test)
