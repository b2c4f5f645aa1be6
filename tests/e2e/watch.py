"""A hundred deployments on a real cluster, looked at through a server: what that costs the cluster and the process,
and what happens when connections break and the API server starts anew."""
import base64
import collections
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import select
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import bed

COUNT = 100
SPACES = ("team-a", "team-b")
KINDS = ("deployments", "pods", "services", "ingresses", "persistentvolumeclaims", "events", "nodes", "statefulsets")


class Asked:
    """One question to the API server: its status is None until it answers."""

    def __init__(self, method, path):
        self.method, self.path, self.at, self.status = method, path, time.monotonic(), None


class Front(bed.Serving):
    """Plain HTTP before the API server: knows what was asked, cuts connections, refuses when told."""

    def __init__(self, cluster):
        self.asked, self.gone, self.open, self.lock = [], [], set(), threading.Lock()
        front = self
        host = urllib.parse.urlsplit(cluster.server)
        context = ssl.create_default_context(cafile=cluster.authority)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, self.path)
                with front.lock:
                    front.asked.append(asked)
                    at = len(front.asked) - 1
                    front.open.add(self.connection)
                above = http.client.HTTPSConnection(host.hostname, host.port, context=context, timeout=60)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                    above.request(self.command, self.path, body or None,
                                  {**headers, "Authorization": "Bearer bed-admin-token"})
                    answer = above.getresponse()
                    asked.status = answer.status
                    self.send_response(answer.status)
                    for name in ("Content-Type", "Retry-After"):
                        if answer.headers.get(name):
                            self.send_header(name, answer.headers[name])
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    while piece := answer.read1(65536):
                        if answer.status == 410 or b'"code":410' in piece:
                            front.gone.append((at, answer.status, piece))
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    self.close_connection = True
                finally:
                    above.close()
                    with front.lock:
                        front.open.discard(self.connection)

            do_GET = do_POST = do_PATCH = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a connection that was cut

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        super().__exit__()
        self.cut()

    def cut(self):
        """Ends every connection that waits for something, without a word."""
        with self.lock:
            for connection in list(self.open):
                try:
                    connection.shutdown(2)
                except OSError:
                    pass

    def kubeconfig(self, folder):
        path = pathlib.Path(folder) / "front.conf"
        path.write_text(f"apiVersion: v1\nkind: Config\ncurrent-context: front\n"
                        f"clusters: [{{name: front, cluster: {{server: '{self.url}'}}}}]\n"
                        f"contexts: [{{name: front, context: {{cluster: front, user: ''}}}}]\n")
        return str(path)

    def counts(self, since=0, shared=False):
        """{kind: [lists, watches]} of what was asked since the `since`-th call; `shared`: not of one deployment."""
        found = {}
        for asked in self.asked[since:]:
            parts = urllib.parse.urlsplit(asked.path)
            kind = parts.path.rsplit("/", 1)[1]
            if shared and ("instance%3D" in asked.path or "fieldSelector" in asked.path):
                continue
            if asked.method == "GET" and kind in KINDS:
                row = found.setdefault(kind, [0, 0])
                row["watch=true" in parts.query] += 1
        return found


class Tunnel(bed.Serving):
    """A proxy that knows CONNECT and nothing else."""

    def __init__(self):
        self.asked = []
        tunnel = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += self.rfile.read(1)
                tunnel.asked.append(head.decode())
                host, port = head.split()[1].decode().rsplit(":", 1)
                with socket.create_connection((host, int(port))) as above:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    ends = {self.connection: above, above: self.connection}
                    while ends:
                        for end in select.select(list(ends), [], [], 60)[0]:
                            piece = end.recv(65536)
                            if not piece:
                                return
                            ends[end].sendall(piece)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


def memory(process):
    """Bytes of this process that are in memory and shared with nobody."""
    text = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return 1024 * sum(int(n) for n in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))


def phases(server):
    found = server.get("/api/v1/deployments").json()
    return {item["name"]: item["phase"] for item in found if item["namespace"] in SPACES}


def make(server, number):
    answer = server.post("/api/v1/deployments", {
        "template": "tiny-llama-test", "name": f"d{number}", "namespace": SPACES[number % 2], "target": "kubernetes",
        "wait": False}, timeout=120)
    return answer.status, answer.text


