#!/usr/bin/env python3
"""Reads what the renderer writes with a second YAML library (PyYAML, YAML 1.1) and compares the trees.

usage: second_reader.py path/to/test_render
"""
import json
import os
import subprocess
import sys
import tempfile

import yaml


def check(line):
    """What is wrong with one case, or nothing."""
    case = json.loads(line)
    try:
        read = list(yaml.load_all(case["yaml"], Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        return f"not readable: {error}"
    return None if read == case["objects"] else f"another tree: {read!r} != {case['objects']!r}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cases")
        subprocess.run([sys.argv[1], "--test-case=any value is at its leaf*"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "MLIB_YAML_CASES": path})
        with open(path, encoding="utf-8") as lines:
            answers = [check(line) for line in lines]
    wrong = [f"case {number}: {answer[:600]}" for number, answer in enumerate(answers) if answer]
    print(f"{len(answers)} manifests read by PyYAML {yaml.__version__}, {len(wrong)} differ", *wrong[:5], sep="\n")
    return 1 if wrong or len(answers) < 2000 else 0


if __name__ == "__main__":
    sys.exit(main())
