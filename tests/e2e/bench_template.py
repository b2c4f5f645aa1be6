"""`mlib bench template` on the real engine by podman: the whole chain, where the result comes back, sweeps, and what is left by
runs that were killed at any point. bench_cluster.py is the same on Kubernetes.
"""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import bed

TEMPLATE = "tiny-llama-test"
NAME = f"benchmark-{TEMPLATE}"
LOAD = ("--users", "2", "--requests", "12", "--prompt-tokens", "16", "--max-tokens", "4")
LONG = ("--users", "1", "--duration", "60s", "--prompt-tokens", "16", "--max-tokens", "4")


class User:
    """Somebody with a catalogue, a state folder and a target."""

    def __init__(self, home, target, env, *reach):
        self.home, self.target, self.env, self.reach = pathlib.Path(home), target, env, reach
        self.catalogue = self.home / "catalog"
        shutil.copytree(bed.ROOT / "catalog", self.catalogue)
        weights = self.home / "weights"
        weights.mkdir()
        shutil.copy(next(bed.weights().glob("*.gguf")), weights / "made.gguf")
        model = self.catalogue / "models" / f"{TEMPLATE}.yaml"
        model.write_text(re.sub(r"file://\S+", f"file://{weights}/made.gguf", model.read_text()))

    def words(self, *arguments):
        return [*map(str, arguments), "--catalog", str(self.catalogue), "--state", f"{self.home}/state"]

    def __call__(self, *arguments, timeout=120):
        return bed.mlib(*self.words(*arguments), env=self.env, timeout=timeout)

    def bench_words(self, *arguments):
        return self.words("bench", "template", TEMPLATE, "--target", self.target, *self.reach, "--set",
                          f"image={bed.ENGINE_IMAGE}", "--start-timeout", "90s", *arguments)

    def bench(self, *arguments):
        return bed.mlib(*self.bench_words(*arguments), env=self.env, timeout=180)

    def start(self, *arguments):
        """The same in the background; lines of its standard error can be waited for."""
        return subprocess.Popen([bed.MLIB, *self.bench_words(*arguments)], env={**bed.os.environ, **self.env}, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def results(self):
        """The files of results, and whatever else lies beside them."""
        folder = self.catalogue / "benchmarks" / TEMPLATE
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def whole(self):
        """Each result is one that is read, and nothing lies beside them."""
        return self("validate").code == 0 and all(re.fullmatch(r"b\d{8}-\d{6}-\w+\.yaml", name) for name in self.results())

    def recorded(self):
        return [each["name"] for each in json.loads(self("get", "deployments", "-o", "json", *self.reach).out)]


def until(process, text):
    """Reads its standard error up to a line with that text; a Failure when it ends before."""
    told = []
    for line in process.stderr:
        told.append(line)
        if text in line:
            return told
    raise bed.Failure(f"it never said `{text}`: {''.join(told)}")


def end(process, number):
    """Sends a signal and gives the exit code."""
    process.send_signal(number)
    process.stderr.read()
    code = process.wait(60)
    process.stderr.close()
    return code


def measures(user, left):
    """The whole chain, once. Gives the result's id."""
    done = user.bench(*LOAD, "-o", "json")
    if not bed.claim(done.code == 0, "bench template deploys, measures and ends", done):
        raise bed.Failure("nothing was measured, so nothing else can be claimed")
    result = json.loads(done.out)
    bed.claim(result["counts"]["good"] == 12 and result["metrics"]["ttft"]["p50"]["value"] > 0, "it measured what was asked", result["counts"])
    bed.claim(not left() and not user.recorded(), "and leaves nothing of its deployment", f"{left()} {user.recorded()}")
    bed.claim(user.results() == [f"{result['id']}.yaml"], "but a file beside the card", user.results())
    subject = result["subject"]
    bed.claim(subject["image_digest"].startswith("sha256:") and "--threads" in subject["engine_flags"] and
              len(subject["revisions"]) == 4 and subject["hardware_seen"].get("cpus"),
              "it says image, flags, cards and the machine it ran on", subject)
    bed.claim("measuring http://" in done.err and f"removing {NAME}" in done.err, "and tells what it does", done.err)
    return result["id"]


def comes_back(user, identity):
    bed.claim(user("validate").code == 0, "the catalogue with the result is sound", user("validate"))
    for wanted, expected in (("benchmarks.ttft_p50 < 100000", [TEMPLATE]), ("benchmarks.ttft_p50 < 0.001", []),
                             ("benchmarks.verdict IN ('valid', 'suspect')", [TEMPLATE])):
        found = json.loads(user("get", "templates", "--filter", wanted, "-o", "json").out)
        bed.claim([each["metadata"]["name"] for each in found] == expected, f"templates are found by {wanted}", found)
    listed = user("get", "templates", "--sort", "benchmarks.ttft_p50", "--limit", "1", "-o", "wide")
    bed.claim(TEMPLATE in listed.out and re.search(r"1: TTFT p50 [0-9.]+ ms.*\(suspect", listed.out),
              "sorted by it, it comes first, with its figure and verdict", listed)
    page = user("describe", "template", TEMPLATE)
    bed.claim(identity in page.out and "TTFT p50" in page.out and "suspect" in page.out, "describe shows it", page)
    with bed.Server("--catalog", user.catalogue, "--state", user.home / "state", env=user.env) as server:
        everything = json.dumps(server.ask("GET", "/get_all").json())
        cards = [each for each in server.ask("GET", "/api/v1/templates").json() if each["spec"].get("benchmarks")]
        bed.claim(f'"id": "{identity}"' in everything and '"ttft_p50"' in everything, "/get_all has it in the original's shape",
                  everything[:2000])
        bed.claim(len(cards) == 1 and set(cards[0]["spec"]["benchmarks"][0]) == {"id", "description", "results"},
                  "and so has the API", cards)
        where = f"/api/model_catalog/v1alpha1/sources/model-library/models/{TEMPLATE}/artifacts/performance"
        figures = server.ask("GET", where).json()["items"]
        bed.claim([f["name"] for f in figures] == [f"{TEMPLATE}/{identity}"] and "ttft_p50" in figures[0]["customProperties"] and
                  figures[0]["customProperties"]["verdict"]["string_value"] == "suspect", "and Kubeflow's performance artifacts", figures)
    lonely = user.home / "lonely"
    shutil.copytree(user.catalogue / "benchmarks", lonely / "benchmarks")
    beside = bed.mlib("describe", "benchmark", identity, "--state", lonely)
    bed.claim(beside.code == 0 and TEMPLATE in beside.out, "a result in the state belongs to the embedded card", beside)
    broken = lonely / "benchmarks" / TEMPLATE / "broken.yaml"
    broken.write_text((lonely / "benchmarks" / TEMPLATE / f"{identity}.yaml").read_text().replace(f"template: {TEMPLATE}", "template: tiny"))
    told = bed.mlib("validate", "--state", lonely)
    bed.claim(told.code == 2 and f"{broken}:" in told.err, "a broken one is told with its place", told)


def repeats(user, identity, left):
    again = user("bench", "repeat", identity, *user.reach, "-o", "json")
    bed.claim(again.code == 0 and not left() and len(user.results()) == 2, "bench repeat measures again", again)
    files = [(user.catalogue / "benchmarks" / TEMPLATE / name).read_text() for name in user.results()]
    loads = [re.search(r"\n    load:\n(?:      .*\n)+", text)[0] for text in files]
    bed.claim(loads[0] == loads[1], "with the same load and seed", loads)


def sweeps(user, left):
    before = set(user.results())
    swept = user.bench(*LOAD, "--sweep", "memory=3Mi,512Mi", "-o", "json")
    points = json.loads(swept.out) if swept.code == 0 else []
    bed.claim([each["ended"] for each in points] == ["failed", "complete"], "a sweep goes on past a point that fails", swept)
    bed.claim("container" in points[0].get("cause", ""), "which is kept with its cause", points[0].get("cause"))
    bed.claim(len(set(user.results()) - before) == 2 and not left(), "both are kept, nothing is left", user.results())
    again = user.bench(*LOAD, "--sweep", "memory=3Mi,512Mi")
    bed.claim(again.code == 0 and again.err.count("measured already") == 1 and len(set(user.results()) - before) == 2,
              "what is done is not repeated, what failed is, and takes its old place", again)
    bed.claim("memory=3Mi: failed: " in again.out and "memory=512Mi: TTFT p50" in again.out, "and is shown", again.out)


def gone(left):
    """What is left after a moment to end."""
    try:
        bed.wait(lambda: not left(), 40, "nothing is left")
    except bed.Failure:
        pass
    return left()


def is_killed(user, left, points):
    """SIGKILL at each part of a run, (what it does, what it said last, options, deployments, results), and then the next
    start, here of a server."""
    for doing, said, words, killed, kept in points:
        before = set(user.results())
        process = user.start(*words)
        until(process, said)
        end(process, signal.SIGKILL)
        recorded, there = user.recorded(), left()
        bed.claim(sorted(recorded) == killed if there else doing == "cleans up",
                  f"killed while it {doing} it leaves a record of what is there", (recorded, there))
        with bed.Server("--catalog", user.catalogue, "--state", user.home / "state", env=user.env) as server:
            for told in [f"removed `{each}`, which a benchmark left" for each in recorded]:
                bed.wait(lambda: told in server.log(), 60, told)
        bed.claim(not gone(left) and not user.recorded(), "and the next start leaves no deployment of it", (left(), user.recorded()))
        bed.claim(len(set(user.results()) - before) == kept and user.whole(), f"{kept or 'no'} result, and no half one", user.results())


def survives(user, left):
    """SIGKILL wherever, also in a sweep; Ctrl-C and SIGTERM while it measures."""
    is_killed(user, left, (("deploys", " started", LONG, [NAME], 0),
                           ("warms up", "measuring http://", (*LONG, "--warm-up", "10000"), [NAME], 0),
                           ("measures", "1 user ", LONG, [NAME], 0),
                           ("cleans up", f"removing {NAME}", LOAD, [NAME], 1)))
    before = set(user.results())
    process = user.start("--users", "1", "--duration", "60s", "--sweep", "parallel=1,2")
    until(process, "measuring http://")
    alive = user.bench(*LOAD)
    bed.claim(alive.code == 5 and "another benchmark" in alive.err, "a second run of the same template is refused meanwhile", alive)
    end(process, signal.SIGKILL)
    bed.claim(left() and set(user.results()) == before, "one that is killed while it measures leaves no result", user.results())
    process = user.start(*LOAD, "--sweep", "parallel=1,2")
    until(process, "[2/2] parallel=2")
    bed.wait(lambda: left() or None, 60, "the second point is deployed")
    end(process, signal.SIGKILL)
    resumed = user.bench(*LOAD, "--sweep", "parallel=1,2")
    bed.claim(resumed.code == 0 and "[1/2] parallel=1: measured already" in resumed.err and f"removing the old {NAME}" in resumed.err,
              "a killed sweep goes on where it was", resumed)
    bed.claim(not left() and not user.recorded() and len(set(user.results()) - before) == 2,
              "with nothing left and no half result", f"{left()} {user.results()}")
    before = set(user.results())
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130)):
        process = user.start("--users", "1", "--duration", "60s")
        until(process, "measuring http://")
        bed.claim(end(process, number) == code and not left() and not user.recorded(),
                  f"{number.name} ends it with nothing left", f"{left()} {user.recorded()}")
    bed.claim(set(user.results()) == before and user("validate").code == 0, "and no result", user.results())


def left_of(podman):
    """Tells which containers, volumes and secrets there are."""
    def left():
        found = podman("ps", "--all", "--format", "{{.Names}}").out.split()
        return found + podman("volume", "ls", "--quiet").out.split() + podman("secret", "ls", "--format", "{{.Name}}").out.split()
    return left


def test():
    with bed.Podman() as podman, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home:
        podman.load("engine")
        user, left = User(home, "podman", podman.env), left_of(podman)
        identity = measures(user, left)
        comes_back(user, identity)
        repeats(user, identity, left)
        sweeps(user, left)
        survives(user, left)


if __name__ == "__main__":
    bed.main(test)
