#!/usr/bin/env python3
"""./dev bench --only loadgen: what the load generator reports beside what the stub server did, how much it can do on
one core, and GuideLLM, AIPerf and inference-perf beside it. Writes bench/loadgen.md; read bench/README.md first.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import peers

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get("BENCH_LOADGEN", str(ROOT / "build" / "release" / "bench_loadgen"))
CLIENT_CORE, STUB_CORE = "0", "1" if (os.cpu_count() or 1) > 1 else "0"
TICK = os.sysconf("SC_CLK_TCK")
PERCENTILES = ("p50", "p90", "p95", "p99")
TRIES = 3
# What keeps other processes away on a busy machine: from what is measured in time, and from what is counted. (A
# saturated client at real-time priority would starve its own decoder and the machine.)
REALTIME, FAVOURED = [], []

PLAIN = {"ttft": 60, "ttft_jitter": 20, "gap": 8, "gap_jitter": 2, "tokens": 16}
SCENARIOS = {
    "jitter": PLAIN,
    "4 tokens an event": {**PLAIN, "tokens_per_event": 4},
    "4 events a write": {**PLAIN, "events_per_write": 4},
    "5 % errors": {**PLAIN, "error_every": 20},
    "stalls": {**PLAIN, "stall": 150, "stall_every": 200},
    "a queue": {**PLAIN, "slots": 0},  # as many as keep it 90 % busy
    "freezes": {**PLAIN, "freeze_every": 2000, "freeze": 300},
}


def words(options):
    return [f"{key}={value}" for key, value in options.items()]


class Stub:
    """bench_loadgen stub on the other core."""

    def __init__(self, **rules):
        self.rules = rules

    def __enter__(self):
        self.process = subprocess.Popen([*REALTIME, "taskset", "-c", STUB_CORE, PROGRAM, "stub", *words(self.rules)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.loads(answer.read())

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def ours(url, priority=REALTIME, **options):
    text = subprocess.run([*priority, "taskset", "-c", CLIENT_CORE, PROGRAM, "run", url, *words(options)],
                          capture_output=True, text=True, check=True).stdout
    return json.loads(text)


def off(reported, true):
    """Percent."""
    return 100 * (reported - true) / true if true else math.nan


def worst(report, truth, metrics):
    """The largest deviation of all percentiles that the report has, in percent, and which."""
    found = []
    for metric in metrics:
        for each in PERCENTILES:
            value = (report.get(metric) or {}).get(each)
            if value is not None and truth[metric][each]:
                found.append((abs(off(value, truth[metric][each])), f"{metric.upper()} {each}"))
    return max(found)


def truth_rows(seconds, rates):
    rows = []
    for name, rules in SCENARIOS.items():
        for rate in rates:
            if "slots" in rules:
                busy = (80 + 15 * 10) / 1000  # seconds of a slot for an answer
                rules = {**rules, "slots": math.ceil(rate * busy / 0.9)}
            for _ in range(TRIES):  # a client that says that it was kept from looking is asked again
                with Stub(**rules) as stub:
                    report = ours(stub.url, rate=rate, seconds=max(seconds, 600 / rate), tokens=16, prompt=16, warm_up=0)
                    truth = stub.get("/truth")
                if report["verdict"] != "invalid" and "the client" not in report["why"]:
                    break
            rows.append((name, rate, report, truth, worst(report, truth, ("ttft", "e2e", "tpot", "itl"))))
            print(truth_lines(rows[-1:])[-1], flush=True)
    return rows


def truth_lines(rows):
    lines = ["| the stub has | req/s | TTFT p50, p99 ms: true | reported | TPOT p50, p99 ms: true | reported | ITL | worst of all percentiles | lag p99 ms | verdict |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    pair = lambda d: ", ".join("–" if d[p] is None else f"{d[p]:.2f}" for p in ("p50", "p99"))  # noqa: E731
    for name, rate, report, truth, (most, which) in rows:
        errors = "" if report["failed"] == truth["errors"] else f" ({report['failed']} failed of {truth['errors']})"
        lines.append(f"| {name} | {rate} | {pair(truth['ttft'])} | {pair(report['ttft'])} | {pair(truth['tpot'])} | {pair(report['tpot'])} "
                     f"| {'given' if report['itl'] else 'not given'} | {most:.2f} % ({which}){errors} | {report['lag']['p99'] or 0:.3f} | {report['verdict']} |")
    return lines


def worst_lines(rows):
    """Of what the results claim, by their own verdicts; one that calls itself invalid claims nothing."""
    lines = []
    for verdict in ("valid", "suspect"):
        claimed = [(row[4], row[0], row[1]) for row in rows if row[2]["verdict"] == verdict]
        if claimed:
            (most, which), name, rate = max(claimed)
            lines.append(f"Worst of the {len(claimed)} that call themselves {verdict}: {most:.2f} % ({which} of {name} at {rate}; goal 1 %).")
    lines += ["", "Why those are not valid that are not:", ""]
    lines += [f"- {name}, {rate} req/s: {report['why']}" for name, rate, report, _, _ in rows if report["verdict"] != "valid"] or ["- all are"]
    return lines


def looked():
    """What the machine itself takes of the two cores when both are in use."""
    both = [subprocess.Popen(["taskset", "-c", core, PROGRAM, "look", "ms=8000"], stdout=subprocess.PIPE) for core in (CLIENT_CORE, STUB_CORE)]
    client, stub = (json.loads(each.communicate()[0]) for each in both)
    return (f"Of processes that only looked at the clock, one on each core for 8 s, the client's core was away {client['gaps']} times for more "
            f"than 0.5 ms, {client['longest']:.1f} ms at most; the stub's {stub['gaps']} times, {stub['longest']:.1f} ms.")


def speed(seconds):
    rows = []
    for name, rules, load in (
            ("requests, 4 tokens in one write", {"tokens": 4, "events_per_write": 4}, {"users": 64, "tokens": 4}),
            ("events, 64 tokens in one write", {"tokens": 64, "events_per_write": 64}, {"users": 64, "tokens": 64}),
            ("events, each in its own write", {"tokens": 64}, {"users": 64, "tokens": 64})):
        with Stub(keep=0, **rules) as stub:
            before = stub.cpu()
            report = ours(stub.url, FAVOURED, seconds=seconds, prompt=16, **load)
            rows.append((name, report, (stub.cpu() - before) / report["seconds"]))
    return rows


def added(seconds):
    """Time to the first token of an engine that answers at once."""
    rows = []
    for rate in (50, 1000, 5000):
        with Stub(tokens=4, events_per_write=4) as stub:
            report = ours(stub.url, seconds=max(seconds, 600 / rate), rate=rate, tokens=4, prompt=16)
            rows.append((rate, report, stub.get("/truth")))
    return rows


def speed_lines(rows, latencies):
    lines = ["| against a stub that answers at once | req/s | events/s | client's CPU | req per CPU second | events per CPU second | stub's core |",
             "|---|---|---|---|---|---|---|"]
    for name, report, stub in rows:
        wall, cpu = report["seconds"], report["cpu"]
        lines.append(f"| {name} | {report['good'] / wall:,.0f} | {report['events'] / wall:,.0f} | {cpu / wall:.2f} "
                     f"| {report['good'] / cpu:,.0f} | {report['events'] / cpu:,.0f} | {stub:.2f} |")
    lines += ["", "| added latency: TTFT from the schedule, ms | p50 | p90 | p99 | lag p99 | the stub's own p99 |", "|---|---|---|---|---|---|"]
    for rate, report, truth in latencies:
        ttft = report["ttft"]
        lines.append(f"| {rate:,} req/s | {ttft['p50']:.3f} | {ttft['p90']:.3f} | {ttft['p99']:.3f} | {report['lag']['p99']:.3f} | {truth['ttft']['p99']:.3f} |")
    return lines


def peer(name, stub, tokens, seconds, rate):
    """What it says (or nothing, and why on stderr) and what the stub did."""
    command, read = peers.PEERS[name]
    with tempfile.TemporaryDirectory(prefix="mlib-peer-") as folder:
        arguments, environment = command(stub.url, folder, tokens, seconds, rate)
        stub.get("/forget")
        done = subprocess.run([*(REALTIME if rate else FAVOURED), "taskset", "-c", CLIENT_CORE, *arguments], cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment}, timeout=400)
        try:
            report = read(folder)
        except (OSError, KeyError, ValueError, TypeError) as error:
            print(f"loadgen: {name}: {error!r}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}", file=sys.stderr)
            report = None
        return report, stub.get("/truth")


def side_by_side(seconds):
    """Each: sustained against a stub that answers at once, then deviations from the truth at two rates."""
    rows = []
    for name in ("mlib", *peers.install()):
        with Stub(tokens=64) as stub:
            if name == "mlib":
                ours(stub.url, FAVOURED, seconds=seconds, users=64, tokens=64, prompt=16)
            else:
                peer(name, stub, 64, seconds, None)
            fast = stub.get("/truth")
        found = []
        for rate in (25, 50):
            with Stub(ttft=100, gap=10, tokens=64) as stub:  # 2.5 times as long, for a 99th percentile
                if name == "mlib":
                    report = ours(stub.url, seconds=5 * seconds // 2, rate=rate, constant=1, tokens=64, prompt=16)
                    found.append((report, stub.get("/truth")))
                else:
                    found.append(peer(name, stub, 64, 5 * seconds // 2, rate))
        rows.append((name, fast, found))
        print(peer_lines(rows[-1:])[-1], flush=True)
    return rows


def peer_lines(rows):
    lines = ["| | req/s of 64 tokens on one core | 25 req/s: TTFT p50, p99 | TPOT p50, p99 | 50 req/s: TTFT p50, p99 | TPOT p50, p99 |",
             "|---|---|---|---|---|---|"]

    def cell(report, truth, metric):
        values = [(report or {}).get(metric, {}).get(each) for each in ("p50", "p99")]
        return ", ".join("–" if value is None else f"{off(value, truth[metric][each]):+.1f} %"
                         for each, value in zip(("p50", "p99"), values))

    for name, fast, found in rows:
        cells = [cell(report, truth, metric) for report, truth in found for metric in ("ttft", "tpot")]
        lines.append(f"| {name if name == 'mlib' else peers.PACKAGES[name].replace('==', ' ')} | {fast['rate']:,.0f} | " + " | ".join(cells) + " |")
    return lines


def processor():
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else "?"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="for each run (8)")
    parser.add_argument("--parts", default="truth,speed,peers")
    parser.add_argument("--rates", default="50,500,2000")
    parser.add_argument("--realtime", action="store_true", help="run client and stub at real-time priority (a busy machine)")
    parser.add_argument("--out", default=str(ROOT / "bench" / "loadgen.md"))
    asked = parser.parse_args()
    if asked.realtime and shutil.which("chrt"):
        REALTIME[:], FAVOURED[:] = ["chrt", "-f", "1"], ["nice", "-n", "-15"]
    begin, load = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), os.getloadavg()[0]
    parts = [[looked()]]
    if "truth" in asked.parts:
        rows = truth_rows(asked.seconds, [int(rate) for rate in asked.rates.split(",")])
        parts.append(["## Reported and true", "", *truth_lines(rows), "",
                      *worst_lines(rows)])
    if "speed" in asked.parts:
        parts.append(["## One core", "", *speed_lines(speed(asked.seconds), added(asked.seconds)), "",
                      "Goals: 10,000 req/s, 250,000 events/s, p99 added 0.2 ms."])
    if "peers" in asked.parts:
        parts.append(["## Side by side", "", *peer_lines(side_by_side(int(asked.seconds))), "",
                      "Each on one core; deviations of what it reports from what the stub did."])
    lines = ["# The load generator, measured", "",
             f"{begin}, {processor()}, {os.cpu_count()} cores, load average {load:.1f} at the beginning and {os.getloadavg()[0]:.1f} at the "
             f"end; {asked.seconds:g} s a run; client on core {CLIENT_CORE}, stub on core {STUB_CORE}"
             f"{', both at real-time priority (nice -15 where the client is saturated)' if REALTIME else ''}. Written by `./dev bench --only loadgen`.", ""]
    text = "\n".join(lines + ["\n".join([*part, ""]) for part in parts])
    pathlib.Path(asked.out).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
