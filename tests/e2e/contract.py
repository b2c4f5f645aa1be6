"""One suite over every target: what a deployment goes through, by the command line, on podman, on Kubernetes and by
both generations of Kube Watcher. What a target says that it cannot do (`mlib get targets`) is looked at instead.

    contract.py [podman] [kubernetes] [kube-watcher-today] [kube-watcher-2024]
"""
import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import bed
import kube_watcher_standin as standin

SPACE = "contract"
FRAMEWORK = """\
apiVersion: model-library/v1
kind: Framework
metadata: {name: box, title: A box, description: A small HTTP server that does as it is told}
spec:
  engine: busybox
  image: IMAGE
  protocol: http
  health: {path: /health, port: 8080}
  parameters:
    image: {help: Image, pattern: repository, from: framework.image, required: true}
    mode: {help: How it behaves, default: serve, enum: [serve, die, late, sick, loop]}
    text: {help: What it serves, default: one, pattern: word}
    token: {help: A secret, secret: true}
    prepare: {help: How preparing it ends, type: integer, default: 0}
"""
MANIFEST = """\
apiVersion: v1
kind: Secret
metadata: {name: "${name}-key"}
stringData: {TOKEN: $token}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "${name}-files"}
data: {note.txt: "kept as it is: $text"}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: "${name}-store"}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 8Mi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $name}
spec:
  replicas: 1
  strategy: {type: Recreate}
  template:
    spec:
      terminationGracePeriodSeconds: 1
      initContainers:
        - name: prepare
          image: $image
          imagePullPolicy: IfNotPresent
          command: [sh, -c, 'echo "preparing"; date >> /data/starts; exit $PREPARE']
          env: [{name: PREPARE, value: "$prepare"}]
          volumeMounts: [{name: store, mountPath: /data}]
      containers:
        - name: box
          image: $image
          imagePullPolicy: IfNotPresent
          command: [sh, -c, 'SCRIPT']
          env:
            - {name: MODE, value: "$mode"}
            - {name: TEXT, value: "$text"}
          envFrom: [{secretRef: {name: "${name}-key"}}]
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1}
          resources: {limits: {memory: 32Mi, cpu: "0.5"}}
          volumeMounts:
            - {name: store, mountPath: /data}
            - {name: files, mountPath: /files}
      volumes:
        - {name: store, persistentVolumeClaim: {claimName: "${name}-store"}}
        - {name: files, configMap: {name: "${name}-files"}}
---
apiVersion: v1
kind: Service
metadata: {name: $name}
spec:
  type: NodePort
  ports: [{name: http, port: 8080, targetPort: 8080}]
"""
# Written with $$ because a card's manifest takes $NAME for a parameter.
SCRIPT = """\
echo "box starts as $TEXT";
case $MODE in
die) echo "error: cannot open the model of $TEXT"; echo bye; exit 3;;
loop) sleep 0.3; echo "fatal: it went wrong again"; exit 4;;
esac;
mkdir -p /tmp/www; echo "$TEXT" > /tmp/www/text; cp /data/starts /tmp/www/starts; cp /files/note.txt /tmp/www/note;
echo "${#TOKEN}" > /tmp/www/token;
[ "$MODE" = late ] || echo ok > /tmp/www/health;
[ "$MODE" != sick ] || (sleep 3; rm /tmp/www/health; echo "error: now sick") &
printf "box "; sleep 0.2; echo "listens"; exec httpd -f -p 8080 -h /tmp/www"""
FAILING = ("dies", "unprepared", "imageless", "unreachable")
CARDS = {
    "models/box": "kind: Model\nmetadata: {name: box}\nspec: {framework: box, format: none}\n",
    "hardware/small": "kind: Hardware\nmetadata: {name: small}\nspec: {cpus: 0.5, memory: 32Mi, replicas: 1}\n",
    "templates/box": "kind: Template\nmetadata: {name: box}\nspec: {model: box, hardware: small}\n",
}


