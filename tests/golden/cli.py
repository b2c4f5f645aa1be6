#!/usr/bin/env python3
"""Goldens of the command line: tests/golden/cli/NAME.test.

    cli.py MLIB [NAME...]     runs them; with MLIB_ACCEPT=1 rewrites what is expected instead

A test has command lines (`$ mlib ...`), then files that they read (`== PATH` and its text; `== stdin` is standard
input), a line of ten dashes, and what is expected: both outputs of each command as it wrote them, and its exit code.
Commands run in an empty folder with a home of their own and no terminal.
"""
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "cli"
REFERENCE = HERE.parents[2] / "docs" / "cli.md"
LINE = "----------\n"


def parse(text):
    """(commands, files by path, expected)."""
    head, _, expected = text.partition(LINE)
    commands, files, path = [], {}, None
    for line in head.splitlines(keepends=True):
        if line.startswith("== "):
            path = line[3:].strip()
            files[path] = ""
        elif path is not None:
            files[path] += line
        elif line.startswith("$ mlib"):
            commands.append(line[2:].strip())
    return commands, files, expected


def output(program, commands, files):
    with tempfile.TemporaryDirectory(prefix="mlib-cli-") as folder:
        work = pathlib.Path(folder) / "work"
        work.mkdir()
        for path, text in files.items():
            if path != "stdin":
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                (work / path).write_text(text)
        env = {"HOME": folder, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        said = ""
        for command in commands:
            done = subprocess.run([program, *shlex.split(command)[1:]], cwd=work, env=env, timeout=60,
                                  input=files.get("stdin", ""), text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if len(commands) > 1:
                said += f"$ {command}\n"
            said += done.stdout + ("" if done.stdout.endswith("\n") or not done.stdout else "\n")
            said += f"[exit {done.returncode}]\n"
        return said.replace(folder, "HOME")


def main():
    program, names = os.path.abspath(sys.argv[1]), sys.argv[2:]
    accept = os.environ.get("MLIB_ACCEPT") == "1"
    tests = sorted(path for path in HERE.glob("*.test") if not names or path.stem in names)
    failed = accepted = 0
    for path in tests:
        text = path.read_text()
        commands, files, expected = parse(text)
        said = output(program, commands, files)
        if said == expected and commands:
            continue
        if accept and commands:
            path.write_text(text.partition(LINE)[0] + LINE + said)
            accepted += 1
            continue
        failed += 1
        print(f"FAILED {path.name}\n--- expected\n{expected}--- said\n{said}")
    reference = subprocess.run([program, "reference"], capture_output=True, text=True).stdout
    if not names and reference != REFERENCE.read_text():
        if accept:
            REFERENCE.write_text(reference)
            accepted += 1
        else:
            failed += 1
            print("FAILED docs/cli.md is not what `mlib reference` prints (./dev accept)")
    if accepted:
        print(f"accepted {accepted} (skipped)")
        return 1
    print(f"{len(tests)} goldens, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