@contextlib.contextmanager
def restarted_api_server(cluster):
    """The API server is ended and started with the same words: nothing is left of its memory."""
    pids = (cluster.run_folder / "k" / "pids").read_text().split("\n")
    pid = int(next(line for line in pids if line.endswith(" kube-apiserver")).split()[0])
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    os.kill(pid, signal.SIGKILL)
    bed.wait(lambda: not pathlib.Path(f"/proc/{pid}").exists() or "State:\tZ" in
             pathlib.Path(f"/proc/{pid}/status").read_text(), 20, "the API server ends")
    log = open(cluster.run_folder / "k" / "log" / "kube-apiserver-2.log", "wb")
    process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        log.close()


def deploy_all(cluster, state):
    with bed.Server("--state", state, env=cluster.env) as server:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda number: make(server, number), range(COUNT)))
    bad = [text for status, text in results if status != 200 or '"result"' not in text]
    if bad:
        raise bed.Failure(f"{len(bad)} of {COUNT} are not deployed: {bad[0]}")


def looking_costs_little(front, server):
    server.get("/api/v1/deployments?name=none")  # what any first question costs is not the watches'
    before = memory(server.process)
    for _ in range(5):
        found = phases(server)
    bed.claim(len(found) == COUNT and set(found.values()) == {"pending"},
              f"the server tells how all {COUNT} deployments are", found)
    grown = memory(server.process) - before
    counts = front.counts()
    bed.claim(all(lists <= 1 and watches <= 1 for lists, watches in counts.values()) and counts.get("pods") == [1, 1],
              f"{COUNT} deployments looked at five times cost at most one list and one watch of each kind", counts)
    if not bed.instrumented():
        bed.claim(grown <= 10 << 20, f"{COUNT} deployments looked at cost at most 10 MB of the server's memory", grown)
    bed.note(f"{COUNT} deployments: {grown / 1e6:.1f} MB; lists and watches: {counts}")


def changes_are_seen(cluster, server):
    began = time.monotonic()
    bed.need(cluster.kubectl("delete", "deployment", "d0", "-n", SPACES[0]), "kubectl delete")
    bed.wait(lambda: phases(server)["d0"] in ("absent", "deleting"), 30, "a deletion by others is seen")
    bed.claim(True, "what others delete is seen")
    bed.note(f"a deletion was seen {time.monotonic() - began:.1f} s after it was asked for")
    answer = server.post("/api/v1/deployments", {"template": "tiny-llama-test", "name": "d0", "namespace": SPACES[0],
                                                 "target": "kubernetes", "wait": False}, timeout=120)
    bed.claim(phases(server)["d0"] == "pending", "what the server itself writes is seen at once", answer.text)
    gone = server.ask("DELETE", f"/api/v1/deployments/{SPACES[1]}/d1", timeout=120)
    bed.claim("d1" not in phases(server), "what the server itself deletes is seen at once", gone.text)


def connections_break(cluster, front, server):
    since = len(front.asked)
    front.cut()
    bed.need(cluster.kubectl("delete", "deployment", "d2", "-n", SPACES[0]), "kubectl delete")
    bed.wait(lambda: phases(server)["d2"] in ("absent", "deleting"), 30, "a change is seen after the connections were cut")
    bed.wait(lambda: front.counts(since).get("pods", [0, 0])[1] == 1, 30, "the pods are watched again")
    counts = front.counts(since, shared=True)
    bed.claim(all(lists == 0 for lists, _ in counts.values()), "watches that were cut go on without a list", counts)