class User:
    """Somebody with a catalogue, a state folder and a target of their own."""

    def __init__(self, home, title, env):
        self.home, self.title, self.env = pathlib.Path(home), title, env
        self.target = "kube-watcher" if title.startswith("kube-watcher") else title
        found = json.loads(bed.need(bed.mlib("get", "targets", "-o", "json", env=env), "mlib get targets").out)
        mine = next(each for each in found if each["name"] == self.target)
        if not mine["answers"]:
            raise bed.Failure(f"{self.target}: {mine}")
        self.lacks = set(mine.get("lacks", []))
        self.space = f"{SPACE}-{title}"
        catalogue = self.home / "catalog"
        (catalogue / "frameworks" / "box").mkdir(parents=True)
        (catalogue / "frameworks" / "box" / "framework.yaml").write_text(FRAMEWORK.replace("IMAGE", bed.BASE_IMAGE))
        script = " ".join(SCRIPT.split("\n")).replace("'", "''").replace("$", "$$")
        manifest = MANIFEST.replace("exit $PREPARE", "exit $$PREPARE").replace("SCRIPT", script)
        (catalogue / "frameworks" / "box" / "manifest.yaml").write_text(manifest)
        for name, text in CARDS.items():
            path = catalogue / f"{name}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text("apiVersion: model-library/v1\n" + text)

    def words(self, *arguments):
        return [*arguments, "-n", self.space, "--catalog", str(self.home / "catalog"), "--state", str(self.home / "state")]

    def __call__(self, *arguments, timeout=90):
        return bed.mlib(*self.words(*arguments), env=self.env, timeout=timeout)

    def can(self, ability):
        return ability not in self.lacks

    def deploy(self, name, *sets, timeout="40s", more=()):
        pairs = [word for each in sets for word in ("--set", each)]
        return self("deploy", "box", "--name", name, "--target", self.target, "--timeout", timeout, *pairs, *more)

    def changes(self, claim, how, sentence):
        """What `how(more)` changes; where nothing can be changed in place it is refused first, and --replace offered."""
        done = how(())
        if not self.can("change"):
            claim(done.code == 5 and "--replace" in done.err, f"{sentence}: it says that it cannot change, and offers --replace", done)
            done = how(["--replace"])
        return done

    def endpoint(self, name):
        return self("endpoint", name).out.strip()

    def delete(self, name, *more):
        return self("delete", "deployment", name, "--yes", *more)


