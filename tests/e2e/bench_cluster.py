"""`mlib bench template` on the real engine on Kubernetes: from outside and by a Job inside, sweeps, repeated and compared, and
what is left in the cluster by runs that were killed while they deployed, warmed up, measured and cleaned up.
"""
import base64
import json
import pathlib
import re
import shutil
import signal
import tempfile

import bed
from bench_template import LOAD, LONG, NAME, TEMPLATE, User, end, gone, is_killed, measures, until

CLIENT = "localhost/mlib-client:1"
KINDS = ("deployments,replicasets,statefulsets,jobs,pods,services,secrets,configmaps,persistentvolumeclaims,networkpolicies,"
         "serviceaccounts,poddisruptionbudgets")
OURS = ("-l", "app.kubernetes.io/managed-by=model-library")
PROMPTS = '{"prompt": "a canary sings", "output_tokens": 2}\n"what comes then?"\n'


def client_image(home):
    """An image with the program under test and the libraries that it needs, as an archive."""
    root, archive = pathlib.Path(home) / "root", pathlib.Path(home) / "client.tar"
    listed = bed.need(bed.run("ldd", bed.MLIB), "ldd").out
    for source, place in [(bed.MLIB, "/usr/bin/mlib"), *((path, path) for path in re.findall(r"(/\S+) \(0x", listed))]:
        (root / place[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / place[1:])
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    script = f'source {bed.BEDS}/image.sh; cd {home}; image {CLIENT} {archive} {root} \'{{"Env":["PATH=/usr/bin"],"User":"65534"}}\''
    bed.need(bed.run("bash", "-c", script), "image")
    return archive


class Bench(User):
    """Somebody who measures on a cluster."""

    def __init__(self, home, cluster):
        super().__init__(home, "kubernetes", cluster.env, "--kubeconfig", cluster.kubeconfig)
        self.cluster = cluster

    def left(self):
        """What is ours in any namespace, as the cluster itself lists it."""
        return sorted(f"{o['kind']}/{o['metadata']['name']}" for o in self.cluster.objects(KINDS, "--all-namespaces", *OURS))

    def gone(self):
        return gone(self.left)


def runs_inside(user, home):
    user.cluster.load(client_image(home))
    inside = user.bench(*LOAD, "--in-cluster", CLIENT, "-o", "json")
    result = json.loads(inside.out) if inside.code == 0 else {"client": {}, "subject": {}, "counts": {}}
    bed.claim(result["client"].get("position") == "in-cluster" and result["counts"].get("good") == 12,
              "the same from inside the cluster, by a Job", inside)
    bed.claim(f"{NAME}.model-library.svc" in result["subject"].get("url", "") and not user.gone(), "which leaves nothing", user.left())


def carries(user):
    """Requests of one's own go into the cluster and away again."""
    prompts = user.home / "prompts.jsonl"
    prompts.write_text(PROMPTS)
    before = set(user.results())
    process = user.start("--users", "1", "--duration", "3s", "--prompts", prompts, "--in-cluster", CLIENT)
    until(process, "measuring inside the cluster")
    secrets = user.cluster.objects("secrets", "-n", "model-library", *OURS)
    carried = [base64.b64decode(each["data"]["requests"]).decode() for each in secrets if "requests" in each.get("data", {})]
    bed.claim(carried == [PROMPTS], "requests of one's own are carried as a Secret", carried)
    told = process.stderr.read()
    code = process.wait(60)
    process.stderr.close()
    made = set(user.results()) - before
    text = (user.catalogue / "benchmarks" / TEMPLATE / made.pop()).read_text() if made else ""
    bed.claim(code == 0 and "own_prompts: 2" in text and "canary" not in text and not user.gone(),
              "are asked, and not kept", f"{code} {told} {text[:3000]} {user.left()}")
    prompts.write_text('"' + "x" * (1 << 20) + '"\n')
    refused = user.bench("--prompts", prompts, "--in-cluster", CLIENT)
    bed.claim(refused.code != 0 and "1048579 bytes" in refused.err and "holds 1048576" in refused.err and not user.left(),
              "more than a Secret holds is refused before anything is deployed", refused)


def repeats(user, identity):
    before = set(user.results())
    again = user("bench", "repeat", identity, *user.reach, "-o", "json")
    second = json.loads(again.out)["id"] if again.code == 0 else ""
    bed.claim(again.code == 0 and set(user.results()) - before == {f"{second}.yaml"} and not user.gone(), "bench repeat measures again",
              again)
    compared = user("bench", "compare", "--id", identity, "--id", second, "-o", "json")
    told = json.loads(compared.out) if compared.out else {}
    bed.claim(compared.code in (0, 1) and (told.get("a"), told.get("b")) == (identity, second) and told.get("conclusion") and
              not told.get("unlike"), "and bench compare says how the two differ, with the same load", compared)


def sweeps(user):
    """A point that fails, and one that a killed sweep has done."""
    before = set(user.results())
    load = (*LOAD, "--seed", "3")  # another than what was measured already
    images = f"image=127.0.0.1:9/none:1,{bed.ENGINE_IMAGE}"
    swept = user.bench(*load, "--sweep", images, "-o", "json")
    points = json.loads(swept.out) if swept.code == 0 else []
    bed.claim([each["ended"] for each in points] == ["failed", "complete"], "a sweep goes on past a point that fails", swept)
    bed.claim(points and "127.0.0.1:9" in points[0].get("cause", "") and points[0]["verdict"]["validity"] == "invalid",
              "which is kept with its cause", points[:1])
    again = user.bench(*load, "--sweep", images)
    bed.claim(again.code == 0 and again.err.count("measured already") == 1 and len(set(user.results()) - before) == 2 and not user.gone(),
              "what is done is not repeated, what failed is, and takes its old place", f"{again}{user.results()}")
    before = set(user.results())
    process = user.start(*LOAD, "--sweep", "parallel=1,2")
    until(process, "[2/2] parallel=2")
    bed.wait(user.left, 60, "the second point is deployed")
    end(process, signal.SIGKILL)
    resumed = user.bench(*LOAD, "--sweep", "parallel=1,2")
    bed.claim(resumed.code == 0 and "[1/2] parallel=1: measured already" in resumed.err and f"removing the old {NAME}" in resumed.err,
              "a killed sweep goes on where it was", resumed)
    bed.claim(not user.gone() and not user.recorded() and len(set(user.results()) - before) == 2 and user.whole(),
              "with nothing left and no half result", f"{user.left()} {user.results()}")


def survives(user):
    inside = (*LONG, "--in-cluster", CLIENT)
    is_killed(user, user.left, (("deploys", "Deployment", LONG, [NAME], 0),
                                ("warms up", "measuring http://", (*LONG, "--warm-up", "10000"), [NAME], 0),
                                ("measures", "1 user ", LONG, [NAME], 0),
                                ("measures inside", "measuring inside the cluster", inside, [NAME, f"{NAME}-client"], 0),
                                ("cleans up", f"removing {NAME}", LOAD, [NAME], 1)))


def is_interrupted(user):
    before = set(user.results())
    process = user.start(*LONG)
    until(process, "measuring http://")
    bed.claim(end(process, signal.SIGINT) == 130 and not user.gone() and not user.recorded() and set(user.results()) == before,
              "Ctrl-C ends it with nothing left, exit code 130", (user.left(), user.recorded(), user.results()))


def crowds(user):
    """A pod that comes to the node in the middle of a run and asks for most of it."""
    (node,) = user.cluster.objects("nodes")
    cores = re.fullmatch(r"(\d+)(m?)", node["status"]["allocatable"]["cpu"])
    half = int(cores[1]) * (1 if cores[2] else 1000) // 2
    container = {"name": "busy", "image": "bed.local/pod:1", "imagePullPolicy": "Never", "args": ["sleep"],
                 "resources": {"requests": {"cpu": f"{half}m"}}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "busy"},
           "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    before = set(user.results())
    process = user.start("--users", "1", "--duration", "6s", "--max-tokens", "4")
    until(process, "1 user ")
    bed.need(user.cluster.kubectl("create", "-n", "default", "-f", "-", input=json.dumps(pod)), "kubectl create")
    process.stderr.read()
    code = process.wait(60)
    process.stderr.close()
    made = set(user.results()) - before
    text = (user.catalogue / "benchmarks" / TEMPLATE / made.pop()).read_text() if made else ""
    bed.claim(code == 0 and re.search(r"something else ran there: \S+ of \S+\s+cores of \S+\s+were\s+promised\s+to\s+others", text),
              "who comes to its node in the middle makes a result suspect", f"{code} {text[:3000]}")
    user.cluster.kubectl("delete", "pod", "-n", "default", "busy", "--wait=false")


def test():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home:
        cluster.load("engine")
        user = Bench(home, cluster)
        identity = measures(user, user.gone)
        runs_inside(user, home)
        carries(user)
        repeats(user, identity)
        sweeps(user)
        survives(user)
        is_interrupted(user)
        crowds(user)


if __name__ == "__main__":
    bed.main(test)
