#!/usr/bin/env python3
"""Finding cards, by the command line and over HTTP alike, on shipped cards with a user's own: filters and
saved ones, their options, sorting, columns, words, what differs, where values come from, what another engine version
changes, what a deployment was made from; and a catalogue that changes while everybody asks."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import tempfile
import threading
import time
import urllib.parse

import bed

CARDS = """apiVersion: model-library/v1
kind: Model
metadata: {name: borealis-7b, title: Borealis 7B, description: A model of this test, labels: {ours: borealis}}
spec: {framework: vllm, repository: org/borealis-7b, format: safetensors, license: mit, family: borealis, task: text-generation,
       parameters: 7000000000, context_length: 16384, shape: {layers: 32, heads: 32, kv_heads: 8, head_size: 128}}
---
apiVersion: model-library/v1
kind: Hardware
metadata: {name: our-box, title: Our box}
spec: {cpus: 8, memory: 64Gi, storage: 100Gi, node_selector: {room: a},
       gpu: {vendor: nvidia, product: L40S, count: 1, memory: 48Gi}}
---
apiVersion: model-library/v1
kind: Hardware
extends: our-box
metadata: {name: our-big-box, title: Two of our boxes}
spec: {memory: 128Gi, gpu: {count: 2}}
---
apiVersion: model-library/v1
kind: Template
metadata: {name: borealis-fast}
spec:
  model: borealis-7b
  hardware: our-big-box
  values: {context_length: 8192, tensor_parallel: 2}
  benchmarks:
    - {id: fast-1, description: made up, results: {ttft_p95: 80.5, requests_per_second: 12, verdict: valid}}
    - {id: fast-2, description: made up, results: {ttft_p95: 1, verdict: invalid, reasons: [the client was late]}}
---
apiVersion: model-library/v1
kind: Template
metadata: {name: borealis-slow}
spec:
  model: borealis-7b
  hardware: our-box
  values: {extra_args: [--max-num-partial-prefills, "2"]}
  benchmarks: [{id: slow-1, description: made up, results: {ttft_p95: 240, requests_per_second: 3}}]
