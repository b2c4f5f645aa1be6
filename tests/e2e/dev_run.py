"""`./dev run` without its build: the server, a model in a real container, a question and its answer; then what it does
when the port is taken, when it runs a second time, and when there is no podman."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import bed

SCRIPT = bed.ROOT / "tools" / "dev_run.py"


class Run:
    """dev_run.py with a port and a state of its own."""

    def __init__(self, folder, env):
        self.port = bed.free_port()
        self.words = [sys.executable, "-B", SCRIPT, "--port", str(self.port), "--state", f"{folder}/state"]
        self.env = {**env, "MLIB": bed.MLIB, "https_proxy": "", "HTTPS_PROXY": ""}

    def once(self, *more, **env):
        return bed.run(*self.words, "--once", *more, env={**self.env, **env}, timeout=900)

    def start(self, *more):
        return subprocess.Popen([str(word) for word in (*self.words, *more)], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **self.env})


def first_and_second_run(run, podman):
    first = run.once("--weights", "made")
    bed.claim(first.code == 0, "the first run ends well", first)
    for word in ("server   http://127.0.0.1:", "engine   ", "weights  made ones", "question  ", "answer    ", "tokens/s",
                 "endpoint  http://127.0.0.1:", "Try next"):
        bed.claim(word in first.out, f"the first run says `{word.strip()}`", first)
    bed.claim(podman("ps", "--format", "{{.Names}}").out.count("demo") == 1, "one container runs")
    began = time.monotonic()
    second = run.once("--weights", "made")
    seconds = time.monotonic() - began
    bed.claim(second.code == 0 and "`demo` runs already" in second.out and "answer    " in second.out,
              "a second run uses what runs already", second)
    bed.claim(seconds < 10, "a second run takes seconds", f"{seconds:.1f} s")


def ends_at_ctrl_c(run):
    process = run.start("--weights", "made")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "until Ctrl-C" in line:
            break
    bed.claim(bed.ask(run.port, "GET", "/readyz").status == 200, "the server runs on after the answer")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=30)[0]
    bed.claim("`demo` goes on" in rest and "delete deployment demo" in rest, "Ctrl-C says how to remove the deployment",
              "".join(lines) + rest)
    bed.claim(process.returncode == 0, "Ctrl-C ends it well", process.returncode)
    with socket.socket() as probe:
        bed.claim(probe.connect_ex(("127.0.0.1", run.port)) != 0, "no server is left")


def port_is_taken(run):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", run.port))
        other.listen()
        result = run.once()
    bed.claim(result.code == 1 and f"127.0.0.1:{run.port} is taken by another program" in result.err,
              "a taken port is a clear error", result)


def without_podman(run, folder):
    os.mkdir(f"{folder}/bin")
    os.symlink("/bin/bash", f"{folder}/bin/bash")
    result = run.once(PATH=f"{folder}/bin")
    bed.claim(result.code == 1, "without podman there is no answer", result)
    bed.claim("no model is served: podman is not installed" in result.out, "and one line says what is missing", result)
    bed.claim("answers; the rest follows" in result.out, "but the server started", result)


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-run-") as folder, bed.Podman() as podman:
        run = Run(folder, podman.env)
        first_and_second_run(run, podman)
        ends_at_ctrl_c(run)
        port_is_taken(run)
        without_podman(run, folder)
        bed.need(bed.mlib("delete", "deployment", "demo", "--yes", "--state", f"{folder}/state", env=podman.env), "delete")
        bed.claim(podman("ps", "-a", "--format", "{{.Names}}").out.strip() == "", "after delete no container is left")


if __name__ == "__main__":
    bed.main(test)
