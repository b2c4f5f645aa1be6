"""What the end-to-end tests share: commands, claims, and the real parts they run against.

A test is a file beside this one that ends with `if __name__ == "__main__": bed.main(test)`. `test` starts what it needs
with `with bed.Podman()`, `bed.Cluster()` or `bed.Server()` and states what must hold with `bed.claim(...)`. Its output
begins with what failed; it leaves no process, mount or folder behind, also when it is ended by a signal.
"""
import fcntl
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEDS = ROOT / "tests" / "beds"
MLIB = os.environ.get("MLIB", str(ROOT / "build" / "dev" / "mlib"))
ENGINE_IMAGE = "localhost/mlib-llama-server:1"  # llama.cpp's server; serves made weights of `weights()`
BASE_IMAGE = "localhost/mlib-base:1"  # busybox, for containers that have to fail, wait or print


class Failure(Exception):
    """Something the test needs did not come about; the text says what and shows the output that tells why."""


# --- commands ----------------------------------------------------------------
class Result(NamedTuple):
    code: int  # the exit code; negative: the signal that ended it; 124: it took too long
    out: str
    err: str

    def __str__(self):
        return f"exit code {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def run(*command, timeout=60, env=None, input=None, cwd=None):
    """Runs a command to its end and returns a Result; past `timeout` seconds ends it and all it started."""
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", cwd=cwd,
        env={**os.environ, **(env or {})}, start_new_session=True)
    try:
        out, err = process.communicate(input, timeout)
        return Result(process.returncode, out, err)
    except subprocess.TimeoutExpired:
        _kill(process)
        out, err = process.communicate()
        return Result(124, out, f"{err}\n(ended after {timeout} s)")
    except BaseException:
        _kill(process)
        process.wait()
        raise