---
apiVersion: model-library/v1
kind: Template
metadata: {name: borealis-new}
spec: {model: borealis-7b, hardware: our-box}
"""
OURS = "name LIKE 'borealis-%'"
SHIPPED = {"models": ["gemma-3-270m", "qwen3-8b", "tiny-llama-test"],
           "templates": ["gemma-3-270m-cpu", "qwen3-8b-vllm", "qwen3-8b-sglang", "tiny-llama-test"]}
RING = """apiVersion: model-library/v1
kind: Hardware
extends: %s
metadata: {name: %s}
spec: {cpus: 1, memory: 1Gi}
"""


def shipped(cards):
    """A part of the shipped catalogue: what is asked here needs no more, and each command reads all of it."""
    for folder in ("frameworks", "hardware"):
        shutil.copytree(bed.ROOT / "catalog" / folder, cards / folder)
    for folder, chosen in SHIPPED.items():
        (cards / folder).mkdir()
        for name in chosen:
            shutil.copy(bed.ROOT / "catalog" / folder / f"{name}.yaml", cards / folder)


class Desk:
    """One catalogue, asked by the command line and by a server that share a state folder."""

    def __init__(self, home, server, cards, state):
        self.home, self.server, self.cards, self.state = home, server, cards, state

    def run(self, *words, **options):
        return bed.mlib(*words, "--catalog", self.cards, "--state", self.state, **options)

    def value(self, *words):
        return json.loads(bed.need(self.run(*words, "-o", "json"), " ".join(words)).out)

    def get(self, path, **query):
        return self.server.get(f"/api/v1/{path}" + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))

    def both(self, words, path, title, **query):
        """The value that both give, which has to be one."""
        told, answer = self.value(*words), self.get(path, **query)
        bed.claim(answer.status == 200 and answer.json() == told, f"{title}: the same over HTTP", answer.text[:2000])
        return told

    def refused(self, words, path, status, texts, **query):
        """Both refuse, with each of the texts."""
        told, answer = self.run(*words), self.get(path, **query)
        title = " ".join(words)
        code = {400: 2, 404: 3, 422: 2}[status]
        missing = [text for text in texts if text not in told.err]
        bed.claim(told.code == code and not missing, f"`{title}` is refused with {' and '.join(texts)}", (missing, told))
        body = answer.json()
        text = json.dumps(body, ensure_ascii=False)
        missing = [each for each in texts if each not in text and not each.startswith("--filter:")]
        bed.claim(answer.status == status and not missing and answer.headers["Content-Type"] == "application/problem+json",
                  f"`{title}`: over HTTP as well", (missing, answer.text))
        return body


def names(listed):
    return [each.get("name") or each["metadata"]["name"] for each in listed]


def filters(desk):
    for expression, expected in (
            ("benchmarks.ttft_p95 < 100", ["borealis-fast"]),
            ("benchmarks.ttft_p95 < 80", []),  # the figure of 1 ms is of an invalid result
            ("benchmarks.verdict = 'invalid'", ["borealis-fast"]),
            ("benchmarks.requests_per_second >= 3 AND NOT benchmarks.ttft_p95 > 200", ["borealis-fast"]),
            ("hardware.node_selector.room = 'a' AND hardware.memory > 100Gi", ["borealis-fast"]),
            ("model.family = borealis AND hardware.gpu.count = 1", ["borealis-new", "borealis-slow"]),
            ("hardware.gpu.product = 'L40S' AND model.shape.layers = 32 AND framework.engine ILIKE 'VLLM' AND name LIKE 'borealis%'",
             ["borealis-fast", "borealis-new", "borealis-slow"]),
            ("values.context_length = 8192 AND model=borealis-7b", ["borealis-fast"]),
            ("name LIKE 'borealis-%' AND benchmarks.ttft_p95 IS NULL", ["borealis-new"])):
        found = desk.both(["get", "templates", "--filter", expression], "templates", expression, filter=expression)
        bed.claim(names(found) == expected, f"templates by {expression}", names(found))
    twice = desk.both(["get", "templates", "--filter", "model.family=borealis", "--filter", "name != borealis-new"], "templates",
                      "two filters", filter=["model.family=borealis", "name != borealis-new"])
    bed.claim(names(twice) == ["borealis-fast", "borealis-slow"], "two filters narrow down", names(twice))
    for kind, expression, texts in (
            ("templates", "hardware.memry > 16Gi", ["--filter:1:1", "no field `hardware.memry`", "did you mean `hardware.memory`?"]),
            ("templates", "name = x AND (benchmarks.ttft_p59 < 100", ["--filter:1:15", "no field `benchmarks.ttft_p59`", "`benchmarks.ttft_p95`"]),
            ("templates", "framework = 'vllm", ["--filter:1:13", "not closed"]),
            ("models", "parameters >", ["--filter:1:13", "missing"]),
            ("hardware", "memory 5", ["--filter:1:8", "`5` is not expected here"]),
            ("templates", "license = mit", ["--filter:1:1", "did you mean `model.license`?"])):
        body = desk.refused(["get", kind, "--filter", expression], kind, 400, texts, filter=expression)
        line, column = map(int, texts[0].split(":")[1:])
        place = body["findings"][0]
        bed.claim((place["line"], place["column"]) == (line, column), f"{expression}: HTTP tells the position", body)
    desk.refused(["get", "templates", "--sort", "benchmarks.ttft_p59"], "templates", 400,
                 ["--sort", "`benchmarks.ttft_p59`", "`benchmarks.ttft_p95`"], sort="benchmarks.ttft_p59")
    desk.refused(["get", "models", "--columns", "name,contextlength"], "models", 400,
                 ["--columns", "`contextlength`", "`context_length`"], columns="name,contextlength")


def orders(desk):
    def order(sort, *more, **query):
        return names(desk.both(["get", "templates", "--filter", OURS, "--sort", sort, *more], "templates",
                               f"--sort {sort}", filter=OURS, sort=sort, **query))
    bed.claim(order("benchmarks.ttft_p95") == ["borealis-fast", "borealis-slow", "borealis-new"], "the least first, what has none last")
    bed.claim(order("-benchmarks.ttft_p95") == ["borealis-slow", "borealis-fast", "borealis-new"], "the greatest first, what has none last")
    bed.claim(order("-hardware.memory,-name") == ["borealis-fast", "borealis-slow", "borealis-new"], "by two fields, quantities as such")
    bed.claim(order("name", "--limit", "1", limit=1) == ["borealis-fast"], "--limit takes the first")
    rows = desk.both(["get", "templates", "--filter", "name LIKE 'borealis-%'", "--sort", "name", "--columns",
                      "name,hardware.memory,benchmarks.ttft_p95"], "templates", "--columns", filter="name LIKE 'borealis-%'",
                     sort="name", columns="name,hardware.memory,benchmarks.ttft_p95")
    bed.claim(rows[0] == {"name": "borealis-fast", "hardware.memory": "128Gi", "benchmarks.ttft_p95": [80.5]} and
              rows[1] == {"name": "borealis-new", "hardware.memory": "64Gi", "benchmarks.ttft_p95": None}, "--columns gives these fields alone", rows)
    table = desk.run("get", "hardware", "--filter", "node_selector.room=a", "--columns", "name,gpu.count").out.split("\n")
    bed.claim([line.split() for line in table[:3]] == [["NAME", "GPU.COUNT"], ["our-big-box", "2"], ["our-box", "1"]], "as a table, too", table)


def options(desk):
    fields = desk.both(["filter-options", "templates"], "filter-options", "filter-options", kind="templates")["fields"]
    bed.claim(fields["hardware.gpu.count"]["type"] == "number" and fields["hardware.gpu.count"]["range"]["min"] == 1 and
              fields["hardware.gpu.count"]["range"]["max"] >= 8, "a number has its range", fields.get("hardware.gpu.count"))
    bed.claim(fields["benchmarks.ttft_p95"]["range"] == {"min": 80.5, "max": 240}, "figures of invalid results are in no range",
              fields.get("benchmarks.ttft_p95"))
    bed.claim({"vllm", "sglang"} <= set(fields["framework"]["values"]), "a text has its values", fields["framework"])
    bed.claim(fields["model.gated"]["type"] == "boolean" and fields["model.context_length"]["unit"] == "tokens" and
              "help" in fields["model.license"], "booleans, units and help are told", fields["model.context_length"])
    ranges = {name: fields.get(f"values.{name}", {}).get("range") for name in ("context_length", "parallel")}
    bed.claim(ranges == {"context_length": {"min": 2048, "max": 32768}, "parallel": {"min": 1, "max": 1}} and
              fields["values.parallel"]["help"], "values are those in force, also defaults and facts of other cards", ranges)
    wrong = []
    for name, field in fields.items():  # what is offered can be asked for
        if "values" in field and field["type"] == "string" and not field.get("list"):
            chosen = sorted(field["values"])[0].replace("'", "''")
            if not desk.get("templates", filter=f"`{name}` = '{chosen}'", columns="name").json():
                wrong.append((name, chosen))
    bed.claim(not wrong and len(fields) > 100, "each offered value finds a template", wrong[:5])
    for kind in ("models", "hardware", "frameworks"):
        listed = desk.both(["filter-options", kind], "filter-options", f"filter-options {kind}", kind=kind)
        bed.claim(len(listed["fields"]) > 10, f"{kind} have fields", list(listed["fields"]))
    longest = max(map(len, desk.run("filter-options", "templates").out.splitlines()))
    bed.claim(longest < 250, "as a table, no row is a page long", longest)
    desk.refused(["filter-options", "modles"], "filter-options", 400, ["`modles`", "did you mean `models`?"], kind="modles")


def saved(desk):
    made = desk.run("filter", "save", "quick", "benchmarks.ttft_p95 < 100")
    bed.claim(made.code == 0 and "--filter @quick" in made.out, "a filter is saved under a name", made)
    answer = desk.server.post("/api/v1/filters", {"name": "roomy", "expression": "hardware.memory > 100Gi AND model.family = borealis"})
    bed.claim(answer.status == 200, "one is saved over HTTP", answer.text)
    listed = desk.both(["filter", "list"], "filters", "filter list")
    bed.claim(names(listed) == ["quick", "roomy"], "both see both", listed)
    used = desk.both(["get", "templates", "--filter", "@quick", "--filter", "@roomy"], "templates", "@quick and @roomy",
                     filter=["@quick", "@roomy"])
    bed.claim(names(used) == ["borealis-fast"], "they are used by their names", names(used))
    over = desk.run("filter", "save", "quick", "benchmarks.ttft_p95 > 100")
    bed.claim(over.code == 0 and names(desk.get("templates", filter="@quick").json()) == ["borealis-slow"], "a filter is written over", over)
    broken = desk.run("filter", "save", "quick", "benchmarks.ttft_p95 > 100 AND licence = 'mit'")
    bed.claim(broken.code == 2 and "EXPRESSION:1:31" in broken.err and "did you mean `model.license`?" in broken.err,
              "a broken one is refused with its position", broken)
    answer = desk.server.post("/api/v1/filters", {"name": "quick", "expression": "name = 'a' AND AND"})
    bed.claim(answer.status == 400 and answer.json()["findings"][0]["column"] == 16, "over HTTP as well", answer.text)
    bed.claim(names(desk.value("get", "templates", "--filter", "@quick")) == ["borealis-slow"], "and changes nothing")
    desk.refused(["get", "templates", "--filter", "@quik"], "templates", 404, ["no saved filter `quik`", "did you mean `quick`?"], filter="@quik")
    bed.claim(desk.server.ask("DELETE", "/api/v1/filters/roomy").status == 200, "one is deleted over HTTP")
    bed.claim(names(desk.value("filter", "list")) == ["quick"], "which the command line sees")


def words(desk):
    for text, first in (("borealis 7b", "borealis-7b"), ("borealus", "borealis-7b"), ("boraelis fast", "borealis-fast"),
                        ("gmma 3 270m", "gemma-3-270m"), ("our box", "our-box")):
        found = desk.both(["search", text], "search", f"search {text}", text=text)
        bed.claim(found and found[0]["name"] == first, f"`search {text}` finds {first} first", [each["name"] for each in found][:5])
    bed.claim(desk.value("search", "borealis 8b") == [], "a number is never a typo")
    spread = desk.run("search", "boraelis", "fast")
    bed.claim(spread.code == 0 and "borealis-fast" in spread.out, "words need no quotes", spread)


def differences(desk):
    told = desk.both(["compare", "templates", "borealis-fast", "borealis-slow", "borealis-new"], "compare/templates", "compare of three",
                     names=["borealis-fast", "borealis-slow", "borealis-new"])
    fields = {each["field"]: each["values"] for each in told["fields"]}
    bed.claim(told["names"] == ["borealis-fast", "borealis-slow", "borealis-new"], "in the order asked for", told["names"])
    bed.claim(fields["hardware"] == ["our-big-box", "our-box", "our-box"] and fields["hardware.memory"] == ["128Gi", "64Gi", "64Gi"],
              "compare shows what differs, also of the hardware", fields)
    bed.claim(fields["benchmarks.ttft_p95"] == [[80.5], [240], None], "and of benchmarks, of an invalid one no figure", fields.get("benchmarks.ttft_p95"))
    bed.claim(fields["values.tensor_parallel"][0] == 2 and fields["values.extra_args"][1], "and of values", fields)
    bed.claim(not [name for name in fields if name.startswith(("framework", "model"))], "and nothing of what is the same", list(fields))
    whole = desk.value("compare", "templates", "borealis-fast", "borealis-slow", "--all")
    same = {each["field"] for each in whole["fields"] if not each["differs"]}
    bed.claim({"model", "framework", "model.license"} <= same, "with --all also what is the same", sorted(same)[:40])
    table = desk.run("compare", "templates", "borealis-fast", "borealis-slow")
    bed.claim(table.out.split("\n")[0].split() == ["FIELD", "borealis-fast", "borealis-slow"], "side by side", table)
    markdown = desk.run("compare", "templates", "borealis-fast", "borealis-slow", "-o", "markdown").out.splitlines()
    bed.claim(markdown[:2] == ["| FIELD | borealis-fast | borealis-slow |", "| --- | --- | --- |"] and
              "| hardware.memory | 128Gi | 64Gi |" in markdown, "as markdown", markdown)
    engines = {each["field"] for each in desk.value("compare", "templates", "qwen3-8b-vllm", "qwen3-8b-sglang")["fields"]}
    noise = [name for name in engines if name.startswith("framework.parameters.") or name in ("framework.name", "model.name")]
    bed.claim("framework.image" in engines and not noise, "two engines differ in what matters, not in the help of their parameters", noise)
    desk.refused(["compare", "templates", "borealis-fast", "borealis-slwo"], "compare/templates", 404,
                 ["no template called `borealis-slwo`", "did you mean `borealis-slow`?"], names=["borealis-fast", "borealis-slwo"])
    desk.refused(["compare", "templates", "borealis-fast"], "compare/templates", 400, ["2 to 20 names"], names="borealis-fast")


def trees(desk):
    value = desk.both(["tree", "template", "borealis-fast"], "templates/borealis-fast/tree", "tree")
    bed.claim((value["model"]["name"], value["model"]["framework"]["name"], value["hardware"]["name"]) ==
              ("borealis-7b", "vllm", "our-big-box"), "tree names each card", value)
    origins = {each["name"]: (each["value"], each["origin"]) for each in value["values"]}
    for name, expected in (("context_length", (8192, "template borealis-fast")), ("memory", ("128Gi", "hardware our-big-box")),
                           ("model", ("org/borealis-7b", "model borealis-7b"))):
        bed.claim(origins.get(name) == expected, f"{name} comes from the {expected[1]}", origins.get(name))
    bed.claim(any(origin == "framework vllm" for _, origin in origins.values()), "and others from the framework", origins)
    text = desk.run("tree", "template", "borealis-fast").out
    bed.claim("├─ hardware our-big-box  (Two of our boxes)\n" in text and "template borealis-fast" in text, "as a tree", text)
    desk.refused(["tree", "template", "borealis-fsat"], "templates/borealis-fsat/tree", 404, ["borealis-fsat", "`borealis-fast`"])


def upgrades(desk):
    told = desk.both(["upgrade", "template", "borealis-slow", "--engine-version", "0.27.1"], "templates/borealis-slow/upgrade",
                     "upgrade", engine_version="0.27.1")
    edit = told["edits"][0]
    bed.claim((told["from"], told["to"]) == ("0.24.0", "0.27.1") and len(told["edits"]) == 1 and edit["level"] == "error" and
              (edit["word"], edit["parameter"]) == ("--max-num-partial-prefills", "extra_args"), "upgrade says what has to be edited", told["edits"])
    gone = [each for each in told["changes"] if each["flag"] == "--max-num-partial-prefills"]
    bed.claim(gone and gone[0]["what"] == "removed" and gone[0]["used"], "and what changes", gone)
    text = desk.run("upgrade", "template", "borealis-slow", "--engine-version", "0.27.1").out
    bed.claim("parameter extra_args: " in text and max(map(len, text.splitlines())) < 150, "on lines that can be read", text)
    desk.refused(["upgrade", "template", "borealis-slow", "--engine-version", "99.1"], "templates/borealis-slow/upgrade", 400,
                 ["99.1", "0.33.0"], engine_version="99.1")


class Watcher(bed.Serving):
    """An early Kube Watcher that creates whatever it is told to, and has one pod of each Deployment ready."""

    def __init__(self):
        rows = self.rows = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(405 if "list" in self.path else 404, {"detail": "no such call"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/v1/list_deepsparse_deployments":
                    return self.answer(200, rows)
                lines = body["config"].splitlines()
                name = next(line.split(": ")[1].strip('"') for line in lines if line.startswith("  name: "))
                row = rows.setdefault(name, {})
                if "kind: Service" in lines:
                    row.update(cluster_ip="10.0.0.1", ports=[[30123, 8080]])
                if "kind: Deployment" in lines:
                    row.update(replicas=1, available_replicas=1, unavailable_replicas=None, ready_replicas=1, paused=None)
                return self.answer(200, True)

            def answer(self, status, value):
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.env = {"KUBE_WATCHER_URL": f"http://127.0.0.1:{self.server.server_port}"}


def revisions(desk):
    """A deployment remembers the cards that it was made from."""
    with Watcher() as watcher:
        made = desk.run("deploy", "borealis-new", "--name", "demo", "--target", "kube-watcher", "--no-wait", env=watcher.env)
        if not bed.claim(made.code == 0, "a template is deployed", made):
            return
    fresh = desk.run("outdated")
    bed.claim(fresh.code == 0 and "nothing found" in fresh.err and desk.get("outdated").json() == [], "nothing is outdated then", fresh)
    one = desk.run("outdated", "demo")
    bed.claim(one.out == "demo is made from the cards as they are now\n", "which can be asked of it alone", one)
    file = desk.cards / "ours.yaml"
    text = file.read_text()
    file.write_text(text.replace("memory: 64Gi", "memory: 96Gi"))
    bed.wait(lambda: desk.get("outdated").json(), 20, "the server sees the changed card")
    told = desk.both(["outdated"], "outdated", "outdated")
    card = told[0]["cards"][0]
    bed.claim((told[0]["name"], len(told[0]["cards"]), card["kind"], card["name"]) == ("demo", 1, "Hardware", "our-box") and
              card["was"] != card["now"], "outdated names the card, then and now", told)
    one = desk.run("outdated", "demo")
    changes = [line.strip() for line in one.out.splitlines() if line.startswith(("+", "-"))]
    bed.claim("-  memory: 64Gi" in changes and "+  memory: 96Gi" in changes and len(changes) == 2 and
              "mlib deploy borealis-new --name demo" in one.out, "with the lines that differ, and what to do", one)
    now = desk.value("get", "hardware", "our-box", "--columns", "revision")["revision"]
    bed.claim(card["now"] == now, "the revision is the one that `get` shows", (card, now))
    file.write_text(text.replace("name: borealis-new", "name: borealis-next"))
    bed.wait(lambda: "borealis-next" in desk.get("templates").text, 20, "the template has another name")
    gone = [(each["kind"], "now" in each) for each in desk.value("outdated")[0]["cards"]]
    bed.claim(gone == [("Template", False)], "a template that is gone is told, and its other cards are not gone with it", gone)
    file.write_text(text)
    bed.wait(lambda: desk.get("outdated").json() == [], 20, "back as it was, nothing is outdated")
    missing = desk.run("outdated", "dmeo")
    bed.claim(missing.code == 3 and "dmeo" in missing.err, "a deployment that is not there is not found", missing)


def rings(desk):
    loaded = desk.server.log().count("catalogue loaded again")
    for name, other in (("ring-a", "ring-b"), ("ring-b", "ring-c"), ("ring-c", "ring-a")):
        (desk.cards / f"{name}.yaml").write_text(RING % (other, name))
    checked = desk.run("validate")
    bed.claim(checked.code == 2 and "ring-a.yaml:3:10: error: the cards extend one another in a ring: ring-a -> ring-b -> ring-c -> ring-a"
              in checked.err, "a ring of cards is printed, at its place", checked)
    bed.wait(lambda: "in a ring: ring-c -> ring-a -> ring-b -> ring-c" in desk.server.log(), 20, "the server says so, too")
    bed.claim(desk.server.log().count("catalogue loaded again") > loaded and len(names(desk.get("hardware", filter="node_selector.room=a").json())) == 2 and
              desk.get("hardware", filter="name LIKE 'ring-%'").json() == [], "and serves the other cards, those that extend as well")
    for name in ("ring-a", "ring-b", "ring-c"):
        (desk.cards / f"{name}.yaml").unlink()
    bed.wait(lambda: desk.run("validate").code == 0, 20, "without it the catalogue is sound")


class Asker(threading.Thread):
    """Asks on one connection that stays, until told to end; each answer has to be 200 and whole."""

    def __init__(self, port, path, check):
        super().__init__()
        self.port, self.path, self.check = port, path, check
        self.ended, self.asked, self.wrong = threading.Event(), 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ended.is_set():
            try:
                connection.request("GET", self.path)
                response = connection.getresponse()
                text = response.read()
                self.asked += 1
                trouble = self.check(json.loads(text)) if response.status == 200 else f"{response.status} {text[:200]}"
            except (OSError, ValueError, http.client.HTTPException) as error:
                trouble = repr(error)
                connection.close()
            if trouble:
                self.wrong.append(trouble)
        connection.close()


def reloads(desk):
    """A folder that changes twenty times costs nobody a request."""
    file, seen = desk.cards / "edition.yaml", set()

    def write(number):
        (desk.cards / "edition.new").write_text("---\n".join(
            (RING % ("our-box", f"edition-{i}")).replace("cpus: 1", f"cpus: {number}") for i in range(10)))
        os.replace(desk.cards / "edition.new", file)

    def whole(listed):
        seen.update(now := {each["cpus"] for each in listed})
        return "" if len(listed) in (0, 10) and len(now) < 2 else f"{len(listed)} cards of editions {sorted(now)}"

    quoted = urllib.parse.quote
    askers = [Asker(desk.server.port, f"/api/v1/hardware?filter={quoted('name LIKE ' + chr(39) + 'edition-%' + chr(39))}&columns=name,cpus", whole),
              Asker(desk.server.port, "/api/v1/templates/borealis-fast/tree", lambda tree: tree["hardware"]["name"] != "our-big-box"),
              Asker(desk.server.port, "/api/model_catalog/v1alpha1/models?filterQuery=license%3D%27mit%27&pageSize=500",
                    lambda page: "borealis-7b" not in [each["name"] for each in page["items"]])]
    for asker in askers:
        asker.start()
    try:
        for number in range(1, 21):
            write(number)
            bed.wait(lambda: number in seen, 30, f"edition {number} is served")
    finally:
        for asker in askers:
            asker.ended.set()
        for asker in askers:
            asker.join()
    for asker in askers:
        bed.claim(not asker.wrong and asker.asked > 20, f"every answer of {asker.path.partition('?')[0]} is 200 and whole", (asker.asked, asker.wrong[:3]))
    bed.note(f"{sum(asker.asked for asker in askers)} requests during 20 reloads")


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-finding-") as home:
        cards, state = pathlib.Path(home) / "catalog", pathlib.Path(home) / "state"
        shipped(cards)
        (cards / "ours.yaml").write_text(CARDS)
        with bed.Server("--catalog", cards, "--state", state) as server:
            desk = Desk(home, server, cards, state)
            for part in (filters, orders, options, saved, words, differences, trees, upgrades, revisions, rings, reloads):
                began = time.monotonic()
                part(desk)
                bed.note(f"{part.__name__}: {time.monotonic() - began:.1f} s")
        with bed.Server("--catalog", cards, "--state", state) as server:
            again = Desk(home, server, cards, state)
            bed.claim(names(again.get("templates", filter="@quick").json()) == ["borealis-slow"], "a saved filter outlives a restart")
            bed.claim(again.run("filter", "delete", "quick", "--yes").code == 0 and again.get("filters").json() == [], "and is deleted")


if __name__ == "__main__":
    bed.main(test)
