#!/usr/bin/env python3
"""./dev bench [--seconds N]: mlib beside a FastAPI stand-in of the original, in one run, on the same bytes.

The server measured runs alone on core 0, wrk on core 1; a row is measured for both, one right after the other.
Prints the table and writes bench/results.md. `--only loadgen`: the load generator instead (bench/loadgen.py).
"""
import argparse
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench" / "standin"))
import standin  # noqa: E402

MLIB = os.environ.get("MLIB", str(ROOT / "build" / "release" / "mlib"))
BENCH_RENDER = str(ROOT / "build" / "release" / "bench_render")
BENCH_SCALE = str(ROOT / "build" / "release" / "bench_scale")
SERVER_CORE, LOAD_CORE = ("0", "1") if (os.cpu_count() or 1) > 1 else ("0", "0")
USER = {"id": "adam", "namespace": "adam", "API_key": "XXXXXXX"}
GOALS = {"/get_all": 50, "/create": 30}
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path="/get_all"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until_it_answers(port, process):
    """Seconds from now to the first 200."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < 60:
        if process.poll() is not None:
            raise SystemExit(f"bench: the server ended with {process.returncode}")
        try:
            if get(port)[0] == 200:
                return time.perf_counter() - begin
        except OSError:
            time.sleep(0.001)
    raise SystemExit("bench: the server does not answer")


def originals(folder):
    """Copies the original's cards of the shipped catalogue: what the stand-in serves, and nothing else."""
    catalogue = ROOT / "catalog"
    for card in catalogue.rglob("*.yaml"):
        if "\n  original:" in card.read_text():
            for file in card.parent.iterdir() if card.name == "framework.yaml" else [card]:
                to = pathlib.Path(folder) / file.relative_to(catalogue)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, to)
    return str(folder)


class Mlib:
    """mlib on `port`; with `catalog` on those cards, else on the shipped ones."""

    def __init__(self, port, catalog=""):
        self.port, self.catalog = port, ["--catalog", catalog] if catalog else []

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="mlib-bench-")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, MLIB, "serve", "--listen", f"127.0.0.1:{self.port}", "--state", self.home.name,
             *self.catalog],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.home.cleanup()


def pinned_standin(port, get_all):
    return standin.Standin(port, get_all, prefix=("taskset", "-c", SERVER_CORE))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def busy_seconds():
    fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICK


def memory(pid):
    """VmRSS and PSS in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = lambda text, name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1])  # noqa: E731
    return kib(status, "VmRSS") / 1024, kib(rollup, "Pss") / 1024


# Each request has a user of its own, so that no answer can be one that was kept.
LUA = """
local number = 0
local head, tail = [==[%s]==], [==[%s]==]
request = function()
  number = (number + 1) %% 100000
  return wrk.format("%s", "%s", {["Content-Type"] = "application/json"}, head .. string.format("%%05d", number) .. tail)