def fetch(url, seconds=20):
    """The body, or "" when nothing answers within `seconds`: kube-proxy learns of a ready pod up to a second after us."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode().strip()
        except (OSError, urllib.error.URLError):
            if time.monotonic() > end:
                return ""
            time.sleep(0.1)


def claims_of(user):
    def claim(condition, sentence, detail=""):
        return bed.claim(condition, f"{user.title}: {sentence}", detail)
    return claim


def lives(user, claim):
    """Deploy, look, deploy again, change."""
    dry = user("deploy", "box", "--name", "one", "--target", user.target, "--dry-run=server")
    claim(dry.code == 0 and "Deployment" in dry.out, "a dry run says what would be made", dry)
    claim(user("status", "one").code == 3, "and makes nothing")
    made = user.deploy("one", "token=canary-1234")
    if not claim(made.code == 0 and "one is ready at http://" in made.out, "deploy waits until the endpoint answers", made):
        raise bed.Failure("nothing runs, so nothing else can be claimed")
    claim("canary-1234" not in made.out + made.err, "and tells no secret", made)
    url = user.endpoint("one")
    claim(re.fullmatch(r"http://[0-9.]+:\d+", url), "endpoint prints the URL alone", url)
    claim(fetch(f"{url}/text") == "one", "the endpoint answers", url)
    claim(fetch(f"{url}/token") == str(len("canary-1234")), "a Secret's value is in the container's environment")
    claim(fetch(f"{url}/note") == "kept as it is: one", "a ConfigMap is a file in the container", fetch(f"{url}/note"))
    status = json.loads(user("status", "one", "-o", "json").out)
    claim((status["phase"], status["endpoint"]) == ("ready", url), "status says ready", status)
    tells(user, claim)
    again = user.deploy("one", "token=canary-1234")
    claim(again.code == 0 and len(fetch(f"{url}/starts").splitlines()) == 1, "the same again changes nothing", again)
    same = user("diff", "box", "--name", "one", "--set", "token=canary-1234")
    claim(same.code == 0, "and diff is empty and exits 0", same)
    diff = user("diff", "box", "--name", "one", "--set", "text=two", "--set", "token=canary-9999")
    claim(diff.code == 1 and re.search(r"^\+.*two", diff.out, re.M), "diff shows a change and exits 1", diff)
    claim("canary" not in diff.out and "Y2FuYXJ5" not in diff.out, "but no secret", diff)
    changed = user.changes(claim, lambda more: user.deploy("one", "text=two", "token=canary-99999", more=more), "a change")
    url = user.endpoint("one")
    claim(changed.code == 0 and fetch(f"{url}/text") == "two", "a change is rolled out", changed)
    claim(fetch(f"{url}/token") == str(len("canary-99999")), "with the new secret")
    claim(len(fetch(f"{url}/starts").splitlines()) == 2, "and its storage is the same", fetch(f"{url}/starts"))
    goes_back(user, claim)


def goes_back(user, claim):
    back = user.changes(claim, lambda more: user("rollback", "one", *more), "rollback") if user.can("keep-secrets") else user("rollback", "one")
    url = user.endpoint("one")
    if not user.can("keep-secrets"):
        claim(back.code == 6 and "cannot go back" in back.err and "hint:" in back.err, "rollback with Secrets is refused, with a next step", back)
        claim(fetch(f"{url}/text") == "two", "and nothing is changed")
        return
    claim(back.code == 0 and fetch(f"{url}/text") == "one", "rollback brings the earlier objects back", back)
    claim(fetch(f"{url}/token") == str(len("canary-99999")), "and keeps the Secret that runs", fetch(f"{url}/token"))
    again = user.changes(claim, lambda more: user.deploy("one", "text=two", "token=canary-99999", more=more), "and forth")
    claim(again.code == 0 and fetch(f"{user.endpoint('one')}/text") == "two", "and it can be changed again", again)


def tells(user, claim):
    """Logs, events, or why not."""
    def refused(asked, words, sentence):
        claim(asked.code == 6 and words in asked.err and f"kubectl -n {user.space}" in asked.err, sentence, asked)

    log, tail = user("logs", "one"), user("logs", "one", "--tail", "1")
    if user.can("logs"):
        claim("box | box listens" in log.out.splitlines(), "logs prints the container's log", log)
        claim(tail.out.splitlines() == ["box | box listens"], "and with --tail its end only", tail)
    else:
        refused(log, "cannot print logs", "it has no logs, and says where they are")
    if user.can("preparation"):
        claim("prepare | preparing" in log.out.splitlines(), "and that of what prepared it", log)
    else:
        refused(user("logs", "one", "--previous"), "cannot print", "logs of an earlier run it has none, and says where they are")
    if user.can("follow"):
        claim(follows(user), "logs -f goes on until it is ended")
    events = user("events", "one")
    if user.can("events"):
        claim(events.code == 0 and "Container box" in events.out, "events tells how the containers are", events)
    else:
        refused(events, "cannot tell events", "events it has none, and says where they are")


def follows(user):
    process = subprocess.Popen([bed.MLIB, *user.words("logs", "one", "-f")], env={**bed.os.environ, **user.env}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "box listens" in said:
                return process.poll() is None
        return False
    finally:
        process.send_signal(bed.signal.SIGINT)
        process.wait(10)


def fails(user, claim, left):
    """Each failure is told with its cause and leaves what was there before."""
    cases = [
        ("dies", ["mode=die"], [1], ["exit code 3", "cannot open the model of one"]),
        ("unprepared", ["prepare=9"], [1], ["exit code 9"]),
        ("imageless", ["image=localhost/mlib-absent:1"], [1, 7], ["localhost/mlib-absent:1"]),
        ("unreachable", ["image=127.0.0.1:9/none:1"], [1, 7], ["127.0.0.1:9/none:1"]),
    ]
    if not user.can("causes"):
        return silent(user, claim, left)
    for name, sets, codes, words in cases:
        before = left()
        failed = user.deploy(name, *sets)
        claim(failed.code in codes and all(word in failed.err for word in words), f"{name}: the cause is told", failed)
        claim("hint:" in failed.err, f"{name}: and a next step", failed.err)
        gone = bed.wait(lambda: left() <= before | kept(name), 40, f"{name} is gone")
        claim(gone, f"{name}: nothing is left but its claim", left())
        claim(user("status", name).code == 3, f"{name}: and it is not in the list")
    url = user.endpoint("one")
    more = [] if user.can("change") else ["--replace"]
    broken = user.deploy("one", "mode=die", "text=three", timeout="20s", more=more)
    claim(broken.code != 0 and "exit code 3" in broken.err, "an update that dies is told with its cause", broken)
    if user.target == "podman":
        claim(bed.wait(lambda: fetch(f"{url}/text") == "two", 20, "one answers again"), "and what ran before runs again")


def silent(user, claim, left):
    """A target that tells no causes says so, and how to find out."""
    before = left()
    late = user.deploy("dies", "mode=die", timeout="4s")
    claim(late.code == 8 and "not ready in time" in late.err, "dies: it is not ready in time", late)
    status = user("status", "dies")
    claim(f"kubectl -n {user.space} describe pods" in status.out, "dies: and status says how to find out why", status)
    claim(user.delete("dies").code == 0, "dies: it can be removed")
    bed.wait(lambda: left() <= before | kept("dies"), 40, "dies is gone")


def kept(name):
    """What may stay of a deployment: its claim, as each target calls it."""
    return {f"PersistentVolumeClaim/{name}-store", f"volume mlib.{SPACE}-podman_{name}-store"}


def ends(user, claim, left):
    gone = user.delete("one")
    claim(gone.code == 0 and "one-store" in gone.out + gone.err, "delete says that the storage is kept", gone)
    may_stay = set().union(*(kept(name) for name in ("one", "sick", "same", "slow", *FAILING)))
    bed.wait(lambda: left() <= may_stay, 40, "one is gone")
    claim(left() & kept("one"), "the claim is kept", left())
    claim(not fetch(f"{user.endpoint('one') or 'http://127.0.0.1:9'}/text", 0), "and nothing answers")
    claim(user.delete("one").code in (0, 3), "deleting what is gone is no crash")
    again = user.deploy("one")
    if not user.can("storage"):
        claim(again.code == 5 and "one-store" in again.err and "--replace" in again.err, "storage of that name may be of others, and is named", again)
        again = user.deploy("one", more=["--replace"])
    claim(again.code == 0 and len(fetch(f"{user.endpoint('one')}/starts").splitlines()) >= 3,
          "a new deployment of that name finds the storage", again)
    gone = user.delete("one", "--with-storage")
    claim(gone.code == 0, "delete --with-storage", gone)
    if not user.can("storage"):
        claim(f"kubectl -n {user.space} delete persistentvolumeclaim one-store" in gone.out, "says how to remove what it cannot", gone)
        return
    claim(bed.wait(lambda: not left() & kept("one"), 40, "the claim is gone") or True, "removes the storage too", left())


def at_once(user, claim):
    """Three deploys of one name at the same time."""
    words = user.words("deploy", "box", "--name", "same", "--target", user.target)
    all_of = [subprocess.Popen([bed.MLIB, *words], env={**bed.os.environ, **user.env}, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in all_of]
    codes = sorted(process.returncode for process in all_of)
    claim(codes[0] == 0 and set(codes) <= {0, 5}, "of deploys of one name at once none breaks another: done, or a conflict", said)
    claim(json.loads(user("status", "same", "-o", "json").out)["phase"] == "ready", "and it is ready", said)
    claim(user.delete("same", "--with-storage").code == 0, "and known")


def stops_waiting(user, claim):
    """Ctrl-C while deploy waits for an endpoint that never gets healthy."""
    words = user.words("deploy", "box", "--name", "slow", "--target", user.target, "--set", "mode=late")
    process = subprocess.Popen([bed.MLIB, *words], env={**bed.os.environ, **user.env}, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = ""
    try:
        for line in process.stderr:
            said += line
            if re.search(r"starting: .*(404|health check)" if user.can("events") else "starting: ", line):
                break
        process.send_signal(bed.signal.SIGINT)
        said += process.communicate(timeout=20)[1]
    finally:
        process.kill()
    claim(process.returncode == 130 and "`slow` goes on" in said, "Ctrl-C stops waiting and says what goes on", said)
    claim(f"mlib delete deployment slow -n {user.space}" in said, "and how to remove it", said)
    claim(json.loads(user("status", "slow", "-o", "json").out)["phase"] == "starting", "which it does")
    claim(user.delete("slow", "--with-storage").code == 0, "and can be removed")


def loops(user, claim):
    """What goes wrong later is told by status."""
    sick = user.deploy("sick", "mode=sick")
    claim(sick.code == 0, "what gets sick later starts well", sick)
    def phase():
        return json.loads(user("status", "sick", "-o", "json").out)

    if not user.can("events"):  # who does not hear of probes knows counts only
        told = bed.wait(lambda: (now := phase())["phase"] in ("starting", "degraded") and now, 40, "sick is not ready")
        claim("ready" in told["summary"], "an endpoint that stops answering is not ready any more", told)
        return user.delete("sick", "--with-storage")
    told = bed.wait(lambda: (now := phase())["phase"] == "degraded" and now, 40, "sick is degraded")
    claim(told["cause"] and told["hint"], "an endpoint that stops answering is degraded, with cause and next step", told)
    user.delete("sick", "--with-storage")


def everything(user, claim, left, foreign, purge=None):
    empty = left()
    lives(user, claim)
    foreign(user, claim)
    fails(user, claim, left)
    loops(user, claim)
    at_once(user, claim)
    stops_waiting(user, claim)
    ends(user, claim, left)
    if user.can("storage"):
        for name in FAILING:
            user.delete(name, "--with-storage", "--target", user.target)
    else:
        purge()
    claim(bed.wait(lambda: left() == empty or None, 40, "all is gone"), "in the end nothing is left", left())


def on_podman(podman):
    with tempfile.TemporaryDirectory() as home:
        user = User(home, "podman", podman.env)
        claim = claims_of(user)

        def left():
            found = {f"container {name}" for name in podman("ps", "--all", "--format", "{{.Names}}").out.split()}
            found |= {f"volume {name}" for name in podman("volume", "ls", "--quiet").out.split()}
            return found | {f"secret {name}" for name in podman("secret", "ls", "--format", "{{.Name}}").out.split()}

        def foreign(user, claim):
            name = f"mlib.{user.space}.taken"
            bed.need(podman("create", "--name", name, bed.BASE_IMAGE, "true"), "podman create")
            taken = user.deploy("taken")
            claim(taken.code == 5 and name in taken.err, "a name that a container of others has is a conflict", taken)
            claim(f"container {name}" in left() and "volume" not in str(left() & kept("taken")), "which is left alone", left())
            podman("rm", "--force", name)

        everything(user, claim, left, foreign)
        listening = bed.run("ss", "-ltnH").out
        claim(not re.search(r"(0\.0\.0\.0|\*|\[::\]):(8080)\b", listening), "no container's port is on all interfaces", listening)


def on_cluster(cluster, title, env):
    with tempfile.TemporaryDirectory() as home:
        user = User(home, title, env)
        claim = claims_of(user)
        kinds = "deployments,replicasets,pods,services,secrets,configmaps,persistentvolumeclaims"

        def left():
            listed = {f"{each['kind']}/{each['metadata']['name']}" for each in cluster.objects(kinds, "-n", user.space)}
            return listed - {"ConfigMap/kube-root-ca.crt"}

        def foreign(user, claim):
            bed.need(cluster.kubectl("create", "deployment", "taken", "-n", user.space, f"--image={bed.BASE_IMAGE}"), "kubectl create")
            taken = user.deploy("taken")
            claim(taken.code == 5 and "taken" in taken.err, "a name that an object of others has is a conflict", taken)
            claim("Deployment/taken" in left(), "which is left alone", left())
            cluster.kubectl("delete", "deployment", "taken", "-n", user.space, "--wait=true")
            bed.wait(lambda: not any("taken" in each for each in left()), 40, "taken is gone")

        def purge():
            """The commands that delete named for what this target cannot remove."""
            for each in left():
                if each.startswith("PersistentVolumeClaim/"):
                    bed.need(cluster.kubectl("delete", "pvc", each.split("/")[1], "-n", user.space), "kubectl delete pvc")

        everything(user, claim, left, foreign, purge)


def by_watcher(cluster, title):
    generation = ["today", "--keys", ",".join(standin.KEYS.values())] if title.endswith("today") else ["seed", "--answers", "lists"]
    with standin.Standin(cluster, *generation) as watcher:
        key = standin.KEYS["admin"] if title.endswith("today") else ""
        on_cluster(cluster, title, {"KUBE_WATCHER_URL": watcher.url, "KUBE_WATCHER_NODE": cluster.address, "KUBE_WATCHER_KEY": key})
        bed.claim("delete_user_space" not in watcher.log(), f"{title}: no namespace was asked to be deleted")


CLUSTER = ["kubernetes", "kube-watcher-today", "kube-watcher-2024"]


def test():
    """All targets at once: each spends its time waiting."""
    names = sys.argv[1:] or ["podman", *CLUSTER]
    with contextlib.ExitStack() as beds, concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = []
        if "podman" in names:
            podman = beds.enter_context(bed.Podman())
            podman.load("base")
            running.append(pool.submit(on_podman, podman))
        if set(names) & set(CLUSTER):
            cluster = beds.enter_context(bed.Cluster(node=True))
            cluster.load("base")
            for name in [name for name in CLUSTER if name in names]:
                running.append(pool.submit(on_cluster, cluster, name, cluster.env) if name == "kubernetes" else
                               pool.submit(by_watcher, cluster, name))
        for each in running:
            each.result()


if __name__ == "__main__":
    bed.main(test)
