"""The beds themselves: the real engine in a container of podman and in a pod of Kubernetes, and nothing left after."""
import json
import pathlib
import tempfile
import urllib.error
import urllib.request

import bed

PORT = 8000
ARGUMENTS = ["-m", "/models/made-llama.gguf", "--alias", "made-llama", "--host", "0.0.0.0", "--port", str(PORT),
             "-c", "512", "-t", "1", "-np", "1"]


def engine(path, port=None):
    """A pod that serves the made weights of the folder `path` of its node."""
    published = {"containerPort": PORT, **({"hostPort": port, "hostIP": "127.0.0.1"} if port else {})}
    container = {"name": "engine", "image": bed.ENGINE_IMAGE, "imagePullPolicy": "Never", "args": ARGUMENTS,
                 "ports": [published], "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1},
                 "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "llm", "labels": {"app": "llm"}},
            "spec": {"containers": [container], "volumes": [{"name": "models", "hostPath": {"path": str(path)}}]}}


def healthy(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return json.load(answer) == {"status": "ok"}
    except (OSError, urllib.error.URLError):
        return False


def answers(url):
    question = json.dumps({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", question, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["usage"]["completion_tokens"]


def left(folder):
    """What a bed with this folder left: mounts and command lines that name it."""
    found = [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if f"{folder}/" in line]
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if f"{folder}/" in line:
            found.append(line)
    return found + ([str(folder)] if pathlib.Path(folder).exists() else [])


def in_podman():
    with bed.Podman() as podman:
        podman.load("engine", "base")
        port = bed.free_port()
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as manifest:
            json.dump(engine(bed.weights(), port), manifest)
            manifest.flush()
            bed.need(podman("play", "kube", "--network", podman.network, manifest.name), "podman play kube")
        url = f"http://127.0.0.1:{port}"
        bed.wait(lambda: healthy(url), 30, "the engine in podman answers /health")
        bed.claim(answers(url) == 8, "the engine in a container of podman answers a chat completion")
        failing = podman("run", "--network", "none", bed.BASE_IMAGE, "sh", "-c", "echo reason >&2; exit 3")
        bed.claim((failing.code, failing.err.strip()) == (3, "reason"), "a container of the base image fails as told", failing)
        inside = podman("ps", "--all", "--quiet").out.split()
        users = bed.run("podman", "ps", "--all", "--quiet", "--no-trunc").out
        bed.claim(inside and not any(name in users for name in inside), "the user's podman sees none of them")
    bed.claim(not left(podman.run_folder / "p"), "podman leaves nothing", left(podman.run_folder / "p"))
    rules = [rule for rule in bed.run("iptables-save", "-t", "nat").out.splitlines() if f"--dport {port} " in rule]
    bed.claim(not rules, "and no rule that sends its port into the void", "\n".join(rules))


def in_kubernetes():
    with bed.Cluster(node=True) as cluster:
        cluster.load("engine")
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "llm"},
                   "spec": {"type": "NodePort", "selector": {"app": "llm"}, "ports": [{"port": 80, "targetPort": PORT}]}}
        objects = {"apiVersion": "v1", "kind": "List", "items": [engine(bed.weights()), service]}
        bed.need(cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(objects)), "kubectl apply")
        ready = cluster.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/llm", timeout=70)
        bed.claim(ready.code == 0, "the engine's pod gets ready by its /health",
                  f"{ready}\n{cluster.kubectl('describe', 'pod', 'llm')}")
        url = f"http://{cluster.address}:{cluster.objects('service', 'llm')[0]['spec']['ports'][0]['nodePort']}"
        bed.wait(lambda: healthy(url), 30, "the engine in the cluster answers /health through its NodePort")
        bed.claim(answers(url) == 8, "the engine in a pod answers a chat completion through its NodePort")
        log = cluster.kubectl("logs", "llm")
        bed.claim("listening on http:" in log.out, "the API server gives the engine's log", log)
    bed.claim(not left(cluster.run_folder / "k"), "Kubernetes leaves nothing", left(cluster.run_folder / "k"))
    namespaces = bed.run("ip", "netns").out + bed.run("ip", "link").out
    bed.claim(f"mb{cluster.port}" not in namespaces, "and no network namespace or interface", namespaces)
    groups = [str(path) for path in pathlib.Path("/sys/fs/cgroup").glob(f"*/mb{cluster.port}")]
    bed.claim(not groups, "and no control group", groups)


def test():
    in_podman()
    in_kubernetes()


if __name__ == "__main__":
    bed.main(test)