end
"""


def script(call, template, folder):
    """wrk's script for the call, or none; the one place that differs from request to request is the user's id."""
    if call == "/get_all":
        return []
    body = {"template": template, "user": {**USER, "id": "adam@@"}} if call == "/create" else {**template, "id": "1@@"}
    head, tail = json.dumps(body).split("@@")
    path = pathlib.Path(folder) / (call.strip("/") + ".lua")
    path.write_text(LUA % (head, tail, "POST", call))
    return ["-s", str(path)]


SCALE = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def measure(server, call, connections, extra, seconds):
    begin, busy, own = time.perf_counter(), busy_seconds(), cpu_seconds(server.process.pid)
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *extra,
               f"http://127.0.0.1:{server.port}{call}"]
    before = os.times()
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = os.times()
    took = time.perf_counter() - begin
    used = cpu_seconds(server.process.pid) - own
    wrk = after.children_user + after.children_system - before.children_user - before.children_system
    if found := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", text):
        raise SystemExit(f"bench: {call}: {found[0]}\n{text}")
    number = int(re.search(r"(\d+) requests in", text)[1])
    quantile = lambda name: (lambda m: float(m[1]) * SCALE[m[2]])(re.search(rf"{name}%\s+([\d.]+)(us|ms|s|m)", text))  # noqa: E731
    return {"rate": number / took, "p50": quantile("50"), "p99": quantile("99"), "cpu": used / number * 1e6,
            "others": max(0.0, (busy_seconds() - busy - used - wrk) / took), "load": wrk / took, "own": used / took}


def starts(make, times):
    """Median seconds from starting the process to its first 200, and CPU seconds until then."""
    walls, cpus = [], []
    for _ in range(times):
        begin = time.perf_counter()
        with make(free_port()) as server:
            until_it_answers(server.port, server.process)
            walls.append(time.perf_counter() - begin)
            cpus.append(cpu_seconds(server.process.pid))
    return statistics.median(walls), statistics.median(cpus)


def table(rows):
    lines = ["| call | connections | stand-in: req/s, p50, p99 ms, CPU µs | mlib: req/s, p50, p99 ms, CPU µs | req/s × | p99 ÷ | wrk's core, others |",
             "|---|---|---|---|---|---|---|"]
    for call, connections, theirs, ours in rows:
        cell = lambda m: f"{m['rate']:,.0f}, {m['p50']:.2f}, {m['p99']:.2f}, {m['cpu']:.0f}"  # noqa: E731
        lines.append(f"| {call} | {connections} | {cell(theirs)} | {cell(ours)} | {ours['rate'] / theirs['rate']:.1f} "
                     f"| {theirs['p99'] / max(ours['p99'], 0.001):.1f} | {ours['load']:.2f}, {ours['others']:.2f} |")
    return lines


def processor():
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def validating(times=5):
    """Best seconds of `mlib validate catalog`, which must be silent about the shipped cards."""
    walls = []
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="mlib-bench-") as home:
            begin = time.perf_counter()
            done = subprocess.run([MLIB, "validate", str(ROOT / "catalog"), "--state", home], capture_output=True, text=True)
            walls.append(time.perf_counter() - begin)
        if done.returncode != 0 or done.stderr:
            raise SystemExit(f"bench: mlib validate catalog: {done.stdout}{done.stderr}")
    return min(walls)


def many_cards(cards):
    """What bench_scale says of a folder of so many cards, on all cores; the best of three."""
    runs = [json.loads(subprocess.run([BENCH_SCALE, str(cards)], capture_output=True, text=True, check=True).stdout)
            for _ in range(3)]
    return min(runs, key=lambda run: run["load_wall_s"])


def scale_lines(scale, validate):
    return ["", "| a folder of cards | mlib | goal |", "|---|---|---|",
            f"| `mlib validate catalog`, best of 5 | {validate * 1000:.0f} ms | ≤ 1 s |",
            f"| {scale['cards']:,} cards read, checked and joined, best of 3 | {scale['load_wall_s']:.1f} s "
            f"({scale['load_cpu_s']:.1f} s CPU) | ≤ 5 s |",
            f"| memory then, the highest | {scale['peak_mb']:.0f} MiB | ≤ 400 MiB |",
            f"| a filter over its {scale['templates']:,} templates, p50, p99 | {scale['filter_p50_ms']:.2f}, "
            f"{scale['filter_p99_ms']:.2f} ms CPU | p99 ≤ 5 ms |"]


def report(rows, start, memories, rendering, scale, validate, seconds):
    lines = ["# What was measured", "",
             f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, {processor()}, {os.cpu_count()} cores, load average "
             f"{os.getloadavg()[0]:.1f} at the end; {seconds} s a cell; server on core {SERVER_CORE}, wrk on core {LOAD_CORE}. "
             "\"Others\" are the CPUs that other processes used meanwhile. Written by `./dev bench`; read bench/README.md first.", ""]
    lines += table(rows)
    lines += ["", "| | stand-in | mlib | goal |", "|---|---|---|---|",
              f"| start to first answer, median of 5 | {start[0][0] * 1000:.0f} ms ({start[0][1] * 1000:.0f} ms CPU) | "
              f"{start[1][0] * 1000:.0f} ms ({start[1][1] * 1000:.0f} ms CPU) | ≤ 50 ms |",
              f"| VmRSS after load (PSS) | {memories[0][0]:.1f} MiB ({memories[0][1]:.1f}) | {memories[1][0]:.1f} MiB "
              f"({memories[1][1]:.1f}) | ≤ 30 MiB |"]
    if rendering:
        lines.append(f"| 1,000 templates rendered, checked and written | – | {rendering['render_us']:.0f} ms | |")
        lines.append(f"| /create, /get_all without sockets | – | {rendering['create_us']:.1f}, {rendering['get_all_us']:.2f} µs a call | |")
        lines.append(f"| flags of a shipped template against those of its engine's version: mean of {rendering['linted']}, the worst | – "
                     f"| {rendering['lint_us']:.1f}, {rendering['lint_worst_us']:.1f} µs | microseconds |")
        lines.append(f"| loading the shipped catalogue | – | {rendering['load_us'] / 1000:.1f} ms | |")
    lines += scale_lines(scale, validate)
    lines.append("")
    for call, goal in GOALS.items():
        reached = [ours["rate"] / theirs["rate"] for name, _, theirs, ours in rows if name == call]
        lines.append(f"`{call}`: {min(reached):.1f}× to {max(reached):.1f}×, goal {goal}×.")
    return "\n".join(lines) + "\n"


def cells(theirs, ours, extras, seconds):
    for server in (theirs, ours):
        until_it_answers(server.port, server.process)
    if get(theirs.port)[1] != get(ours.port)[1]:
        raise SystemExit("bench: the two do not serve the same bytes")
    rows = []
    for call, extra in extras.items():
        for connections in (1, 8, 64):
            rows.append((call, connections, *(measure(server, call, connections, extra, seconds) for server in (theirs, ours))))
            print("\n".join(table(rows[-1:])[2:]), flush=True)
    return rows


def main():
    if sys.argv[1:3] == ["--only", "loadgen"]:
        os.execv(sys.executable, [sys.executable, "-B", str(ROOT / "bench" / "loadgen.py"), *sys.argv[3:]])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="for each cell (10)")
    parser.add_argument("--out", default=str(ROOT / "bench" / "results.md"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlib-bench-") as folder:
        catalog = originals(pathlib.Path(folder) / "catalog")
        with Mlib(free_port(), catalog) as server:
            until_it_answers(server.port, server.process)
            get_all = json.loads(get(server.port)[1])
        template = get_all["ModelDeploymentTemplateCard"][0]
        extras = {call: script(call, template, folder) for call in ("/get_all", "/create", "/validate_template")}
        start = (starts(lambda port: pinned_standin(port, get_all), 5), starts(Mlib, 5))
        with pinned_standin(free_port(), get_all) as theirs, Mlib(free_port(), catalog) as ours:
            rows = cells(theirs, ours, extras, asked.seconds)
            memories = [memory(theirs.process.pid)]
        with Mlib(free_port()) as shipped:  # memory with all shipped cards
            until_it_answers(shipped.port, shipped.process)
            for call, extra in extras.items():
                measure(shipped, call, 64, extra, 2)
            memories.append(memory(shipped.process.pid))
    rendering = None
    if pathlib.Path(BENCH_RENDER).exists():
        rendering = json.loads(subprocess.run(["taskset", "-c", SERVER_CORE, BENCH_RENDER, "1000"], capture_output=True,
                                              text=True, check=True).stdout)
    text = report(rows, start, memories, rendering, many_cards(100_000), validating(), asked.seconds)
    pathlib.Path(asked.out).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
