"""`mlib serve` as a process: it answers, reloads its folder of cards on a change and on SIGHUP, shares its state with the
command line, refuses a taken address, and ends cleanly."""
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
import threading

import bed

CARD = """apiVersion: model-library/v1
kind: Hardware
metadata: {name: %s}
spec: {cpus: 2, memory: 4Gi}
"""


def names(server):
    return [name for name in (card["metadata"]["name"] for card in server.get("/api/v1/hardware").json())
            if name in ("one", "two")]


def edition(number):
    """Twenty machines in one file, all with `number` cores."""
    return "---\n".join((CARD % f"machine-{i}").replace("cpus: 2", f"cpus: {number}") for i in range(20))


def reloads_whole(cards, server):
    """While four clients ask, a file of twenty cards is replaced again and again, broken now and then: nobody ever sees
    two editions, and no request fails."""
    mixed, failed, seen, asked, ended = [], [], set(), [], threading.Event()
    plan = {"template": "tiny-llama-test", "name": "one"}

    def ask_on():
        while not ended.is_set():
            try:
                answers = [server.get("/api/v1/hardware")]
                if len(asked) % 5 == 0:
                    answers += [server.get("/get_all"), server.post("/api/v1/render", plan)]
            except OSError as error:
                failed.append(error)
                continue
            failed.extend(answer for answer in answers if answer.status != 200)
            listed = answers[0].json()
            found = {card["spec"]["cpus"] for card in listed if card["metadata"]["name"].startswith("machine-")}
            count = sum(card["metadata"]["name"].startswith("machine-") for card in listed)
            asked.append(count)
            seen.update(found)
            if len(found) > 1 or count not in (0, 20):
                mixed.append((count, found))

    threads = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 9):
            (cards / "new").write_text("kind: [" if number % 4 == 0 else edition(number))
            os.replace(cards / "new", cards / "machines.yaml")
            if number % 4 == 0:
                bed.wait(lambda: asked[-4:] == [0] * 4, 60, "a broken edition is left out")
            else:
                bed.wait(lambda: number in seen, 60, f"edition {number} is served")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    bed.claim(not mixed, "no reader sees two editions of a file at once", mixed[:3])
    bed.claim(not failed, "no request fails meanwhile", failed[:3])
    bed.claim(len(asked) > 50, "though many asked", len(asked))
    (cards / "machines.yaml").unlink()


def says_who_it_is(server):
    foreign = server.get("/get_all", headers={"Host": "evil.example"})
    bed.claim(foreign.status == 421, "a foreign Host is refused (DNS rebinding)", foreign)
    page = server.post("/create", {}, headers={"Origin": "http://evil.example"})
    bed.claim(page.status == 403, "and so is a page of another origin", page)
    bed.claim(server.get("/healthz").json() == {"status": "ok"}, "/healthz")
    bed.claim("version" in server.get("/version").json(), "/version", server.get("/version"))
    document = server.get("/openapi.json").json()
    committed = json.loads((bed.ROOT / "docs" / "openapi.json").read_text())
    bed.claim(document == committed, "/openapi.json is docs/openapi.json")
    text = server.get("/metrics").text
    counted = re.search(r'^mlib_http_requests_total\{.*"GET /version".*200.*\} (\d+)', text, re.M)
    bed.claim(counted and int(counted[1]) == 2, "/metrics counts requests by route and status", text)
    sample = re.compile(r"[a-z_]+(\{[^}]*\})? [0-9.e+-]+(\.[0-9]+)?|# (HELP|TYPE) .*")
    odd = [line for line in text.splitlines() if not sample.fullmatch(line)]
    bed.claim(not odd, "in Prometheus' text format", odd)


def deploys_where_nothing_is(server):
    """The target is down: a stream ends with the problem; without a stream it is the status."""
    wish = {"template": "tiny-llama-test", "name": "one", "target": "podman"}
    stream = server.post("/api/v1/deployments", wish, headers={"Accept": "text/event-stream"})
    bed.claim(stream.headers["Content-Type"] == "text/event-stream", "a stream is server-sent events when asked for", stream)
    last = stream.text.strip().split("\n\n")[-1].splitlines()
    bed.claim(last[0] == "event: problem" and json.loads(last[1].removeprefix("data: "))["problem"]["status"] == 503,
              "its last event is the problem", stream.text)
    plain = server.post("/api/v1/deployments", wish, headers={"Accept": "application/json"})
    bed.claim(plain.status == 503 and "podman" in plain.json()["detail"] and plain.json()["hint"],
              "without a stream the status tells, with cause and next step", plain.text)
    bed.claim(server.get("/api/v1/deployments").json() == [], "and nothing is left behind")
    far = bed.mlib("deploy", "tiny-llama-test", "--name", "one", "--state", f"{server.home.name}/far",
                   env={"CONTAINER_HOST": "ssh://elsewhere"})
    bed.claim(far.code == 6 and "ssh://elsewhere" in far.err and "hint:" in far.err,
              "a podman of another machine is refused, not passed over", far)


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-cards-") as folder:
        cards = pathlib.Path(folder) / "catalog"
        shutil.copytree(bed.ROOT / "catalog", cards)
        (cards / "one.yaml").write_text(CARD % "one")
        with bed.Server("--catalog", cards, env={"CONTAINER_HOST": f"unix://{folder}/none"}) as server:
            bed.claim(names(server) == ["one"], "the cards of --catalog are served", names(server))
            (cards / "two.yaml").write_text(CARD % "two")
            bed.wait(lambda: names(server) == ["one", "two"], 10, "a new card is served without a restart")
            (cards / "two.yaml").write_text("kind: [")
            bed.wait(lambda: "two.yaml:2:1: error: " in server.log(), 10, "a broken card is told with its place")
            bed.wait(lambda: names(server) == ["one"], 10, "and left out, the others stay")
            loaded = server.log().count("catalogue loaded again")
            server.process.send_signal(signal.SIGHUP)
            bed.wait(lambda: server.log().count("catalogue loaded again") > loaded, 10, "SIGHUP loads the catalogue again")
            bed.claim(server.process.poll() is None, "the server lives through all of it")

            reloads_whole(cards, server)
            says_who_it_is(server)
            deploys_where_nothing_is(server)
            taken = bed.mlib("serve", "--listen", f"127.0.0.1:{server.port}", "--state", f"{folder}/other")
            bed.claim(taken.code == 7 and str(server.port) in taken.err, "a taken address is exit code 7 and says so", taken)

            state = f"{server.home.name}/state"
            listed = bed.mlib("get", "deployments", "--state", state, "-o", "json")
            bed.claim(listed.code == 0 and listed.out.strip() == "[]", "the command line may use the server's state", listed)
            bed.claim(server.stop(signal.SIGINT) == 0, "Ctrl-C ends it with 0", server.log())


if __name__ == "__main__":
    bed.main(test)
