"""`mlib serve` as a process: it answers, reloads its folder of cards on a change and on SIGHUP, shares its state with the
command line, refuses a taken address, and ends cleanly."""
import pathlib
import shutil
import signal
import tempfile

import bed

CARD = """apiVersion: model-library/v1
kind: Hardware
metadata: {name: %s}
spec: {cpus: 2, memory: 4Gi}
"""


def names(server):
    return [name for name in (card["metadata"]["name"] for card in server.get("/api/v1/hardware").json())
            if name in ("one", "two")]


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-cards-") as folder:
        cards = pathlib.Path(folder) / "catalog"
        shutil.copytree(bed.ROOT / "catalog", cards)
        (cards / "one.yaml").write_text(CARD % "one")
        with bed.Server("--catalog", cards) as server:
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

            taken = bed.mlib("serve", "--listen", f"127.0.0.1:{server.port}", "--state", f"{folder}/other")
            bed.claim(taken.code == 7 and str(server.port) in taken.err, "a taken address is exit code 7 and says so", taken)

            state = f"{server.home.name}/state"
            listed = bed.mlib("get", "deployments", "--state", state, "-o", "json")
            bed.claim(listed.code == 0 and listed.out.strip() == "[]", "the command line may use the server's state", listed)
            bed.claim(server.stop(signal.SIGINT) == 0, "Ctrl-C ends it with 0", server.log())


if __name__ == "__main__":
    bed.main(test)
