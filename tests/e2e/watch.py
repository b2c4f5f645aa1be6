"""A hundred deployments on a real cluster, looked at through a server: what that costs the cluster and the process,
and what happens when connections break and the API server starts anew."""
import concurrent.futures
import contextlib
import http.client
import http.server
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import bed

COUNT = 100
SPACES = ("team-a", "team-b")
KINDS = ("deployments", "pods", "services", "persistentvolumeclaims", "events", "nodes", "statefulsets")


class Front:
    """Plain HTTP before the API server: knows what was asked, cuts connections, refuses when told."""

    def __init__(self, cluster):
        self.asked, self.open, self.lock, self.closed = [], set(), threading.Lock(), threading.Event()
        front = self
        host = urllib.parse.urlsplit(cluster.server)
        context = ssl.create_default_context(cafile=cluster.authority)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with front.lock:
                    front.asked.append((self.command, self.path))
                    front.open.add(self.connection)
                above = http.client.HTTPSConnection(host.hostname, host.port, context=context, timeout=60)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                    above.request(self.command, self.path, body or None,
                                  {**headers, "Authorization": "Bearer bed-admin-token"})
                    answer = above.getresponse()
                    self.send_response(answer.status)
                    for name in ("Content-Type", "Retry-After"):
                        if answer.headers.get(name):
                            self.send_header(name, answer.headers[name])
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    while piece := answer.read1(65536):
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

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
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

    def counts(self, since=0):
        """{kind: [lists, watches]} of what was asked since the `since`-th call."""
        found = {}
        for method, path in self.asked[since:]:
            parts = urllib.parse.urlsplit(path)
            kind = parts.path.rsplit("/", 1)[1]
            if method == "GET" and kind in KINDS:
                row = found.setdefault(kind, [0, 0])
                row["watch=true" in parts.query] += 1
        return found


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
    before = memory(server.process)
    for _ in range(5):
        found = phases(server)
    bed.claim(len(found) == COUNT and set(found.values()) == {"pending"},
              f"the server tells how all {COUNT} deployments are", found)
    grown = memory(server.process) - before
    counts = front.counts()
    bed.claim(all(lists <= 1 and watches <= 1 for lists, watches in counts.values()) and counts.get("pods") == [1, 1],
              f"{COUNT} deployments looked at five times cost at most one list and one watch of each kind", counts)
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
    counts = front.counts(since)
    bed.claim(all(lists == 0 for lists, _ in counts.values()), "watches that were cut go on without a list", counts)


def server_restarts(cluster, front, server):
    with restarted_api_server(cluster):
        bed.wait(lambda: cluster.kubectl("delete", "deployment", "d4", "-n", SPACES[0]).code == 0, 60, "kubectl delete")
        bed.wait(lambda: phases(server)["d4"] in ("absent", "deleting"), 60, "a change is seen after the API server's restart")
        bed.claim(True, "watches survive a restart of the API server")
        since = len(front.asked)
        for _ in range(3):
            phases(server)
        bed.claim(not front.counts(since), "and nobody lists afterwards", front.counts(since))


def test():
    with bed.Cluster(node=False) as cluster, Front(cluster) as front, tempfile.TemporaryDirectory() as home:
        state = f"{home}/state"
        deploy_all(cluster, state)
        with bed.Server("--state", state, env={"KUBECONFIG": front.kubeconfig(home)}) as server:
            server.get("/api/v1/templates")
            looking_costs_little(front, server)
            changes_are_seen(cluster, server)
            connections_break(cluster, front, server)
            server_restarts(cluster, front, server)


if __name__ == "__main__":
    bed.main(test)
