"""One template on a real cluster by the command line: deploy, ask, change, diff, what goes wrong and why, delete."""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

import bed
from contract import fetch

SPACE = "team-a"
KINDS = ("deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,pods,services,endpointslices,secrets,configmaps,"
         "serviceaccounts,persistentvolumeclaims,ingresses,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers")
# What the cluster itself puts into every namespace.
GIVEN = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


class User:
    """Somebody with a catalogue, a state folder and a kubeconfig."""

    def __init__(self, cluster, home):
        self.cluster, self.home = cluster, pathlib.Path(home)
        self.catalogue = self.home / "catalog"
        shutil.copytree(bed.ROOT / "catalog", self.catalogue)
        weights = self.home / "weights"
        weights.mkdir()
        shutil.copy(next(bed.weights().glob("*.gguf")), weights / "made.gguf")
        self.edit("models/tiny-llama-test.yaml", r"file://\S+", f"file://{weights}/made.gguf")
        (weights / "broken.gguf").write_text("<!doctype html>\n<title>Not found</title>\n")
        # The shipped manifest leaves its claim out when weights are mounted; here it is used, as a cache.
        manifest = "frameworks/llama-cpp-server/manifest.yaml"
        self.edit(manifest, r"- \$weights_mounts", "- $weights_mounts\n            - {name: cache, mountPath: /cache}")
        self.edit(manifest, r"- \$weights_volumes",
                  '- $weights_volumes\n        - {name: cache, persistentVolumeClaim: {claimName: "${name}-pvc"}}')
        # Without its table of flags the engine itself has to say that it does not know one.
        self.edit("frameworks/llama-cpp-server/framework.yaml", r"\n  flags: llama.cpp", "")
        self.template("tiny-bad-flag", "--no-such-flag")
        self.template("tiny-no-weights", "--model", "/models/absent.gguf")
        for kind in ("models", "templates"):  # whose weights are a web page
            text = (self.catalogue / kind / "tiny-llama-test.yaml").read_text().replace("tiny-llama-test", "tiny-broken", 2)
            (self.catalogue / kind / "tiny-broken.yaml").write_text(text.replace("made.gguf", "broken.gguf"))

    def template(self, name, *arguments):
        """The test's template with more arguments for the engine."""
        text = (self.catalogue / "templates/tiny-llama-test.yaml").read_text().replace("name: tiny-llama-test", f"name: {name}", 1)
        (self.catalogue / f"templates/{name}.yaml").write_text(f"{text}  values: {{extra_args: {json.dumps(arguments)}}}\n")

    def edit(self, name, pattern, text):
        path = self.catalogue / name
        changed, count = re.subn(pattern, lambda _: text, path.read_text(), count=1)
        if not count:
            raise bed.Failure(f"{name} has no {pattern}")
        path.write_text(changed)

    def command(self, *arguments):
        return [*arguments, "-n", SPACE, "--kubeconfig", self.cluster.kubeconfig, "--catalog", str(self.catalogue),
                "--state", f"{self.home}/state"]

    def __call__(self, *arguments, timeout=120):
        return bed.mlib(*self.command(*arguments), timeout=timeout)

    def deploy(self, name, *more, timeout="60s", template="tiny-llama-test"):
        return self("deploy", template, "--name", name, "--target", "kubernetes", "--timeout", timeout,
                    "--set", f"image={bed.ENGINE_IMAGE}", *more)

    def left(self):
        """All objects of the namespace, but for those of the cluster itself."""
        return sorted({f"{o['kind']}/{o['metadata']['name']}" for o in self.cluster.objects(KINDS, "-n", SPACE)} - GIVEN)


def ask(url, key=""):
    """How many tokens a chat completion gave, or the status of a refusal."""
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["usage"]["completion_tokens"]
    except urllib.error.HTTPError as refused:
        return refused.code