def server_restarts(cluster, front, server):
    since = len(front.asked)
    with restarted_api_server(cluster):
        bed.wait(lambda: cluster.kubectl("delete", "deployment", "d4", "-n", SPACES[0]).code == 0, 60, "kubectl delete")
        bed.wait(lambda: phases(server)["d4"] in ("absent", "deleting"), 60, "a change is seen after the API server's restart")
        gone = [(status, json.loads(piece.splitlines()[0])) for at, status, piece in front.gone if at >= since]
        told = [body["object"] if body.get("type") == "ERROR" else body for _, body in gone]
        bed.claim(told and all(body["kind"] == "Status" and body["code"] == 410 for body in told),
                  "rows 9 and 10 are as the tests script them", gone)
        bed.note(f"410 after the restart, by status: {[status for status, _ in gone]}")
        def path_of(asked):
            return urllib.parse.urlsplit(asked.path).path

        lists = collections.defaultdict(list)
        for asked in front.asked[since:]:
            if "NotOlderThan" in asked.path:
                lists[path_of(asked)].append(asked)
        answered = {path: sum(asked.status == 200 for asked in each) for path, each in lists.items()}
        expired = collections.Counter(path_of(front.asked[at]) for at, *_ in front.gone if at >= since)
        told = {path: [(round(asked.at, 1), asked.status) for asked in each] for path, each in lists.items()}
        bed.claim(lists and all(count <= expired[path] for path, count in answered.items()),
                  "watches survive a restart of the API server; a 410 costs one list of its kind", (told, expired))
        # A list may be refused while the API server is still starting, and is then asked for again.
        bed.claim(all(later.at - first.at >= 10 for each in lists.values() for first, later in zip(each, each[10:])),
                  "and no storm: at most ten lists in any ten seconds", told)

        def silent():
            since = len(front.asked)
            return phases(server) and not front.counts(since)

        bed.wait(silent, 60, "looking asks nothing any more")
        bed.claim(True, "and then looking costs nothing again")


def straight(cluster, method, path, body=None, token="bed-admin-token", **headers):
    """What the API server itself answers: status and body."""
    host = urllib.parse.urlsplit(cluster.server)
    connection = http.client.HTTPSConnection(host.hostname, host.port, timeout=30,
                                             context=ssl.create_default_context(cafile=cluster.authority))
    headers = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body if isinstance(body, (str, type(None))) else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text.startswith(b"{") else {}


def scripted_is_as_real(cluster):
    """The scripted tests of src/kube answer as the real API server does."""
    space = "/api/v1/namespaces/team-a"
    yaml = "application/apply-patch+yaml"

    def thing(name, **more):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "team-a"}, **more}

    def says(row, got, status, reason, *causes):
        code, body = got
        told = [each.get("reason") for each in body.get("details", {}).get("causes", [])]
        bed.claim(code == status and body.get("kind") == "Status" and body.get("reason") == reason
                  and all(each in told for each in causes), f"row {row} is as the tests script it", (code, str(body)[:1500]))
        return body

    says(2, straight(cluster, "GET", f"{space}/pods", token="wrong"), 401, "Unauthorized")
    body = says(3, straight(cluster, "GET", f"{space}/pods", token="bed-nobody-token"), 403, "Forbidden")
    bed.claim('cannot list resource "pods"' in body["message"] and 'in the namespace "team-a"' in body["message"],
              "row 3: its words name verb, resource and namespace", body["message"])
    says(5, straight(cluster, "PATCH", "/api/v1/namespaces/absent/configmaps/x?fieldManager=t",
                     {**thing("x"), "metadata": {"name": "x"}}, Content_Type=yaml), 404, "NotFound")
    straight(cluster, "PATCH", f"{space}/configmaps/x?fieldManager=one", thing("x", data={"a": "1"}), Content_Type=yaml)
    body = says(6, straight(cluster, "PATCH", f"{space}/configmaps/x?fieldManager=two", thing("x", data={"a": "2"}),
                            Content_Type=yaml), 409, "Conflict", "FieldManagerConflict")
    bed.claim(body["details"]["causes"][0]["message"].startswith('conflict with "one"')
              and body["details"]["causes"][0]["field"] == ".data.a", "row 6: and names manager and field", body)
    body = thing("x", data={"a": "3"})
    body["metadata"]["resourceVersion"] = "1"
    says(7, straight(cluster, "PUT", f"{space}/configmaps/x", body, Content_Type="application/json"), 409, "Conflict")
    says(8, straight(cluster, "POST", f"{space}/configmaps", thing("x"), Content_Type="application/json"), 409,
         "AlreadyExists")
    says(12, straight(cluster, "GET", f"{space}/pods?resourceVersion=99999999&resourceVersionMatch=NotOlderThan"), 504,
         "Timeout", "ResourceVersionTooLarge")
    says(13, straight(cluster, "POST", f"{space}/configmaps", thing("large", data={"a": "x" * 3_300_000}),
                      Content_Type="application/json"), 413, "RequestEntityTooLarge")
    says("14 (406)", straight(cluster, "GET", f"{space}/pods", Accept="text/csv"), 406, "NotAcceptable")
    says("14 (415)", straight(cluster, "PATCH", f"{space}/configmaps/x", "{}", Content_Type="text/csv"), 415,
         "UnsupportedMediaType")
    bad = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 70000}]}}
    body = says(15, straight(cluster, "POST", f"{space}/services", bad, Content_Type="application/json"), 422, "Invalid",
                "FieldValueInvalid")
    bed.claim("spec.ports[0].port" in [each["field"] for each in body["details"]["causes"]], "row 15: with its field", body)
    bed.need(cluster.kubectl("create", "namespace", "going"), "a namespace")
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    straight(cluster, "POST", "/api/v1/namespaces/going/configmaps", held, Content_Type="application/json")
    straight(cluster, "DELETE", "/api/v1/namespaces/going")
    says(4, straight(cluster, "POST", "/api/v1/namespaces/going/configmaps",
                     {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}},
                     Content_Type="application/json"), 403, "Forbidden", "NamespaceTerminating")