def _kill(leader):
    try:
        os.killpg(leader.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def mlib(*arguments, **options):
    """Runs the program under test; as `run`."""
    return run(MLIB, *arguments, **options)


def instrumented():
    """True of a program with sanitizers, which is slow and whose memory is mostly theirs."""
    return b"__asan_init" in (program := pathlib.Path(MLIB).read_bytes()) or b"__tsan_init" in program


def need(result, what):
    """The result, or a Failure when its command failed."""
    if result.code != 0:
        raise Failure(f"{what}: {result}")
    return result


def wait(condition, seconds, what):
    """Asks until `condition()` is true and returns what it gave; a Failure after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- claims ------------------------------------------------------------------
_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_claims = []  # triples: held, sentence, detail
_notes = []


def claim(condition, sentence, detail=""):
    """States that something holds. `detail` is shown when it does not. Returns whether it held."""
    held = bool(condition)
    _claims.append((held, sentence, str(detail)))
    _live(f"{'ok    ' if held else 'FAILED'} {sentence}")
    return held


def note(text):
    """A line for the log, below the claims."""
    _notes.append(str(text))
    _live(text)


def skip(reason):
    """Ends the test as neither passed nor failed."""
    print(f"skipped: {reason}")
    raise SystemExit(77)


def _live(text):
    if sys.stderr.isatty() or os.environ.get("MLIB_LIVE"):
        print(text, file=sys.stderr, flush=True)


def main(test):
    """Runs `test`, prints failed claims first, then the count, the claims that held and the notes; exits 0, 1 or 77."""
    def ended(number, _frame):
        raise SystemExit(128 + number)

    for number in _ENDINGS:
        signal.signal(number, ended)
    began = time.monotonic()
    try:
        test()
    except SystemExit as end:
        if end.code == 77:
            raise
        _claims.append((False, f"the test runs to its end (ended with {end.code})", traceback.format_exc()))
    except BaseException:
        _claims.append((False, "the test runs to its end", traceback.format_exc()))
    failed = [entry for entry in _claims if not entry[0]]
    for _, sentence, detail in failed:
        print(f"FAILED {sentence}")
        for line in detail.splitlines():
            print(f"       {line}")
    print(f"{len(_claims) - len(failed)} claims held, {len(failed)} failed, {time.monotonic() - began:.1f} s")
    for held, sentence, _ in _claims:
        if held:
            print(f"ok     {sentence}")
    for text in _notes:
        print(text)
    sys.exit(1 if failed or not _claims else 0)


# --- beds --------------------------------------------------------------------
def build(*names):
    """Builds the beds of tests/beds/recipes if that was not done before; the folder of the last one."""
    result = need(run(BEDS / "build", *names, timeout=3600), f"tests/beds/build {' '.join(names)}")
    return pathlib.Path(result.out.split()[-1])


def weights():
    """The folder that holds made-llama.gguf, half a megabyte of made weights that the engine loads."""
    return build("weights")


_slot = None


def _environment():
    """Variables that keep this process's beds apart from everybody else's; the slot is ours until we end."""
    global _slot
    if "MLIB_BED_RUN" in os.environ:
        return {}
    number = 0
    while _slot is None:
        number += 1
        lock = open(f"/tmp/mb{number}.lock", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _slot = lock, number
        except BlockingIOError:
            lock.close()
    number = _slot[1]
    return {"MLIB_BED_RUN": f"/tmp/mb{number}", "MLIB_BED_PORT": str(7440 + 10 * number),
            "MLIB_BED_NET": f"10.250.{number}", "MLIB_BED_PODS": f"10.244.{number}",
            "MLIB_BED_BRIDGE": f"10.249.{number}"}


class _Bed:
    """A bed that NAME/up.sh starts and NAME/down.sh ends."""
    folder = None

    def __init__(self, *words):
        self.words = words
        self.environment = _environment()
        self.run_folder = pathlib.Path(self.environment.get("MLIB_BED_RUN") or os.environ["MLIB_BED_RUN"])

    def _script(self, name, *arguments, timeout=300):
        return run(BEDS / self.folder / name, *arguments, env=self.environment, timeout=timeout)

    def __enter__(self):
        self._script("down.sh")  # what a killed test left in this slot
        try:
            result = need(self._script("up.sh", *self.words, timeout=3600), f"{self.folder}/up.sh")
            self._up(result.out.split()[-1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        asked = []
        before = [signal.signal(number, lambda number, _: asked.append(number)) for number in _ENDINGS]
        result = self._script("down.sh")
        for number, handler in zip(_ENDINGS, before):
            signal.signal(number, handler)
        if result.code != 0 or (self.run_folder / self.state).exists():
            claim(False, f"the {self.folder} bed goes down and leaves nothing", result)
        if asked:
            raise SystemExit(128 + asked[0])

    def load(self, *names):
        """Brings the images of beds, "engine" or "base", or of archives into this bed."""
        for name in names:
            archive = name if isinstance(name, pathlib.Path) else build(name) / "image.tar"
            need(self._script("load.sh", archive), f"load {name}")


class Podman(_Bed):
    """A podman of its own. `url` and `socket` of its service, its one `network` (down.sh clears no other one's packet
    filter rules, so no command may make another); call it to run a podman command in it."""
    folder, state = "podman", "p"

    def _up(self, url):
        self.url, self.socket = url, url.removeprefix("unix://")
        self.env = {"CONTAINER_HOST": url}
        self.network = next((self.run_folder / "p" / "networks").glob("*.json")).stem

    def __call__(self, *arguments, **options):
        return run(self.run_folder / "p" / "podman", *arguments, **options)


class Cluster(_Bed):
    """A Kubernetes cluster. `kubeconfig`; `address` of the API server and, with a node, of its NodePorts."""
    folder, state = "kubernetes", "k"

    def __init__(self, node=True):
        super().__init__(*(["node"] if node else []))
        if node and os.geteuid() != 0:
            skip("a cluster with a node needs root")

    def _up(self, kubeconfig):
        self.kubeconfig = kubeconfig
        self.env = {"KUBECONFIG": kubeconfig}
        self.programs = build("kubernetes")
        variables = {"MLIB_BED_PORT": "7440", "MLIB_BED_NET": "10.250.0", **os.environ, **self.environment}
        self.port = variables["MLIB_BED_PORT"]
        self.address = f"{variables['MLIB_BED_NET']}.2" if self.words else "127.0.0.1"
        self.server = f"https://{self.address}:{self.port}"
        self.authority = str(self.run_folder / "k" / "pki" / "ca.crt")

    def kubectl(self, *arguments, **options):
        return run(self.programs / "kubectl", "--kubeconfig", self.kubeconfig, *arguments, **options)

    def pulls_plainly(self, registry):
        """The node takes images of that registry, HOST:PORT, by plain HTTP."""
        trust = self.run_folder / "k" / "node" / "certs.d" / registry
        trust.mkdir(parents=True)
        (trust / "hosts.toml").write_text(f'server = "http://{registry}"\n[host."http://{registry}"]\ncapabilities = ["pull", "resolve"]\n')

    def make_gpu_nodes(self):
        """Two nodes with GPUs that the scheduler counts and where nothing runs: gpu-h100 with 8, gpu-t4 with 1."""
        need(self.kubectl("create", "-f", BEDS / "kubernetes" / "gpu-nodes.yaml"), "kubectl create")

    def objects(self, *arguments):
        """The items of `kubectl get ... -o json`."""
        found = json.loads(need(self.kubectl("get", *arguments, "-o", "json"), "kubectl get").out)
        return found.get("items", [found])


class Registry:
    """An image registry over plain HTTP where the node of `cluster` can pull; `locked` lets nobody in. `name` is what
    images of it begin with, HOST:PORT."""

    def __init__(self, cluster, locked=False):
        self.cluster, self.locked = cluster, locked

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="mlib-registry-")
        self.name = f"{self.cluster.address.rpartition('.')[0]}.1:{free_port()}"
        home = pathlib.Path(self.home.name)
        (home / "users").write_text("nobody:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n")
        auth = f"auth: {{htpasswd: {{realm: bed, path: {home}/users}}}}\n" if self.locked else ""
        (home / "config.yaml").write_text(f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: {self.name}}}\n"
                                          f"storage: {{filesystem: {{rootdirectory: {home}/data}}}}\n{auth}")
        self.cluster.pulls_plainly(self.name)
        self.process = subprocess.Popen(["docker-registry", "serve", home / "config.yaml"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        host, port = self.name.split(":")
        try:
            wait(lambda: self._answers(host, port), 20, "the registry answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self, host, port):
        try:
            return ask(int(port), "GET", "/v2/", host=host).status == (401 if self.locked else 200)
        except OSError:
            return False

    def push(self, repository, tag, architecture):
        """An image without content for one architecture."""
        host, port = self.name.split(":")

        def put(path, body, kind):
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            answer = ask(int(port), "PUT", path.replace("DIGEST", digest), body, {"Content-Type": kind}, host=host)
            if answer.status != 201:
                raise Failure(f"the registry does not take {path}: {answer.status} {answer.text}")
            return {"mediaType": kind, "digest": digest, "size": len(body)}

        oci = "application/vnd.oci.image."
        config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        upload = ask(int(port), "POST", f"/v2/{repository}/blobs/uploads/", host=host).headers["Location"]
        upload = upload.partition(self.name)[2] or upload
        blob = put(f"{upload}&digest=DIGEST", config, "application/octet-stream")
        blob["mediaType"] = oci + "config.v1+json"
        manifest = put(f"/v2/{repository}/manifests/DIGEST", json.dumps(
            {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": blob, "layers": []}).encode(),
            oci + "manifest.v1+json")
        manifest["platform"] = {"architecture": architecture, "os": "linux"}
        put(f"/v2/{repository}/manifests/{tag}", json.dumps(
            {"schemaVersion": 2, "mediaType": oci + "index.v1+json", "manifests": [manifest]}).encode(), oci + "index.v1+json")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.home.cleanup()


# --- the server under test ---------------------------------------------------
class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)


class Serving:
    """Serves `self.server` on a thread of its own while it is entered."""

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def https_server(host, handler, folder):
    """A server, and the file of its certificate, which no authority has signed."""
    key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
    need(run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={host}", "-addext",
             f"subjectAltName=IP:{host}", "-keyout", key, "-out", certificate), "make a certificate")
    server = http.server.ThreadingHTTPServer((host, 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server, certificate


def ask(port, method, path, body=None, headers=None, host="127.0.0.1", timeout=30):
    """One HTTP request, no redirects followed; a body that is not bytes or text is sent as JSON."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, path, body.encode() if isinstance(body, str) else body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Server:
    """`mlib serve ARGUMENTS` on a free port of 127.0.0.1, with a state folder of its own unless --state is given."""

    def __init__(self, *arguments, env=None):
        self.arguments, self.env = [str(argument) for argument in arguments], env or {}

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="mlib-e2e-")
        self.log_file = pathlib.Path(self.home.name) / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        state = [] if "--state" in self.arguments else ["--state", f"{self.home.name}/state"]
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [MLIB, "serve", "--listen", f"127.0.0.1:{self.port}", *state, *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.env})
        try:
            wait(self._ready, 20, "the server answers /readyz")
        except BaseException:
            log = self.log()
            self.__exit__()
            raise Failure(f"mlib serve does not answer:\n{log}")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise Failure(f"mlib serve ended with {self.process.returncode}")
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def ask(self, method, path, body=None, headers=None, timeout=30):
        return ask(self.port, method, path, body, headers, timeout=timeout)

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.ask("POST", path, body, **options)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def stop(self, number=signal.SIGTERM, seconds=15):
        """Ends the server by a signal and returns its exit code; 124 when it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 124

    def __exit__(self, *_):
        if self.process.poll() is None:
            claim(self.stop() == 0, "the server ends cleanly on SIGTERM", self.log()[-4000:])
        elif self.process.returncode not in (0, -signal.SIGKILL):
            claim(False, f"the server ran until it was asked to end (exit code {self.process.returncode})", self.log()[-4000:])
        self.home.cleanup()