def runs_and_changes(user):
    dry = user("deploy", "tiny-llama-test", "--name", "llama", "--target", "kubernetes", "--dry-run=server")
    bed.claim(dry.code == 0 and "Namespace team-a" in dry.out, "a server dry run says what would be made", dry)
    bed.claim(user.cluster.kubectl("get", "namespace", SPACE).code != 0, "and makes nothing")
    made = user.deploy("llama")
    if not bed.claim(made.code == 0 and "llama is ready at http://" in made.out, "deploy waits until the pod is ready", made):
        raise bed.Failure(str(user.cluster.kubectl("describe", "pods", "-n", SPACE)))
    url = user("endpoint", "llama").out.strip()
    bed.claim(url.startswith(f"http://{user.cluster.address}:"), "endpoint prints the NodePort's URL alone", url)
    bed.claim("ok" in fetch(f"{url}/health"), "which answers", url)
    bed.claim(ask(url) == 8, "the engine answers a chat completion through it")
    said = user("chat", "llama", "Hello", "--max-tokens", "8", "-o", "json")
    bed.claim(said.code == 0 and json.loads(said.out)["answer"], "chat streams an answer", said)
    streamed = user("chat", "llama", "Hello", "--max-tokens", "8")
    bed.claim(streamed.code == 0 and streamed.out.strip(), "and prints it as it comes", streamed)
    python = user("endpoint", "llama", "--snippet").out.split("\n\n", 1)[1]
    ran = bed.run("python3", "-c", python)
    bed.claim(ran.code == 0 and ran.out, "the snippet of an endpoint runs as it is", f"{python}{ran}")
    bed.claim("listening on http:" in user("logs", "llama").out, "logs prints the engine's log")
    tail = user("logs", "llama", "--tail", "1")
    bed.claim(len(tail.out.splitlines()) == 1, "and with --tail only its end", tail)
    status = json.loads(user("status", "llama", "-o", "json").out)
    bed.claim((status["phase"], status["endpoint"]) == ("ready", url), "status says ready", status)
    same = user("diff", "tiny-llama-test", "--name", "llama", "--set", f"image={bed.ENGINE_IMAGE}")
    bed.claim(same.code == 0, "diff of the same is empty and exits 0", same)
    change = ("--set", "parallel=2", "--api-key-file", str(user.home / "key"))
    (user.home / "key").write_text("canary-of-the-key")
    diff = user("diff", "tiny-llama-test", "--name", "llama", "--set", f"image={bed.ENGINE_IMAGE}", *change)
    bed.claim(diff.code == 1 and re.search(r'^\+ +- "2"', diff.out, re.M), "diff shows a changed argument and exits 1", diff)
    bed.claim("LLAMA_API_KEY" in diff.out and "canary" not in diff.out and "Y2FuYXJ5" not in diff.out,
              "and that a secret is new, but not what it is", diff)
    args = user.cluster.objects("deployment", "llama", "-n", SPACE)[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    bed.claim(args[args.index("--parallel") + 1] == "1", "and changes nothing")
    def pod_now():
        return user.cluster.objects("pod", "-l", "app.kubernetes.io/instance=llama", "-n", SPACE)[0]["metadata"]["uid"]

    pod = pod_now()
    locked = user.deploy("llama", "--api-key-file", str(user.home / "key"))
    url = user("endpoint", "llama").out.strip()
    refused = user("chat", "llama", "Hello")
    bed.claim(refused.code == 4 and "--api-key-file" in refused.err, "chat without its key says how to give it", refused)
    let_in = user("chat", "llama", "Hello", "--max-tokens", "4", "--api-key-file", str(user.home / "key"))
    bed.claim(let_in.code == 0, "and with it is let in", let_in)
    bed.claim(locked.code == 0 and ask(url, "canary-of-the-key") == 8, "a new key alone restarts the pod and lets its owner in", locked)
    bed.claim(pod_now() != pod and ask(url) == 401, "and nobody else")
    changed = user.deploy("llama", "--set", "parallel=2")
    bed.claim(changed.code == 0 and ask(user("endpoint", "llama").out.strip()) == 8, "a change is rolled out and answers", changed)
    args = user.cluster.objects("deployment", "llama", "-n", SPACE)[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    bed.claim(args[args.index("--parallel") + 1] == "2", "with the new argument")


def conflicts(user):
    user.cluster.kubectl("create", "secret", "generic", "other-key", "-n", SPACE)
    before = user.left()
    foreign = user.deploy("other")
    bed.claim(foreign.code == 5 and "Secret team-a/other-key exists and is not managed by the Model Library" in foreign.err,
              "an object of somebody else is a conflict that is named", foreign)
    bed.claim(user.left() == before, "and nothing was made beside it", user.left())
    user.cluster.kubectl("scale", "deployment", "llama", "--replicas=2", "-n", SPACE)
    field = user.deploy("llama")
    bed.claim(field.code == 5 and "spec.replicas was set by kubectl" in field.err,
              "a field that another manager set is a conflict that names both", field)
    bed.claim(user.deploy("llama", "--force-conflicts").code == 0, "--force-conflicts takes it over")
    user.cluster.kubectl("delete", "deployment", "llama", "-n", SPACE, "--wait=true")
    again = user.deploy("llama")
    shutil.move(user.home / "state", user.home / "lost")
    lost = user.deploy("llama")
    bed.claim(lost.code == 5 and "records are elsewhere" in lost.err, "a deployment of other records is a conflict", lost)
    bed.claim(user.deploy("llama", "--force-conflicts").code == 0, "that --force-conflicts takes over")
    bed.claim(again.code == 0, "a deployment whose objects were deleted by hand is made whole by deploying again", again)


def failures(user):
    """(name, template, arguments, what the error says); each leaves at most its claim."""
    cases = [
        ("crash", "tiny-bad-flag", [], ["does not know one of its flags", "exit code 1", "--no-such-flag"]),
        ("image", "tiny-llama-test", ["--set", "image=127.0.0.1:9/none:1"],
         ["127.0.0.1:9/none:1", "its registry does not answer"]),
        ("memory", "tiny-llama-test", ["--set", "memory=6Mi"], ["used more memory than its limit"]),
        ("broken", "tiny-broken", [], ["the weights are no file that this engine reads", "exit code 1"]),
        ("weights", "tiny-no-weights", [], ["cannot load the weights", "exit code 1", "absent.gguf"]),
    ]
    for name, template, arguments, words in cases:
        before = set(user.left())
        failed = user.deploy(name, *arguments, template=template)
        bed.claim(failed.code == 1 and all(word in failed.err for word in words), f"{name}: the cause is told", failed)
        # Pods of what was taken away may take a moment to go.
        new = bed.wait(lambda: not [o for o in set(user.left()) - before if not o.startswith("PersistentVolumeClaim/")],
                       40, f"{name} is gone")
        bed.claim(new, f"{name}: nothing of it is left but its claim", user.left())
    slow = user.deploy("huge", "--set", "cpus=500", timeout="4s")
    bed.claim(slow.code == 8 and "node without enough cpu (500 asked)" in slow.err,
              "what fits on no node is told while it waits", slow)
    bed.claim(user("delete", "deployment", "huge", "--with-storage", "--yes").code == 0, "and can be deleted", slow)
    wrong = user("deploy", "tiny-llama-test", "--name", "wrong", "--target", "kubernetes", "--context", "nowhere")
    bed.claim(wrong.code == 3 and "has no context `nowhere`" in wrong.err, "an unknown context is named", wrong)
    down = user.home / "down.conf"
    down.write_text(re.sub(r"https://[^\"]+", "https://127.0.0.1:9", pathlib.Path(user.cluster.kubeconfig).read_text()))
    off = bed.mlib("status", "llama", "-n", SPACE, "--kubeconfig", down, "--state", user.home / "state")
    bed.claim("does not answer" in off.out + off.err and "127.0.0.1:9" in off.out + off.err, "a cluster that is down is named", off)
    nobody = user.home / "nobody.conf"
    nobody.write_text(re.sub(r"user: \{client-certificate-data.*?\}", "user: {token: bed-nobody-token}",
                             pathlib.Path(user.cluster.kubeconfig).read_text()))
    refused = bed.mlib("deploy", "tiny-llama-test", "--name", "no", "-n", SPACE, "--target", "kubernetes", "--kubeconfig",
                       nobody, "--catalog", user.catalogue, "--state", user.home / "state")
    bed.claim(refused.code == 4 and 'User "token-nobody" cannot' in refused.err, "what RBAC forbids is told with who may not", refused)


def credentials(user):
    """The ways of a kubeconfig to say who one is, each against the real API server."""
    plain = pathlib.Path(user.cluster.kubeconfig).read_text()
    token = user.home / "token"
    token.write_text("bed-admin-token\n")
    give = ('{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"bed-admin-token"}}')
    program = json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", f"echo '{give}'"],
                          "interactiveMode": "Never"})
    users = {"a token": ("{token: bed-admin-token}", ""), "a token file": (f"{{tokenFile: {token}}}", ""),
             "a credential program": (f"{{exec: {program}}}", ""),
             "impersonation": ("{token: bed-admin-token, as: somebody}", 'User "somebody" cannot')}
    for what, (text, refused) in users.items():
        conf = user.home / "who.conf"
        conf.write_text(re.sub(r"user: \{client-certificate-data.*?\}", lambda _: f"user: {text}", plain))
        status = bed.mlib("status", "llama", "-n", SPACE, "--kubeconfig", conf, "--state", user.home / "state")
        said = status.out + status.err
        bed.claim(refused in said if refused else "ready since" in said, f"{what} of a kubeconfig is used", status)
    stranger = user.home / "stranger.conf"
    stranger.write_text(re.sub(r"certificate-authority-data: [^\s,}]+, ?|, ?certificate-authority-data: [^\s,}]+", "", plain))
    untrusted = bed.mlib("status", "llama", "-n", SPACE, "--kubeconfig", stranger, "--state", user.home / "state")
    bed.claim("does not answer" in untrusted.out + untrusted.err, "a cluster whose certificate nobody vouches for is not spoken to",
              untrusted)


