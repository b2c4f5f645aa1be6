"""mlib alone serves the original's page: its calls in their order, by plain HTTP, against mlib and its Kube Watcher stand-in."""
import json
import pathlib
import tempfile
import urllib.error
import urllib.request

import bed
import kube_watcher_standin as standin

KEY = "canary-of-adam"
USER = {"id": "adam", "namespace": "adam", "API_key": KEY}


class Page:
    """The original's page: what it asks the library and Kube Watcher."""

    def __init__(self, server, port):
        self.server, self.port = server, port

    def templates(self):
        return self.server.get("/get_all").json()["ModelDeploymentTemplateCard"]

    def generate(self, template):
        answer = self.server.post("/create", {"template": template, "user": USER})
        if answer.status != 200:
            raise bed.Failure(f"/create: {answer.status} {answer.text}")
        return answer.json()

    def watcher(self, call, body, **more):
        return bed.ask(self.port, "POST", f"/v1/{call}", body, timeout=180, **more)

    def deploy(self, config):
        return self.watcher("deploy_generic_model", {"config": config})

    def rows(self, namespace="adam"):
        return self.watcher("list_deepsparse_deployments", {"namespace": namespace}).json()

    def delete(self, row, namespace="adam"):
        return self.watcher("delete_deepsparse_model", {"namespace": namespace, "deployment_name": row}).json()


def chat(port, key):
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body,
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["usage"]["completion_tokens"]
    except urllib.error.HTTPError as refused:
        return refused.code


def one_click(page, podman):
    """Open, Generate Config, Deploy, Refresh, Delete."""
    templates = {each["id"]: each for each in page.templates()}
    config = page.generate(templates["tiny-llama-test"])
    bed.claim(page.rows() == {}, "an empty namespace has no rows")
    answer = page.deploy(config)
    done = answer.json()
    if not bed.claim(answer.status == 200 and done["failed"] == [] and any("Deployment adam/" in each for each in done["successful"]),
                     "Deploy creates what /create answered", answer.text):
        raise bed.Failure(answer.text)
    name = next(each for each in done["successful"] if each.startswith("Deployment ")).split("/")[1]
    row = bed.wait(lambda: (page.rows().get(name) or {}).get("ready_replicas") == 1 and page.rows()[name], 60, "the row counts one ready")
    expected = {"replicas": 1, "available_replicas": 1, "unavailable_replicas": None, "ready_replicas": 1, "paused": None}
    bed.claim({key: row.get(key, "absent") for key in expected} == expected, "the row has the counts, null for 0", row)
    bed.claim(row["cluster_ip"] == "127.0.0.1" and len(row["ports"]) == 1 and row["ports"][0][1] == 8080,
              "and address and ports of its Service", row)
    port = row["ports"][0][0]
    bed.claim(chat(port, KEY) == 8 and chat(port, "other") == 401, "the engine answers there, to the user's key alone")
    again = page.deploy(config).json()
    bed.claim(again["successful"] == [] and again["failed"] and all("(409)" in each["error"] for each in again["failed"]),
              "what exists fails with 409, inside a 200", again)
    bed.claim(KEY not in json.dumps(again), "and the answer holds no key")
    known = page.server.get("/api/v1/deployments").json()
    bed.claim(name in json.dumps(known), "the library's own list has it, too", known)
    bed.claim(page.delete("nothing") is False and page.delete(name, "eve") is False, "Delete of what is not there is false")
    bed.claim(page.delete(name) is True, "Delete is true")
    bed.claim(page.rows() == {}, "and its row is gone")
    left = podman("ps", "--all", "--format", "{{.Names}}").out.split()
    bed.claim(left == [], "with all its containers", left)
    bed.claim(podman("secret", "ls", "--quiet").out.split() == [], "and Secrets")
    bed.claim(page.delete(name) is False, "a second Delete is false")
    bed.claim(KEY not in page.server.log(), "the server's log holds no key", page.server.log())
    dies = page.deploy(page.generate(templates["tiny-bad-flag"])).json()
    bed.claim(dies["successful"] == [] and all("no-such-flag" in each["error"] for each in dies["failed"]),
              "an engine that dies at start is a failure, with its reason", dies)
    bed.claim(page.rows() == {} and podman("ps", "--all", "--quiet").out.split() == [], "and nothing of it is left")


def deployment(pod=None, container=None, namespace="adam"):
    spec = {"containers": [{"name": "c", "image": bed.BASE_IMAGE, "command": ["sleep", "60"], **(container or {})}], **(pod or {})}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "evil", "namespace": namespace}, "spec": {
        "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}})


def refused(page, podman):
    """Objects that nobody may deploy, whichever way they come in."""
    role = json.dumps({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}})
    other = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "kube-system"}, "data": {"a": "Y2FuYXJ5"}})
    host = {"volumes": [{"name": "h", "hostPath": {"path": "/etc"}}]}
    configs = {"privileged": deployment(container={"securityContext": {"privileged": True}}),
               "hostNetwork": deployment(pod={"hostNetwork": True}), "hostPath": deployment(pod=host),
               "ClusterRole": f"{deployment()}\n---\n{role}", "namespaces": f"{deployment()}\n---\n{other}",
               "kube-": deployment(namespace="kube-system"), "Deployment": json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {
                   "name": "s", "namespace": "adam"}, "spec": {"ports": [{"port": 1}]}})}
    for word, config in configs.items():
        answer = page.deploy(config)
        body = answer.json()
        bed.claim(answer.status == 200 and body["successful"] == [] and word in json.dumps(body["failed"]) and "Y2FuYXJ5" not in answer.text,
                  f"a config is refused by the policy: {word}", answer.text)
    bed.claim(podman("ps", "--all", "--quiet").out.split() == [] and page.rows() == {}, "and none of them makes anything")
    broken = page.deploy("a: [")
    bed.claim(broken.status == 422 and "config" in broken.text, "what is no YAML is a 422 that says where", broken.text)
    bed.claim(page.deploy("a: &x 1\nb: *x\n").status == 422, "aliases are refused")


