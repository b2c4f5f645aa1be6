"""Weights that are fetched: from the hub and from an address, by the real curl over real TLS, cut off in the middle and
continued, checked, and kept for the next start; on podman and on Kubernetes.

    weights.py [podman] [kubernetes]

The hub and the address are a server of this test: its image for fetching knows where `huggingface.co` is, and whom to
trust, by curl's own configuration file. What is fetched is served by the real engine.
"""
import hashlib
import http.server
import json
import pathlib
import re
import shutil
import ssl
import sys
import tempfile
import threading
import time
import urllib.request

import bed

IMAGE = "localhost/mlib-fetch:1"
HOSTS = ("huggingface.co", "files.example")
ASKED = {"of-hub": "/org/repo/resolve/v1/sub/made-llama.gguf", "of-address": "/some/made-llama.gguf"}
WRONG = {"changed": "has another SHA-256 than", "absent": "is not there (HTTP 404)", "gated": "a token in Secret hf-token"}
MOST_ASKED = {"changed": 3, "absent": 1, "gated": 1}
MODEL = """\
apiVersion: model-library/v1
kind: Model
metadata: {name: %s}
spec: {framework: llama-cpp-server, sources: [{uri: "%s", sha256: %s}], format: gguf, context_length: 512}
"""
TEMPLATE = """\
apiVersion: model-library/v1
kind: Template
metadata: {name: %s}
spec: {model: %s, hardware: cpu-tiny}
"""


class Files:
    """An HTTPS server at `address` that gives one file under every path, its first answer for a path cut off in the
    middle. `asked`: pairs of path and Range."""

    def __init__(self, address, content, folder):
        self.asked = asked = []

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                first = self.path not in [path for path, _ in asked]
                asked.append((self.path, self.headers.get("Range", "")))
                if "absent" in self.path or "gated" in self.path:
                    return self.send_error(404 if "absent" in self.path else 403)
                begin = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(content) - begin))
                if begin:
                    self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                if first:
                    return self.wfile.write(content[begin:len(content) // 2])
                # As slow as a hub is: whoever watches sees it being fetched.
                middle = (begin + len(content)) // 2
                self.wfile.write(content[begin:middle])
                time.sleep(4 if begin else 0)
                self.wfile.write(content[middle:])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/server.crt", f"{folder}/server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def certificates(folder):
    """ca.crt, and server.crt with server.key for the hosts."""
    def openssl(*words):
        bed.need(bed.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                         "-days", "2", *words, cwd=folder), "openssl")

    openssl("-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.crt", "-addext", "keyUsage=critical,keyCertSign")
    openssl("-subj", "/CN=test", "-keyout", "server.key", "-out", "server.crt", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in HOSTS))


def image(folder, address, port):
    """image.tar: busybox, this machine's curl with its libraries, and where its hosts are."""
    root = pathlib.Path(folder) / "root"
    for name in ("bin", "etc", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in ("sh", "sleep", "wc", "echo", "mv", "rm", "kill", "sha256sum"):
        (root / "bin" / name).symlink_to("busybox")
    curl = shutil.which("curl")
    shutil.copy(curl, root / "bin/curl")
    for library in re.findall(r"(/\S+) \(0x", bed.need(bed.run("ldd", curl), "ldd curl").out):
        at = root / library.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, at)
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    shutil.copy(f"{folder}/ca.crt", root / "ca.crt")
    (root / ".curlrc").write_text('cacert = "/ca.crt"\n' + "".join(
        f'connect-to = "{host}:443:{address}:{port}"\n' for host in HOSTS))
    script = f'source {bed.BEDS}/image.sh; image {IMAGE} image.tar root \'{{"Env":["PATH=/bin"]}}\''
    bed.need(bed.run("bash", "-euc", script, cwd=folder), "image.sh")
    return f"{folder}/image.tar"