def follows(user):
    process = subprocess.Popen([bed.MLIB, *user.command("logs", "llama", "-f")], stdout=subprocess.PIPE, text=True)
    try:
        seen = next((line for line in process.stdout if "listening on http:" in line), "")
        bed.claim(seen, "logs -f gives the log as it comes")
        process.send_signal(signal.SIGINT)
        bed.claim(process.wait(10) in (0, 130), "and ends on Ctrl-C", process.returncode)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def deletes(user):
    for claim in [o for o in user.left() if o.startswith("PersistentVolumeClaim/") and "llama" not in o]:
        name = claim.split("/")[1].removesuffix("-pvc")
        gone = user("delete", "deployment", name, "--with-storage", "--yes", "--target", "kubernetes")
        bed.claim(gone.code == 0, f"storage that {name} left is deleted on request", gone)
    user.cluster.kubectl("delete", "secret", "other-key", "-n", SPACE)
    deleted = user("delete", "deployment", "llama", "--yes")
    bed.claim(deleted.code == 0 and "llama-pvc (64Mi)" in deleted.out + deleted.err, "delete says which storage it keeps", deleted)
    bed.claim(user.left() == ["PersistentVolumeClaim/llama-pvc"], "nothing is left but the claim", user.left())
    again = user.deploy("llama")
    bed.claim(again.code == 0, "a new deployment takes its storage up again", again)
    whole = user("delete", "deployment", "llama", "--yes", "--with-storage")
    bed.claim(whole.code == 0 and user.left() == [], "with --with-storage nothing is left", f"{whole}\n{user.left()}")
    bed.claim(user.cluster.kubectl("get", "namespace", SPACE).code == 0, "the namespace stays")


def test():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home:
        cluster.load("engine", "base")
        user = User(cluster, home)
        for part in (runs_and_changes, credentials, conflicts, follows, failures, deletes):
            part(user)


if __name__ == "__main__":
    bed.main(test)
