"""What goes on after a deploy, by the command line, on podman and on Kubernetes: change, diff, roll back, look, delete.

    lifecycle.py [podman] [kubernetes]
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import bed
from contract import SPACE, User, claims_of, fetch


class Person(User):
    """Everybody here shares one namespace."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.space = SPACE

    def bare(self, *arguments):
        """A verb that takes no namespace option."""
        return bed.mlib(*arguments, "--catalog", str(self.home / "catalog"), "--state", str(self.home / "state"), env=self.env,
                        timeout=90)


def rolls_back(user, claim):
    """deploy → change → diff → rollback."""
    first = user.deploy("one", "token=canary-1234")
    if not claim(first.code == 0, "deploy", first):
        raise bed.Failure("nothing runs, so nothing else can be claimed")
    claim("state      deployed, revision 1\n" in user("status", "one").out, "a first deploy is revision 1", user("status", "one"))
    none = user("rollback", "one")
    claim(none.code == 3 and "no earlier revision" in none.err, "there is nothing to go back to", none)
    changed = user.deploy("one", "text=two", "token=canary-99999")
    claim(changed.code == 0 and fetch(f"{user.endpoint('one')}/text") == "two", "a change is rolled out", changed)
    diff = user("diff", "box", "--name", "one", "--set", "token=canary-99999")
    claim(diff.code == 1 and "two" in diff.out, "diff shows what going back would change", diff)
    listed = json.loads(user("history", "one", "-o", "json").out)
    claim([each["revision"] for each in listed] == [2, 1] and "canary" not in str(listed), "history lists both, no secret", listed)
    back = user("rollback", "one")
    url = user.endpoint("one")
    claim(back.code == 0 and fetch(f"{url}/text") == "one", "rollback brings the first back", back)
    claim(fetch(f"{url}/note") == "kept as it is: one", "with its files", fetch(f"{url}/note"))
    claim(fetch(f"{url}/token") == str(len("canary-99999")), "and the key that runs", fetch(f"{url}/token"))
    claim(len(fetch(f"{url}/starts").splitlines()) == 3, "and its storage", fetch(f"{url}/starts"))
    forth = user("rollback", "one", "--to", "2")
    url = user.endpoint("one")
    claim(forth.code == 0 and fetch(f"{url}/text") == "two" and fetch(f"{url}/token") == "12", "and --to any that is kept", forth)
    notes = [each.get("note", "") for each in json.loads(user("history", "one", "-o", "json").out)]
    claim(notes == ["rollback to 2", "rollback to 1", "", ""], "history says so", notes)
    old = user("history", "one", "--revision", "1")
    claim("kind: Deployment" in old.out and "canary" not in old.out and "Y2FuYXJ5" not in old.out,
          "and prints the objects of then, without secrets", old)
    after = user.deploy("one", "text=three", "token=canary-5")
    url = user.endpoint("one")
    claim(after.code == 0 and fetch(f"{url}/token") == str(len("canary-5")), "a deploy after it sets the key anew", after)


