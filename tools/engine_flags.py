#!/usr/bin/env python3
"""Writes catalog/flags/ENGINE.yaml from tables of engine flags.

    engine_flags.py [--facts FOLDER] [--flags FOLDER] [--check]

Of the folder of facts, tools/facts/, it reads
engine_flags.csv            engine,version,date,flag,aliases,kind,choices,default,source: one row per flag and version
                            read, the versions of an engine oldest first
engine_flag_deprecated.csv  engine,version,flag,replacement: what an engine's code calls deprecated in that version
engine_flag_read.csv        engine,read: the day on which the engine was read, YYYY-MM-DD

With --check nothing is written: which files are not those that the tables make is said, and the exit code is 1 when
there is one.

A line of the result is one state of one flag, `"` standing for the names of the line above:
    NAME,ALIAS,... KIND FIRST..LAST [(CHOICE|...)] [deprecated] [-> NEW_NAME] [= DEFAULT]
FIRST and LAST are versions that were read, LAST is left out while the newest still has it.
"""
import argparse
import csv
import os
import sys
from collections import OrderedDict, defaultdict

import table_check

MADE = "# Made by tools/engine_flags.py; the form of a line stands there.\n"

# How an engine reads its arguments; nothing in the tables says it.
TRAITS = {
    "vllm": {"underscores": True, "dotted": True, "suffixes": True},
    "sglang": {"abbreviations": True},  # argparse's own way; its documentation writes --tp 2
    "llama.cpp": {"underscores": True},
    "tensorrt-llm": {"underscores": True, "hints": True},
    "deepsparse": {"underscores": True},
}
# Of these the table has names with underscores, and the engine takes hyphens as well (click's token_normalize_func).
HYPHENS_TOO = {"deepsparse"}
# Environment variables that begin so belong to the engine.
PREFIXES = {"ollama": ["OLLAMA_"], "llama.cpp": ["LLAMA_ARG_"], "infinity": ["INFINITY_"]}


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sources(rows):
    """What was read for one version: `vllm 0.9.2 wheel: vllm/engine/arg_utils.py, vllm/entrypoints/cli/serve.py`."""
    by_head = OrderedDict()
    for source in OrderedDict.fromkeys(row["source"] for row in rows):
        head, _, file = source.rpartition(" ")
        by_head.setdefault(head, []).append(file)
    return "; ".join(f"{head}: {', '.join(files)}" for head, files in by_head.items())


def slug(engine):
    return engine.replace(".", "-")


def names(row):
    known = [row["flag"]] + [alias for alias in row["aliases"].split() if alias != "repeatable"]
    if row["engine"] in HYPHENS_TOO and row["flag"].startswith("--") and "_" in row["flag"]:
        known.append(row["flag"].replace("_", "-"))
    return known


class Engine:
    def __init__(self, rows, deprecated):
        self.versions = OrderedDict()
        for row in rows:
            self.versions.setdefault(row["version"], []).append(row)
        self.order = list(self.versions)
        self.deprecated = {(row["version"], row["flag"]): row["replacement"] for row in deprecated}
        self.flags = OrderedDict()
        for version, here in self.versions.items():
            for row in here:
                self.flags.setdefault(row["flag"], {})[version] = row

    def repeatable(self, row):
        return "repeatable" in row["aliases"].split()

    def state(self, version, row):
        deprecated = (version, row["flag"]) in self.deprecated
        choices = row["choices"].replace(" ", "")
        kind = row["kind"] + ("*" if self.repeatable(row) else "")
        return (",".join(names(row)), kind, choices, deprecated, self.deprecated.get((version, row["flag"]), ""),
                row["default"])

    def spans(self, flag):
        """[first, last, state] of the flag, oldest first; a flag that was away for a version has a gap."""
        found = []
        for at, version in enumerate(self.order):
            row = self.flags[flag].get(version)
            if row is None:
                continue
            state = self.state(version, row)
            if found and found[-1][1] == at - 1 and found[-1][2] == state:
                found[-1][1] = at
            else:
                found.append([at, at, state])
        return found

    def line(self, span, before):
        first, last, (called, kind, choices, deprecated, new, default) = span
        until = "" if last == len(self.order) - 1 else self.order[last]
        parts = ['  "' if called == before else called, kind, f"{self.order[first]}..{until}"]
        if choices:
            parts.append(f"({choices})")
        if deprecated:
            parts.append("deprecated")
        if new:
            parts.append(f"-> {new.split()[0]}")
        if default:
            parts.append(f"= {default}")
        return " ".join(parts)

    def lines(self):
        for flag in self.flags:
            before = None
            for span in self.spans(flag):
                yield self.line(span, before)
                before = span[2][0]


def card(name, engine, read):
    out = ["apiVersion: model-library/v1", "kind: Flags", f"metadata: {{name: {slug(name)}}}",
           f"engine: {name}", f"read: {quoted(read)}"]
    for trait, on in TRAITS.get(name, {}).items():
        out.append(f"{trait}: {str(on).lower()}")
    if name in PREFIXES:
        out.append(f"env_prefixes: [{', '.join(PREFIXES[name])}]")
    out.append("versions:")
    for version, rows in engine.versions.items():
        date = f", date: {quoted(rows[0]['date'])}" if rows[0]["date"] else ""
        out.append(f"  - {{version: {quoted(version)}{date}, source: {quoted(sources(rows))}}}")
    out.append("flags: |")
    out += ["  " + line for line in engine.lines()]
    return MADE + "\n".join(out) + "\n"


def cards_of(facts):
    """The text of each engine's file by its name."""
    rows, old = defaultdict(list), defaultdict(list)
    for row in table(os.path.join(facts, "engine_flags.csv")):
        rows[row["engine"]].append(row)
    for row in table(os.path.join(facts, "engine_flag_deprecated.csv")):
        old[row["engine"]].append(row)
    read = {row["engine"]: row["read"] for row in table(os.path.join(facts, "engine_flag_read.csv"))}
    return {slug(name) + ".yaml": card(name, Engine(mine, old[name]), read[name]) for name, mine in rows.items()}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--facts", default=os.path.join(here, "facts"), help="folder of the tables")
    arguments.add_argument("--flags", default=os.path.join(here, "..", "catalog", "flags"), help="folder of the result")
    arguments.add_argument("--check", action="store_true", help="write nothing, say what differs")
    given = arguments.parse_args()
    texts = cards_of(given.facts)
    if given.check:
        sys.exit(table_check.check(given.flags, texts, MADE))
    os.makedirs(given.flags, exist_ok=True)
    for name in table_check.of_no_row(given.flags, texts, MADE):
        os.remove(os.path.join(given.flags, name))
    for name, text in texts.items():
        with open(os.path.join(given.flags, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