def kubeconfig(home, cluster, token="bed-admin-token", authority=True, **more):
    path = pathlib.Path(home) / "other.conf"
    data = base64.b64encode(pathlib.Path(cluster.authority).read_bytes()).decode()
    entry = {"server": cluster.server, **({"certificate-authority-data": data} if authority else {}),
             **{key.replace("_", "-"): value for key, value in more.items()}}
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": entry}], "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
    return str(path)


def dry_run(home, path):
    return bed.mlib("deploy", "tiny-llama-test", "--name", "dry", "--target", "kubernetes", "-n", "team-a",
                    "--dry-run=server", "--kubeconfig", path, "--state", f"{home}/dry")


def ways_to_the_cluster(cluster, home):
    with Tunnel() as tunnel:
        result = dry_run(home, kubeconfig(home, cluster, proxy_url=f"http://me:secret@127.0.0.1:{tunnel.port}"))
        address = cluster.server.removeprefix("https://")
        bed.claim(result.code == 0 and tunnel.asked and tunnel.asked[0].startswith(f"CONNECT {address} HTTP/1.1"),
                  "proxy-url: the cluster is reached through a proxy", (result, tunnel.asked))
    result = dry_run(home, kubeconfig(home, cluster, proxy_url=f"http://me:secret@127.0.0.1:{tunnel.port}"))
    bed.claim(result.code != 0 and f"the proxy http://127.0.0.1:{tunnel.port} does not answer" in result.err
              and "secret" not in result.err, "a proxy that is away is named, without its login", result)
    result = dry_run(home, kubeconfig(home, cluster, tls_server_name="kubernetes.default.svc"))
    bed.claim(result.code == 0, "tls-server-name is what the certificate must say", result)
    for more in ({"tls_server_name": "elsewhere.example"}, {"authority": False}):
        result = dry_run(home, kubeconfig(home, cluster, **more))
        bed.claim(result.code != 0 and "certificate is refused" in result.err,
                  f"row 23: a certificate that does not fit is refused ({', '.join(more)})", result)
    result = dry_run(home, kubeconfig(home, cluster, token="bed-nobody-token"))
    wanted = ("you may not patch deployments.apps in namespace team-a", "you may not create services in namespace team-a",
              "you may not list pods in namespace team-a", "you may not get pods/log in namespace team-a")
    bed.claim(result.code == 4 and all(each in result.err for each in wanted),
              "who lacks rights is told of all of them at once", result)


def test():
    with bed.Cluster(node=False) as cluster, Front(cluster) as front, tempfile.TemporaryDirectory() as home:
        state = f"{home}/state"
        deploy_all(cluster, state)
        scripted_is_as_real(cluster)
        ways_to_the_cluster(cluster, home)
        with bed.Server("--state", state, env={"KUBECONFIG": front.kubeconfig(home)}) as server:
            server.get("/api/v1/templates")
            looking_costs_little(front, server)
            changes_are_seen(cluster, server)
            connections_break(cluster, front, server)
            server_restarts(cluster, front, server)


if __name__ == "__main__":
    bed.main(test)
