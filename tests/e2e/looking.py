"""Looking into what runs on a real cluster: its endpoint by every way there is, its logs, and what the nodes use."""
import collections
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import tempfile
import threading
import urllib.request

import bed
import kubernetes
from causes import write_cards
from watch import Front

SPACE = "looking"
LISTENS = {"container": {"args": ["http", "8080"], "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}}}
LINES = 100
# Each run says 1 to LINES within some seconds and fails; the marks are for the reader of the test.
COUNTS = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo \"line $i\"; usleep 40000; done; exit 3"
WILD = (r"printf '\377\376 is no UTF-8\n'; printf '\033[31mred\033[0m \033]0;title\007 \r over\n'; "
        r"head -c 1048576 /dev/zero | tr '\0' x; echo; echo end; sleep 1000")
INGRESS = """\
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: "$name"}
spec: {rules: [{http: {paths: [{path: /llm/, pathType: Prefix, backend: {service: {name: "$name", port: {number: 8080}}}}]}}]}
"""
METRICS = """\
apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: kube-system}
spec: {ports: [{port: 443, targetPort: PORT}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: metrics, namespace: kube-system, labels: {kubernetes.io/service-name: metrics}}
addressType: IPv4
ports: [{port: PORT}]
endpoints: [{addresses: [ADDRESS]}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  service: {name: metrics, namespace: kube-system}
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
"""


def script(text):
    """A container that does it; `$` stays one."""
    return {"image": bed.BASE_IMAGE, "command": ["sh", "-c", text.replace("$", "$$")]}


class User:
    def __init__(self, cluster, home, cases):
        self.cluster, self.home = cluster, pathlib.Path(home)
        self.catalogue = self.home / "cards"
        for name, case in cases.items():
            write_cards(self.catalogue, name, case)
        self.policy = self.home / "policy.yaml"
        self.policy.write_text(json.dumps({"frameworks": {name: ["LoadBalancer", "kind:Ingress"] for name in cases}}))

    def command(self, *arguments, kubeconfig=None):
        return [*arguments, "-n", SPACE, "--kubeconfig", kubeconfig or self.cluster.kubeconfig, "--catalog", str(self.catalogue),
                "--state", f"{self.home}/state"]

    def __call__(self, *arguments, **options):
        return bed.mlib(*self.command(*arguments), env={"MLIB_POLICY": str(self.policy)}, timeout=180, **options)

    def deploy(self, name, *more):
        return bed.need(self("deploy", name, "--name", name, "--target", "kubernetes", "--timeout", "120s", *more), f"deploy {name}")

    def endpoint(self, name):
        return json.loads(bed.need(self("endpoint", name, "-o", "json"), f"endpoint of {name}").out)

    def patch(self, kind, name, status):
        place = [] if kind == "node" else ["-n", SPACE]
        bed.need(self.cluster.kubectl("patch", kind, name, *place, "--subresource=status", "--type=merge", "-p",
                                      json.dumps({"status": status})), f"kubectl patch {kind}")


def answers(user, name, url, sentence):
    """The endpoint is that URL, and its health check answers from here."""
    found = {}

    def told():
        found.update(user.endpoint(name))
        return found["endpoint"] == url and found["answers"]
    try:
        bed.wait(told, 30, name)
    except bed.Failure:
        pass
    bed.claim(told(), f"endpoint: {sentence}", (url, found))


def load_balancer(user):
    user.deploy("balanced")
    waiting = user.endpoint("balanced")["endpoint"]
    bed.claim(waiting.startswith(f"http://{user.cluster.address}:3"), "endpoint: a load balancer that has no address yet is reached by its node port", waiting)
    user.patch("service", "balanced", {"loadBalancer": {"ingress": [{"ip": user.cluster.address}]}})
    answers(user, "balanced", f"http://{user.cluster.address}:8080", "a load balancer by the address it was given, where it answers")


class Forward(bed.Serving):
    """What an Ingress controller does for one pod, on port 80 of this machine's end of the cluster's network."""

    def __init__(self, user, name):
        address = user.cluster.objects("pod", "-l", f"app.kubernetes.io/instance={name}", "-n", SPACE)[0]["status"]["podIP"]
        forward = self
        self.address, self.asked = f"{user.cluster.address.rpartition('.')[0]}.1", []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                forward.asked.append(self.path)
                with urllib.request.urlopen(f"http://{address}:8080{self.path}", timeout=10) as answer:
                    body = answer.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer((self.address, 80), Handler)


def ingress(user):
    user.deploy("entered")
    with Forward(user, "entered") as controller:
        user.patch("ingress", "entered", {"loadBalancer": {"ingress": [{"ip": controller.address}]}})
        answers(user, "entered", f"http://{controller.address}/llm", "an Ingress by its address and path, where it answers")
        bed.claim("/llm/healthz" in controller.asked, "endpoint: and its health check goes through it", controller.asked)


def external_node(user):
    """The kubelet writes its own addresses again each five seconds: asked at once, each time."""
    user.deploy("ported")
    answers(user, "ported", user.endpoint("ported")["endpoint"], "a node port, where it answers")
    seen = []

    def external():
        user.patch("node", "bed-node", {"addresses": [{"type": "InternalIP", "address": user.cluster.address},
                                                      {"type": "ExternalIP", "address": "198.51.100.7"}]})
        seen.append(user("status", "ported", "-o", "json").out)
        return json.loads(seen[-1]).get("endpoint", "").startswith("http://198.51.100.7:3")
    try:
        told = bed.wait(external, 60, "the node's external address")
    except bed.Failure:
        told = False
    bed.claim(told, "endpoint: a node port is at its node's ExternalIP where it has one", seen[-1])


def inside(user, home):
    """A ClusterIP: what is asked goes through the API server, with the cluster's credentials."""
    user.deploy("inner")
    url = f"{user.cluster.server}/api/v1/namespaces/{SPACE}/services/inner:8080/proxy"
    answers(user, "inner", url, "a ClusterIP through the API server's service proxy, where it answers")
    forward = user.endpoint("inner")["forward"]
    bed.claim(forward == f"kubectl port-forward -n {SPACE} service/inner 8080:8080", "endpoint: and how to reach it without the credentials is told", forward)
    pathlib.Path(home, "llama").mkdir()
    engine = kubernetes.User(user.cluster, pathlib.Path(home, "llama"))
    engine.edit("frameworks/llama-cpp-server/manifest.yaml", "type: NodePort", "type: ClusterIP")
    bed.need(engine.deploy("inner"), "an engine behind a ClusterIP")
    told = json.loads(engine("endpoint", "inner", "-o", "json").out)
    bed.claim(told["endpoint"].endswith("/proxy") and told["answers"] and told["models"], "endpoint: an engine's models are asked through it", told)
    said = engine("chat", "inner", "Hello", "--max-tokens", "8", "-o", "json")
    bed.claim(said.code == 0 and json.loads(said.out)["answer"], "chat streams through it", said)


class Follow:
    """`mlib logs -f`, its lines as they come."""

    def __init__(self, user, name, *more, kubeconfig=None):
        self.lines, self.words = [], user.command("logs", name, "-f", *more, kubeconfig=kubeconfig)

    def __enter__(self):
        self.process = subprocess.Popen([bed.MLIB, *self.words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        threading.Thread(target=lambda: [self.lines.append(line.rstrip("\n")) for line in self.process.stdout], daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def follows_all(user, home):
    """Two pods that fail again and again, over connections that are cut again and again: nothing is lost or repeated."""
    bed.need(user("deploy", "counts", "--name", "counts", "--target", "kubernetes", "--no-wait"), "deploy counts")
    expected = 2 * [f"line {i}" for i in range(1, LINES + 1)]
    with Front(user.cluster) as front, Follow(user, "counts", "--all-pods", kubeconfig=front.kubeconfig(home)) as following:
        def by_pod():
            found = collections.defaultdict(list)
            for line in list(following.lines):
                title, _, text = line.partition(" | ")
                found[title].append(text)
            return found
        cut = 0

        def enough():
            nonlocal cut
            found = by_pod()
            if sum(map(len, found.values())) > 60 * (cut + 1) and cut < 5:
                front.cut()
                cut += 1
            return len(found) == 2 and all(len(each) >= len(expected) for each in found.values())
        try:
            bed.wait(enough, 120, "two runs of two pods")
        except bed.Failure as failure:
            bed.note(failure)
        found = by_pod()
        bed.claim(len(found) == 2 and all(re.fullmatch(r"counts-\S+ server", title) for title in found), "logs -f --all-pods tells whose each line is", list(found))
        for title, lines in found.items():
            bed.claim(lines[:len(expected)] == expected, f"logs -f: across {cut} cut connections and a restart every line comes once",
                      (title, len(lines), [(i, a, b) for i, (a, b) in enumerate(zip(lines, expected)) if a != b][:5]))
        bed.claim(cut == 5 and following.process.poll() is None, "logs -f: connections were cut", cut)
    before = bed.wait(lambda: (now := user("logs", "counts", "--previous")).code == 0 and now, 30, "a run before")
    bed.claim(before.out.split("\n")[:-1] == expected[:LINES], "logs --previous is the run before, whole", before)


def wild(user):
    user.deploy("wild", "--no-wait")
    bed.wait(lambda: user("logs", "wild", "--tail", "1").out == "end\n", 60, "the wild pod has said it all")
    for name, text in {"logs": user("logs", "wild").out, "logs -f": followed(user, "wild", "end")}.items():
        lines = text.split("\n")
        bed.claim(lines[0] == r"\xff\xfe is no UTF-8", f"{name}: bytes that are no UTF-8 are shown", lines[0][:200])
        bed.claim("\x1b" not in text and "\x07" not in text and "\r" not in text and lines[1].startswith(r"\x1b[31mred\x1b[0m \x1b]0;title\x07"),
                  f"{name}: terminal escapes are shown, not done", lines[1][:200])
        bed.claim(len(lines[2]) == 1 << 20 and set(lines[2]) == {"x"} and lines[3] == "end", f"{name}: a line of 1 MiB is one line",
                  [len(line) for line in lines])


def followed(user, name, last):
    with Follow(user, name) as following:
        bed.wait(lambda: last in following.lines, 60, f"{last} of {name}")
        return "\n".join(following.lines) + "\n"


def not_started(user):
    user.deploy("waits", "--no-wait")
    bed.wait(lambda: user.cluster.objects("pod", "-l", "app.kubernetes.io/instance=waits", "-n", SPACE), 30, "a pod")
    early = bed.wait(lambda: (now := user("logs", "waits", "--container", "server")).code == 7 and now, 30, "no container has started")
    bed.claim("has started yet (PodInitializing)" in early.err and "-f waits for it" in early.err, "logs of a container that has not started say why", early)
    with Follow(user, "waits") as following:
        bed.wait(lambda: len(following.lines) >= 2, 60, "both containers' lines")
        bed.claim(following.lines[:2] == ["prepare | prepared", "server | listening on 8080"], "logs -f waits for it, and tells what comes before", following.lines)


class Metrics(bed.Serving):
    """Speaks metrics.k8s.io: what metrics-server does, from what the kubelet measures."""

    def __init__(self, cluster):
        self.cluster, self.told = cluster, []
        metrics = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = metrics.answer(self.path.partition("?")[0].rstrip("/"))
                body = json.dumps(found).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.address = f"{cluster.address.rpartition('.')[0]}.1"
        self.server = http.server.ThreadingHTTPServer((self.address, 0), Handler)
        self.port = self.server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        keys = cluster.run_folder / "k" / "pki"
        context.load_cert_chain(keys / "server.crt", keys / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def answer(self, path):
        group = {"apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1"}
        if path == "/apis/metrics.k8s.io/v1beta1":
            return {"kind": "APIResourceList", **group, "resources": [
                {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]}]}
        if path != "/apis/metrics.k8s.io/v1beta1/nodes":
            return {}
        measured = json.loads(self.cluster.kubectl("get", "--raw", "/api/v1/nodes/bed-node/proxy/stats/summary").out)["node"]
        self.told.append((measured["cpu"]["usageNanoCores"] / 1e9, measured["memory"]["workingSetBytes"]))
        return {"kind": "NodeMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": [
            {"metadata": {"name": "bed-node"}, "timestamp": measured["cpu"]["time"], "window": "10s", "usage": {
                "cpu": f"{measured['cpu']['usageNanoCores']}n", "memory": f"{measured['memory']['workingSetBytes']}"}}]}


def usage(user):
    def top(*more):
        return bed.need(bed.mlib("top", "--target", "kubernetes", "--kubeconfig", user.cluster.kubeconfig, "--state", f"{user.home}/state", *more), "mlib top")

    def cpu_and_memory():
        total = json.loads(top("-o", "json").out)["total"]
        return {each["resource"]: each for each in total}
    bed.claim(all("used" not in each for each in cpu_and_memory().values()), "top tells no use where nobody measures it", cpu_and_memory())
    with Metrics(user.cluster) as metrics:
        bed.need(user.cluster.kubectl("apply", "-f", "-", input=METRICS.replace("PORT", str(metrics.port)).replace("ADDRESS", metrics.address)), "kubectl apply")
        bed.need(user.cluster.kubectl("wait", "--for=condition=Available", "--timeout=60s", "apiservice/v1beta1.metrics.k8s.io"), "the metrics API")
        kubectl = bed.wait(lambda: (now := user.cluster.kubectl("top", "nodes")).code == 0 and now, 60, "kubectl top nodes answers")
        bed.claim("bed-node" in kubectl.out, "the stand-in for metrics-server is one to kubectl, too", kubectl)
        told = cpu_and_memory()
        cores, memory = metrics.told[-1]
        bed.claim(abs(told["cpu"]["used"] - cores) < 1e-6 and abs(told["memory"]["used"] - memory) < 1, "top tells what is used, as it is measured", (told, metrics.told))
        bed.claim(0 < told["cpu"]["used"] <= 1.05 * told["cpu"]["has"] and 1 << 20 < told["memory"]["used"] < told["memory"]["has"], "which is some of what there is", told)
        bed.note(top().out)


CASES = {
    "balanced": {**LISTENS, "service": {"type": "LoadBalancer"}},
    "entered": {**LISTENS, "service": {"type": "ClusterIP"}, "after": INGRESS},
    "ported": LISTENS,
    "inner": {**LISTENS, "service": {"type": "ClusterIP"}},
    "counts": {"container": script(COUNTS), "spec": {"replicas": 2}},
    "wild": {"container": script(WILD)},
    "waits": {"container": {"args": ["http", "8080"]}, "pod": {"initContainers": [{"name": "prepare", **script("sleep 8; echo prepared"),
                                                                                 "imagePullPolicy": "IfNotPresent"}]}},
}


def test():
    with bed.Cluster(node=True) as cluster, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home:
        cluster.load("engine", "base")
        user = User(cluster, home, CASES)
        not_started(user)
        follows_all(user, home)
        wild(user)
        usage(user)
        load_balancer(user)
        ingress(user)
        external_node(user)
        inside(user, home)


if __name__ == "__main__":
    bed.main(test)
