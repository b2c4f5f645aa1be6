"""A stand-in Kube Watcher of tests/standins on a free port of 127.0.0.1, and a user who deploys the test's template."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import bed

KEYS = {"admin": "canary-admin-key", "write": "canary-write-key", "read": "canary-read-key"}


class Standin:
    """`seed` or `today` with more arguments, on the cluster. `url`; `log()` of all its requests."""

    def __init__(self, cluster, generation, *arguments):
        self.command = ["/usr/bin/python3", "-B", str(bed.ROOT / "tests/standins/kube_watcher" / f"{generation}.py"),
                        "--kubeconfig", str(cluster.kubeconfig), *arguments]
        self.site = bed.build("watcher") / "site"

    def __enter__(self):
        self.port = bed.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = tempfile.NamedTemporaryFile(prefix="kube-watcher-", suffix=".log")
        self.process = subprocess.Popen([*self.command, "--port", str(self.port)], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output,
                                        env={**os.environ, "PYTHONPATH": str(self.site)})
        try:
            bed.wait(self._answers, 60, "the stand-in Kube Watcher answers")
        except BaseException:
            print(self.log(), file=sys.stderr)
            self.__exit__()
            raise
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise bed.Failure(f"the stand-in ended with {self.process.returncode}:\n{self.log()}")
        try:
            return bed.ask(self.port, "GET", "/v1/health").status in (200, 404)
        except OSError:
            return False

    def log(self):
        return pathlib.Path(self.output.name).read_text(errors="replace")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


def catalogue(folder, claim=False):
    """A copy of the catalogue in which the test's model has its made weights in `folder`; with `claim` its engine
    mounts the claim of its manifest, too. `tiny-bad-flag` is the same template, whose engine dies of its arguments."""
    cards = pathlib.Path(folder) / "catalog"
    shutil.copytree(bed.ROOT / "catalog", cards)
    weights = pathlib.Path(folder) / "weights"
    weights.mkdir()
    shutil.copy(next(bed.weights().glob("*.gguf")), weights / "made.gguf")
    edit(cards / "models/tiny-llama-test.yaml", r"file://\S+", f"file://{weights}/made.gguf")
    template = (cards / "templates/tiny-llama-test.yaml").read_text().replace("name: tiny-llama-test", "name: tiny-bad-flag", 1)
    framework = cards / "frameworks/llama-cpp-server/framework.yaml"  # without its table of flags, which would refuse it
    framework.write_text(framework.read_text().replace("\n  flags: llama.cpp", ""))
    (cards / "templates/tiny-bad-flag.yaml").write_text(f"{template}  values: {{extra_args: [--no-such-flag]}}\n")
    if claim:
        manifest = cards / "frameworks/llama-cpp-server/manifest.yaml"
        edit(manifest, r"- \$weights_mounts", "- $weights_mounts\n            - {name: cache, mountPath: /cache}")
        edit(manifest, r"- \$weights_volumes",
             '- $weights_volumes\n        - {name: cache, persistentVolumeClaim: {claimName: "${name}-pvc"}}')
    return cards


def edit(path, pattern, text):
    changed, count = re.subn(pattern, lambda _: text, path.read_text(), count=1)
    if not count:
        raise bed.Failure(f"{path} has no {pattern}")
    path.write_text(changed)


def chat(url):
    """How many tokens a chat completion gave; the status of a refusal, or the error's text."""
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["usage"]["completion_tokens"]
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError as error:
        return str(error)