def looks(user, claim):
    """wait, events, logs, snippets of what runs."""
    waited = user("wait", "one", "--timeout", "20s")
    claim(waited.code == 0 and waited.out == "one is ready\n", "wait ends when it is ready", waited)
    late = user("wait", "one", "--for", "deleted", "--timeout", "1s")
    claim(late.code == 1 and "not deleted in time" in late.err, "and with kubectl's failure when the time is over", late)
    claim(user("wait", "nothing", "--for", "deleted").code == 0, "what is not there is deleted")
    events = json.loads(user("events", "one", "-o", "json").out)
    times = [each["time"] for each in events if each["time"]]
    claim(times == sorted(times) and any(each["type"] == "State" and each["reason"].lower() == "running" for each in events),
          "events are sorted by time and tell that the container runs", events)
    claim(len(events) > 1, "and what happened before", events)
    stamped = user("logs", "one", "--container", "box", "--timestamps")
    # podman 4.3 puts a time before each piece of a line that was written in pieces.
    claim(re.search(r"^20\d\d-\d\d-\d\dT\S+ box (20\S+ )?listens$", stamped.out, re.M), "logs --timestamps of one container", stamped)
    unknown = user("logs", "one", "--container", "bax")
    claim(unknown.code == 3 and "box" in unknown.err, "an unknown container names the known ones", unknown)
    claim("box listens" in user("logs", "one", "--since", "10m").out and user("logs", "one", "--since", "0s").out == "",
          "logs --since tells only what is newer", user("logs", "one", "--since", "0s"))
    claim(" | box listens" in user("logs", "one", "--all-pods").out, "logs --all-pods says whose each line is")
    process = subprocess.Popen([bed.MLIB, *user.words("status", "one", "-w")], env={**bed.os.environ, **user.env}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    line = process.stdout.readline()
    process.send_signal(bed.signal.SIGINT)
    claim(" ready: " in line and process.wait(10) == 130, "status -w gives a line for each change until Ctrl-C", line)
    process.stdout.close()
    snippet = user("endpoint", "one", "--snippet").out
    curl, python = snippet.split("\n\n", 1)
    ran = bed.run("python3", "-c", python, env={**bed.os.environ, "API_KEY": "none"})
    claim(curl.startswith(f"curl {user.endpoint('one')}/health") and ran.out.strip() == "ok", "the snippet runs as it is", f"{snippet}{ran}")
    no = user("chat", "one", "why")
    claim(no.code != 0 and "protocol `http`" in no.err, "chat says what cannot be chatted with", no)


def kills_the_namespace(user, claim, left, held=None):
    """delete namespace: shows, has the name given again, takes everything."""
    user.deploy("one")
    shown = user.bare("delete", "namespace", SPACE, "--target", user.target)
    claim(shown.code == 2 and "one" in shown.out and f"add --yes {SPACE}" in shown.err, "delete namespace shows what would go", shown)
    claim(user("status", "one").code == 0 and fetch(f"{user.endpoint('one')}/text") == "one", "and deletes nothing")
    wrong = user.bare("delete", "namespace", SPACE, "--target", user.target, "--yes", "other")
    claim(wrong.code == 2 and "nothing was deleted" in wrong.err, "another name neither", wrong)
    if held:
        held()
    gone = user.bare("delete", "namespace", SPACE, "--target", user.target, "--yes", SPACE)
    rest = set()

    def nothing():
        rest.clear()
        rest.update(left())
        return not rest
    try:  # a volume goes a moment after its claim
        bed.wait(nothing, 40, "nothing is left")
    except bed.Failure:
        pass
    claim(gone.code == 0 and not rest, "with its name it goes with everything in it", f"{gone}\n{rest}")
    claim(user("status", "one").code == 3, "and is not in the list")


def two_users(users, claim):
    """Two people's deployments of one template in one namespace do not answer for each other."""
    for user, text in zip(users, ("ann", "bob")):
        made = user.deploy(text, f"text={text}")
        claim(made.code == 0, f"{text} deploys", made)
    for user, text in zip(users, ("ann", "bob")):
        claim(fetch(f"{user.endpoint(text)}/text") == text, f"{text}'s endpoint answers for {text}")
        claim(f"box starts as {text}" in user("logs", text).out, f"and {text}'s log is {text}'s", user("logs", text))
    gone = users[1].delete("bob", "--with-storage")
    claim(gone.code == 0 and fetch(f"{users[0].endpoint('ann')}/text") == "ann", "what bob deletes leaves ann's running", gone)
    users[0].delete("ann", "--with-storage")


def leaves_the_claim(user, claim, left):
    before = left()
    gone = user.delete("one")
    claim(gone.code == 0, "delete", gone)
    rest = bed.wait(lambda: (now := left()) if len(now := left()) == 1 else None, 40, "only the claim is left")
    claim(rest and "one-store" in str(rest), "leaves exactly the claim", rest)
    user.delete("one", "--with-storage", "--target", user.target)
    claim(bed.wait(lambda: not left() or None, 40, "nothing is left") or True, "which goes on request", f"{before} → {left()}")


def logs_end(podman, user, claim):
    """`logs -f` ends with its container, also when that has ended before; podman 4.3 does not always say so."""
    bed.need(user.deploy("ends"), "deploy ends")
    words = [bed.MLIB, *user.words("logs", "ends", "-f")]
    began = subprocess.Popen(words, env={**bed.os.environ, **user.env}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        seen = next((line for line in began.stdout if "listens" in line), "")
        for name in podman("ps", "--format", "{{.Names}}").out.split():
            bed.need(podman("stop", "--time", "1", name), "podman stop")
        seen += began.communicate(timeout=30)[0]
        claim(began.returncode == 0, "logs -f ends when what it follows ends", seen)
    finally:
        began.kill()
    for _ in range(3):
        late = user("logs", "ends", "-f")
        claim(late.code == 0 and "box | box listens" in late.out, "and when that has ended before", late)
    user.delete("ends", "--with-storage")


def everything(users, claim, left, held=None):
    rolls_back(users[0], claim)
    looks(users[0], claim)
    leaves_the_claim(users[0], claim, left)
    two_users(users, claim)
    kills_the_namespace(users[0], claim, left, held)


def people(home, target, env):
    for name in ("ann", "bob"):
        pathlib.Path(home, name).mkdir()
        yield Person(pathlib.Path(home, name), target, env)


def on_podman():
    with bed.Podman() as podman, tempfile.TemporaryDirectory() as home:
        podman.load("base")
        users = list(people(home, "podman", podman.env))

        def left():
            found = {f"container {name}" for name in podman("ps", "--all", "--format", "{{.Names}}").out.split()}
            found |= {f"volume {name}" for name in podman("volume", "ls", "--quiet").out.split()}
            return found | {f"secret {name}" for name in podman("secret", "ls", "--format", "{{.Name}}").out.split()}

        logs_end(podman, users[0], claims_of(users[0]))
        everything(users, claims_of(users[0]), left)


def on_kubernetes():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory() as home:
        cluster.load("base")
        users = list(people(home, "kubernetes", cluster.env))
        listed = bed.need(cluster.kubectl("api-resources", "--verbs=list", "-o", "name"), "kubectl api-resources").out.split()
        kinds = ",".join(kind for kind in listed if not kind.startswith("events"))

        def everything_there():
            """All objects of every kind, of namespaces and of the cluster, but events and the cluster's own spaces."""
            found = {}
            for each in cluster.objects(kinds, "--all-namespaces"):
                space = each["metadata"].get("namespace", "")
                if not space.startswith("kube-"):
                    found[f"{each['kind']}/{space}/{each['metadata']['name']}".replace("//", "/")] = each
            return found

        before = set(everything_there())
        given = {f"Namespace/{SPACE}", f"ConfigMap/{SPACE}/kube-root-ca.crt", f"ServiceAccount/{SPACE}/default", "Namespace/theirs",
                 "ConfigMap/theirs/kube-root-ca.crt", "ServiceAccount/theirs/default"}

        def left():
            """What was not there at first; the volume of a claim that is there counts with it."""
            now = everything_there()
            new = set(now) - before - given

            def held_by_claim(name):
                claim = now[name].get("spec", {}).get("claimRef", {})
                return name.startswith("PersistentVolume/") and f"PersistentVolumeClaim/{SPACE}/{claim.get('name')}" in now
            return {name for name in new if not held_by_claim(name)}

        claim = claims_of(users[0])

        def held():
            """Others' namespaces are refused; a finalizer that holds ours is told while it lasts."""
            cluster.kubectl("create", "namespace", "theirs")
            for name, why in {"kube-system": "belongs to the cluster", "theirs": "did not make it"}.items():
                refused = users[0].bare("delete", "namespace", name, "--target", "kubernetes", "--yes", name)
                claim(refused.code == 4 and why in refused.err, f"namespace {name} is refused", refused)
            bed.need(cluster.kubectl("create", "configmap", "held", "-n", SPACE), "kubectl create")
            bed.need(cluster.kubectl("patch", "configmap", "held", "-n", SPACE, "--type=merge", "-p",
                                     '{"metadata":{"finalizers":["example.com/hold"]}}'), "kubectl patch")
            words = ["delete", "namespace", SPACE, "--target", "kubernetes", "--yes", SPACE, "--catalog",
                     str(users[0].home / "catalog"), "--state", str(users[0].home / "state")]
            process = subprocess.Popen([bed.MLIB, *words], env={**bed.os.environ, **users[0].env}, text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            told = next((line for line in process.stderr if "example.com/hold" in line or "remaining" in line), "")
            claim(told, "what holds the namespace is told while it goes", told)
            bed.need(cluster.kubectl("patch", "configmap", "held", "-n", SPACE, "--type=merge", "-p",
                                     '{"metadata":{"finalizers":[]}}'), "kubectl patch")
            claim(process.wait(60) == 0, "and it ends when the finalizer is off", process.returncode)
            process.stderr.close()
            users[0].deploy("one")

        everything(users, claim, left, held)


TARGETS = {"podman": on_podman, "kubernetes": on_kubernetes}


def test():
    for name in sys.argv[1:] or TARGETS:
        TARGETS[name]()


if __name__ == "__main__":
    bed.main(test)