def catalogue(folder, content):
    at = pathlib.Path(folder) / "catalog"
    shutil.copytree(bed.ROOT / "catalog", at)
    good, wrong = hashlib.sha256(content).hexdigest(), hashlib.sha256(b"others").hexdigest()
    for name, uri, sum in (("of-hub", "hf://org/repo/sub/made-llama.gguf@v1", good),
                           ("of-address", "https://files.example/some/made-llama.gguf", good),
                           ("absent", "https://files.example/absent/made-llama.gguf", good),
                           ("gated", "hf://org/gated/made-llama.gguf", good),
                           ("changed", "https://files.example/changed/made-llama.gguf", wrong)):
        (at / "models" / f"{name}.yaml").write_text(MODEL % (name, uri, sum))
        (at / "templates" / f"{name}.yaml").write_text(TEMPLATE % (name, name))


def answers(url):
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["usage"]["completion_tokens"]


def fetches(target, part, address):
    part.load("engine")
    content = next(bed.weights().glob("*.gguf")).read_bytes()
    with tempfile.TemporaryDirectory(prefix="mlib-weights-") as folder:
        certificates(folder)
        files = Files(address, content, folder)
        bed.need(part._script("load.sh", image(folder, address, files.port)), "load the image")
        catalogue(folder, content)

        def mlib(*words):
            return bed.mlib(*words, "--catalog", f"{folder}/catalog", "--state", f"{folder}/state", env=part.env, timeout=180)

        def deploy(template, timeout="90s"):
            return mlib("deploy", template, "--name", template, "--target", target, "--timeout", timeout,
                        "--set", f"image={bed.ENGINE_IMAGE}", "--set", f"fetch_image={IMAGE}")

        for name, path in ASKED.items():
            made = deploy(name)
            if not bed.claim(made.code == 0, f"{target}, {name}: it is fetched and served", made):
                continue
            asked = [each for each in files.asked if each[0] == path]
            bed.claim(len(asked) == 2 and asked[0][1] == "" and asked[1][1] == f"bytes={len(content) // 2}-",
                      f"{target}, {name}: what was cut off is continued, not begun anew", files.asked)
            bed.claim(answers(mlib("endpoint", name).out.strip()) == 8, f"{target}, {name}: the engine answers with it")
            log = mlib("logs", name).out
            bed.claim("fetch-weights | weights: fetching https://" in log and "try 2 of 10" in log and "is complete" in log,
                      f"{target}, {name}: its log tells how it was fetched", log)
            bed.claim("weights: " in made.err, f"{target}, {name}: and so does the progress of deploy", made.err)
            count = len(files.asked)
            mlib("delete", "deployment", name, "--yes")
            again = deploy(name)
            bed.claim(again.code == 0 and len(files.asked) == count, f"{target}, {name}: the next start finds it in the claim", again)
            gone = mlib("delete", "deployment", name, "--yes", "--with-storage")
            bed.claim(gone.code == 0, f"{target}, {name}: and it goes with its storage", gone)
        for name, words in WRONG.items():
            failed = deploy(name, timeout="60s")
            bed.claim(failed.code == 1 and words in failed.err, f"{target}, {name}: the error says what is wrong", failed)
            bed.claim(len([path for path, _ in files.asked if f"/{name}/" in path]) <= MOST_ASKED[name] * (1 if target == "podman" else 4),
                      f"{target}, {name}: it is not asked for again and again", files.asked)
        files.server.shutdown()


def on_podman():
    with bed.Podman() as podman:
        bridge = json.loads(bed.need(podman("network", "inspect", podman("network", "ls", "--quiet").out.split()[0]), "network").out)
        gateway = bridge[0]["subnets"][0]["gateway"]
        # The bridge is there when a container is.
        podman.load("base")
        bed.need(podman("run", "--detach", "--name", "holds-the-bridge", bed.BASE_IMAGE, "sleep", "600"), "podman run")
        fetches("podman", podman, gateway)


def on_kubernetes():
    with bed.Cluster(node=True) as cluster:
        fetches("kubernetes", cluster, cluster.address[:-1] + "1")


TARGETS = {"podman": on_podman, "kubernetes": on_kubernetes}


def test():
    for name in sys.argv[1:] or TARGETS:
        TARGETS[name]()


if __name__ == "__main__":
    bed.main(test)