def shapes(page):
    wrong = page.watcher("deploy_generic_model", {"text": "x"})
    detail = wrong.json()["detail"]
    bed.claim(wrong.status == 422 and detail[0]["loc"] == ["body", "config"] and detail[0]["type"] == "missing", "a missing field is FastAPI's 422", wrong.text)
    bed.claim(bed.ask(page.port, "GET", "/v1/deploy_generic_model").status == 405, "another method is 405")
    bed.claim(bed.ask(page.port, "POST", "/v1/other", {}).status == 404 and bed.ask(page.port, "GET", "/get_all").status == 404, "another path is 404")
    bed.claim(page.watcher("list_deepsparse_deployments", {"namespace": "adam"}, headers={"Host": "0.0.0.0:8000"}).status == 200,
              "the page's own address is served")
    rebound = page.watcher("list_deepsparse_deployments", {"namespace": "adam"}, headers={"Host": "evil.test"})
    bed.claim(rebound.status == 421, "a name that was made to point here is not", rebound.text)
    foreign = page.watcher("list_deepsparse_deployments", {"namespace": "adam"}, headers={"Origin": "http://evil.test"})
    bed.claim(foreign.status == 403, "nor a page of another origin", foreign.text)


def locked(home, env):
    """With keys it may be reached from elsewhere, by who shows one."""
    keys = pathlib.Path(home) / "keys"
    keys.write_text("# of the page\ncanary-of-the-page\n\ncanary-of-a-script\n")
    port, asked = bed.free_port(), {"namespace": "adam"}
    with bed.Server("--kube-watcher", f"0.0.0.0:{port}", "--kube-watcher-keys", keys, env=env) as server:
        def ask(headers, call="list_deepsparse_deployments", body=asked):
            return bed.ask(port, "POST", f"/v1/{call}", body, headers)
        def listens():
            try:
                return ask({}).status
            except OSError:
                return False
        bed.wait(listens, 20, "the stand-in listens")
        for name, headers in {"none": {}, "a wrong one": {"X-API-KEY": "canary-of-the-pag"}, "a comment": {"X-API-KEY": "# of the page"},
                              "another scheme": {"Authorization": "Basic canary-of-the-page"}}.items():
            answers = [ask(headers, call, {}) for call in ("deploy_generic_model", "list_deepsparse_deployments", "delete_deepsparse_model")]
            bed.claim(all(each.status == 401 and "X-API-KEY" in each.json()["detail"] for each in answers),
                      f"keys: a caller with {name} is refused, whatever it calls", [each.text for each in answers])
        bed.claim(ask({"X-API-KEY": "canary-of-the-page"}).json() == {}, "keys: X-API-KEY lets in")
        bed.claim(ask({"Authorization": "Bearer canary-of-a-script"}).json() == {}, "keys: and a bearer token, any of the file")
        bed.claim(ask({"X-API-KEY": "canary-of-the-page", "Host": "mlib.example"}).status == 200, "keys: by whatever name it is reached")
        bed.claim("canary" not in server.log() and "in the clear" in server.log(), "keys: none is in the log, which warns of the open way", server.log())
    for text, words in {"": "there is no key in it", "canary\n": "keys:1: a key has at least 16 characters"}.items():
        keys.write_text(text)
        refused = bed.mlib("serve", "--kube-watcher", f"127.0.0.1:{port}", "--kube-watcher-keys", keys, "--state", f"{home}/state", timeout=20)
        bed.claim(refused.code == 2 and words in refused.err and "canary" not in refused.err, f"keys: {words}", refused)


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home, bed.Podman() as podman:
        podman.load("engine", "base")
        cards = standin.catalogue(home)
        standin.edit(cards / "frameworks/llama-cpp-server/framework.yaml", r"image: ghcr\S+", f"image: {bed.ENGINE_IMAGE}")
        port = bed.free_port()
        with bed.Server("--catalog", cards, "--kube-watcher", f"127.0.0.1:{port}", env=podman.env) as server:
            page = Page(server, port)
            one_click(page, podman)
            refused(page, podman)
            shapes(page)
        outside = bed.mlib("serve", "--listen", f"127.0.0.1:{bed.free_port()}", "--kube-watcher", f"0.0.0.0:{port}",
                           "--state", f"{home}/state", timeout=20)
        bed.claim(outside.code == 2 and "loopback" in outside.err and "--kube-watcher-keys" in outside.err,
                  "without keys it listens on this machine only", outside)
        locked(home, podman.env)


if __name__ == "__main__":
    bed.main(test)
