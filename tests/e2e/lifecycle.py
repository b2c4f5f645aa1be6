"""What goes on after a deploy, by the command line, on podman and on Kubernetes: change, diff, roll back, look, delete.

    lifecycle.py [podman] [kubernetes]
"""
import json
import pathlib
import sys
import tempfile

import bed
from contract import SPACE, User, claims_of, fetch


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


def everything(users, claim, left):
    rolls_back(users[0], claim)
    leaves_the_claim(users[0], claim, left)
    two_users(users, claim)


def people(home, target, env):
    for name in ("ann", "bob"):
        pathlib.Path(home, name).mkdir()
        yield User(pathlib.Path(home, name), target, env)


def on_podman():
    with bed.Podman() as podman, tempfile.TemporaryDirectory() as home:
        podman.load("base")
        users = list(people(home, "podman", podman.env))

        def left():
            found = {f"container {name}" for name in podman("ps", "--all", "--format", "{{.Names}}").out.split()}
            found |= {f"volume {name}" for name in podman("volume", "ls", "--quiet").out.split()}
            return found | {f"secret {name}" for name in podman("secret", "ls", "--format", "{{.Name}}").out.split()}

        everything(users, claims_of(users[0]), left)


def on_kubernetes():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory() as home:
        cluster.load("base")
        users = list(people(home, "kubernetes", cluster.env))
        kinds = "deployments,replicasets,pods,services,secrets,configmaps,persistentvolumeclaims"

        def left():
            listed = {f"{each['kind']}/{each['metadata']['name']}" for each in cluster.objects(kinds, "-n", SPACE)}
            return listed - {"ConfigMap/kube-root-ca.crt"}

        everything(users, claims_of(users[0]), left)


TARGETS = {"podman": on_podman, "kubernetes": on_kubernetes}


def test():
    for name in sys.argv[1:] or TARGETS:
        TARGETS[name]()


if __name__ == "__main__":
    bed.main(test)
