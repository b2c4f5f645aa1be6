"""`mlib serve` killed with SIGKILL while it deploys: what was answered is known after a restart, what was under way is
known too and can be removed, and no container is left that nobody knows of."""
import select
import signal
import socket
import socketserver
import tempfile
import threading
import time

import bed
import contract

AT = "/api/v1/deployments"
KILLS = 8


def deploy(server, name, mode="serve"):
    """The answer; None when the server was killed before it answered."""
    wish = {"template": "box", "name": name, "namespace": contract.SPACE, "target": "podman", "set": {"mode": mode}}
    try:
        return server.post(AT, wish, headers={"Accept": "application/json"}, timeout=60)
    except OSError:
        return None
    except bed.http.client.HTTPException:
        return None


class Deaf(bed.Serving):
    """Between mlib and podman's socket: a log that is followed never ends, as when podman 4.3 does not hear that the
    container has ended."""

    def __init__(self, below, path):
        self.path, self.held = str(path), 0
        deaf = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with socket.socket(socket.AF_UNIX) as podman:
                    podman.connect(below)
                    ends, follows = {self.request: podman, podman: self.request}, False
                    while True:
                        for end in select.select(list(ends), [], [])[0]:
                            piece = end.recv(65536)
                            follows = follows or (end is self.request and b"follow=true" in piece)
                            if follows and end is podman and (not piece or piece.endswith(b"0\r\n\r\n")):
                                deaf.held += 1
                                piece = piece.removesuffix(b"0\r\n\r\n")
                                ends.pop(podman, None)
                            elif not piece:
                                return
                            if piece:
                                (podman if end is self.request else self.request).sendall(piece)

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the other side is gone

        self.server = Server(self.path, Handler)


def deaf_podman(podman, folder, serve):
    """Deploying does not wait for the end of a log that podman does not give."""
    with Deaf(podman.socket, f"{folder}/deaf.sock") as deaf:
        words = ["box", "--name", "deaf", "-n", contract.SPACE, "--target", "podman", "--timeout", "60s", *serve]
        made = bed.mlib("deploy", *words, env={"CONTAINER_HOST": f"unix://{deaf.path}"}, timeout=60)
        bed.claim(made.code == 0 and deaf.held > 0 and "prepare: preparing" in made.err, "a preparation whose log never ends is seen to be over", made)
    gone = bed.mlib("delete", "deployment", "deaf", "-n", contract.SPACE, "--with-storage", "--yes", *serve, env=podman.env)
    bed.claim(gone.code == 0, "and what was made can be removed", gone)


def listed(server):
    return {each["name"]: each for each in server.get(AT).json()}


def killed(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def test():
    with bed.Podman() as podman, tempfile.TemporaryDirectory(prefix="mlib-durable-") as folder:
        podman.load("base")
        contract.User(folder, "podman", podman.env)
        serve = ["--catalog", f"{folder}/catalog", "--state", f"{folder}/state"]

        deaf_podman(podman, folder, serve)

        def containers():
            return podman("ps", "--all", "--format", "{{.Names}}").out.split()

        with bed.Server(*serve, env=podman.env) as server:
            made = deploy(server, "kept")
            bed.claim(made.status == 200 and made.json()["phase"] == "ready", "a deployment is answered when it is ready", made.text)
            answers = []
            waiting = threading.Thread(target=lambda: answers.append(deploy(server, "slow", "late")))
            waiting.start()
            bed.wait(lambda: answers or listed(server).get("slow", {}).get("state") == "deployed", 60, "slow is made")
            bed.claim(answers == [], "a deployment that is not healthy yet is waited for", answers and answers[0] and answers[0].text)
            killed(server)
            waiting.join()
        bed.claim(contract.fetch(f"{made.json()['endpoint']}/text") == "one", "what was served is served without the server")
        acknowledged = {"kept"}
        for kill in range(KILLS):
            with bed.Server(*serve, env=podman.env) as server:
                if kill == 0:
                    now = listed(server)
                    bed.claim(now["kept"]["phase"] == "ready" and now["kept"]["endpoint"] == made.json()["endpoint"],
                              "after SIGKILL the deployment is known, ready, at its endpoint", now)
                    bed.claim(now["slow"]["phase"] == "starting", "and so is the one that was waited for", now)
                name, answers = f"cut-{kill}", []
                asking = threading.Thread(target=lambda: answers.append(deploy(server, name)))
                asking.start()
                end = time.monotonic() + 0.25 * kill  # each time at another step of the deploy
                bed.wait(lambda: time.monotonic() > end, 5, "the moment to kill")
                killed(server)
                asking.join()
                if answers[0] is not None and answers[0].status == 200:
                    acknowledged.add(name)
        with bed.Server(*serve, env=podman.env) as server:
            now = listed(server)
            bed.claim(acknowledged <= set(now), "nothing that was answered is forgotten", (acknowledged, now))
            owners = {name.removeprefix(f"mlib.{contract.SPACE}.").split("_")[0] for name in containers()}
            bed.claim(owners <= set(now), "no container is left that is not in the list", (owners, now))
            bed.note(f"{len(now)} known, {len(acknowledged)} answered, of {KILLS + 2}; with containers: {sorted(owners)}")
            again = deploy(server, f"cut-{KILLS - 1}")
            bed.claim(again.status == 200, "what was cut off can be deployed again", again.text)
            for name in listed(server):
                gone = server.ask("DELETE", f"{AT}/{contract.SPACE}/{name}?with_storage=true", headers={"Accept": "application/json"})
                bed.claim(gone.status == 200, f"{name} can be removed", gone.text)
            bed.claim(listed(server) == {} and containers() == [], "and then nothing is left", (listed(server), containers()))
            kept = podman("volume", "ls", "--quiet").out.split() + podman("secret", "ls", "--format", "{{.Name}}").out.split()
            bed.claim(kept == [], "no volume and no secret either", kept)


if __name__ == "__main__":
    bed.main(test)
