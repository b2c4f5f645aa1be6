"""The shipped catalogue before the real control plane, and a framework added as catalog/README.md says.

Every template goes through the server-side dry run of a real API server. The README's code blocks, put into a folder,
validate and deploy: on a cluster with a node, where there is root, and by podman."""
import concurrent.futures
import json
import os
import pathlib
import re
import tempfile

import bed

SPACE = "team-a"


def dry_run(server, name):
    """What is wrong with the template for the API server, or ""."""
    body = {"template": name, "name": name, "namespace": SPACE, "target": "kubernetes", "dry_run": "server"}
    answer = server.post("/api/v1/deployments", body, timeout=120)
    if answer.status != 200:
        return f"{name}: {answer.status} {answer.text[:600]}"
    return "" if "Deployment" in answer.text else f"{name}: no Deployment in {answer.text[:300]}"


def asked(cluster):
    """How many dry runs the API server says that it was asked for."""
    lines = bed.need(cluster.kubectl("get", "--raw", "/metrics"), "the API server's metrics").out.splitlines()
    return sum(float(line.split()[-1]) for line in lines
               if line.startswith("apiserver_request_total{") and 'dry_run="All"' in line)


def every_template(cluster):
    bed.need(cluster.kubectl("create", "namespace", SPACE), "kubectl create namespace")
    with bed.Server("--catalog", bed.ROOT / "catalog", env=cluster.env) as server:
        names = [each["metadata"]["name"] for each in server.get("/api/v1/templates").json()]
        bed.claim(len(names) >= 200, "there are 200 templates", str(len(names)))
        with concurrent.futures.ThreadPoolExecutor(4) as crowd:
            wrong = [text for text in crowd.map(lambda name: dry_run(server, name), names) if text]
        bed.claim(not wrong, f"the API server takes all {len(names)} templates in a dry run", "\n".join(wrong[:10]))
        count = asked(cluster)
        bed.claim(count >= 3 * len(names), "and was asked for at least three objects of each", str(count))
        left = cluster.objects("deployments,services,secrets,persistentvolumeclaims,configmaps", "-n", SPACE)
        kept = [each["metadata"]["name"] for each in left if each["metadata"]["name"] != "kube-root-ca.crt"]
        bed.claim(not kept, "a dry run leaves nothing", " ".join(kept))


def blocks():
    """Path and text of each file that the README shows."""
    text = (bed.ROOT / "catalog" / "README.md").read_text()
    return re.findall(r"^`([\w/.-]+\.yaml)`\n\n```yaml\n(.*?)^```$", text, re.M | re.S)


def write_mine(folder):
    for path, text in blocks():
        file = pathlib.Path(folder) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def readme(home, target, *options, env=None):
    """Deploys the README's framework and asks it for its page."""
    mine = f"{home}/mine"
    common = ["--catalog", mine, "--state", f"{home}/state-{target}", *options]
    result = bed.mlib("deploy", "hello", "--name", "hello", "--target", target, "--timeout", "90s",
                      "--set", f"image={bed.BASE_IMAGE}", "--set", "greeting=Good morning", *common, env=env, timeout=120)
    bed.claim(result.code == 0, f"the README's framework deploys by {target}", result)
    if result.code == 0:
        url = json.loads(bed.mlib("get", "deployments", "hello", "-o", "json", *common, env=env).out)
        address = re.search(r'"(http://[^"]+)"', json.dumps(url)).group(1)
        page = bed.run("/usr/bin/curl", "-fsS", "--noproxy", "*", "--max-time", "20", address)
        bed.claim(page.out.strip() == "Good morning", f"its page says what was set, by {target}", page)
    gone = bed.mlib("delete", "deployment", "hello", "--yes", *common, env=env, timeout=120)
    bed.claim(gone.code == 0, f"and it is deleted by {target}", gone)


def test():
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="mlib-readme-") as home, bed.Cluster(node=root) as cluster:
        every_template(cluster)
        write_mine(f"{home}/mine")
        files = sum(len(names) for _, _, names in os.walk(f"{home}/mine"))
        bed.claim(files == 8, "the README shows a framework's two files, a model, hardware, two templates, a result and a protocol", str(files))
        checked = bed.mlib("validate", f"{home}/mine")
        bed.claim(checked.code == 0 and "no findings" in checked.out + checked.err, "they validate", checked)
        if root:
            cluster.load("base")
            readme(home, "kubernetes", "--kubeconfig", cluster.kubeconfig, "-n", SPACE)
        with bed.Podman() as podman:
            podman.load("base")
            readme(home, "podman", env=podman.env)


if __name__ == "__main__":
    bed.main(test)
