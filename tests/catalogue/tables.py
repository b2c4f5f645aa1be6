#!/usr/bin/env python3
"""The catalogue is what tools/facts/ makes of it, and the two programs that make it say where it is not.

    tables.py      checks the tree; then changes copies of it, and each change must be told
"""
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
failed = []


def check(tool, *arguments):
    """(exit code, output) of `tool` with --check."""
    ran = subprocess.run([sys.executable, "-B", TOOLS / tool, "--check", *arguments], text=True, capture_output=True,
                         check=False)
    return ran.returncode, ran.stdout + ran.stderr


def silent(what, answer):
    if answer != (0, ""):
        failed.append(f"{what}: exit code {answer[0]}\n{answer[1]}")


def told(what, answer, *words):
    """The check ends with 1 and says these words, and nothing of another file."""
    code, said = answer
    if code != 1 or any(word not in said for word in words) or len(said.splitlines()) != 1:
        failed.append(f"{what}: exit code {code}, without a line of {words}:\n{said[:2000]}")


def edit(path, change):
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    if changed == text:
        failed.append(f"{path.name}: the test does not find what it wants to change")
    path.write_text(changed, encoding="utf-8")


def edit_table(path, change):
    """Rows go through `change`, which changes one of them, or takes it away."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns, rows = reader.fieldnames, list(reader)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(change(rows))


def with_cell(chosen, column, value):
    def change(rows):
        found = [row for row in rows if chosen(row)]
        if len(found) != 1:
            failed.append(f"the test wants one row to change, and there are {len(found)}")
        for row in found:
            row[column] = value
        return rows
    return change


def changed_cards(folder):
    catalog = folder / "catalog"
    for kind in ("models", "hardware", "templates", "flags"):
        shutil.copytree(ROOT / "catalog" / kind, catalog / kind)
    cards = ["--catalog", catalog]
    silent("a copy", check("catalogue.py", *cards))

    card = catalog / "models" / "qwen3-8b.yaml"
    edit(card, lambda text: text.replace("  gated: false\n", "  gated: true\n"))
    told("a changed model card", check("catalogue.py", *cards), "models/qwen3-8b.yaml:", "`gated: true`")
    card.unlink()
    told("a model card that is gone", check("catalogue.py", *cards), "models/qwen3-8b.yaml: ", "it is not there")
    shutil.copy(ROOT / "catalog" / "models" / card.name, card)

    stray = catalog / "templates" / "of-no-row.yaml"
    stray.write_text((catalog / "templates" / "qwen3-8b-vllm.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    told("a card of no row", check("catalogue.py", *cards), "templates/of-no-row.yaml: ")

    flags = catalog / "flags" / "vllm.yaml"
    edit(flags, lambda text: text.replace("--gpu-memory-utilization ", "--gpu-memory-utilisation ", 1))
    told("a changed line of flags", check("engine_flags.py", "--flags", catalog / "flags"), "vllm.yaml:")

    shutil.copy(flags, flags.with_name("of-no-row.yaml"))
    for tool, arguments in (("engine_flags.py", ["--flags", catalog / "flags"]), ("catalogue.py", cards)):
        subprocess.run([sys.executable, "-B", TOOLS / tool, *arguments], check=True, capture_output=True)
        silent("what was made again", check(tool, *arguments))


def changed_tables(folder):
    facts = folder / "facts"
    arguments = ["--facts", facts]

    def fresh():
        shutil.rmtree(facts, ignore_errors=True)
        shutil.copytree(TOOLS / "facts", facts)

    def is_row(name):
        return lambda row: row["id"] == name

    fresh()
    edit_table(facts / "models.csv", with_cell(is_row("openai/whisper-tiny"), "licence", "none-of-these"))
    told("a changed cell of models.csv", check("catalogue.py", *arguments), "models/whisper-tiny.yaml:",
         "`license: none-of-these`")
    fresh()
    edit_table(facts / "models.csv", lambda rows: [row for row in rows if not is_row("openai/whisper-tiny")(row)])
    told("a row less in models.csv", check("catalogue.py", *arguments), "models/whisper-tiny.yaml: was made from a row")
    fresh()
    edit_table(facts / "hardware.csv", with_cell(is_row("amd-mi210-64gb"), "tdp_w", "301"))
    told("a changed cell of hardware.csv", check("catalogue.py", *arguments), "hardware/amd-mi210-64gb.yaml:",
         "`tdp: 301`")
    fresh()
    edit_table(facts / "template_args.csv", with_cell(
        lambda row: row["model"] == "BAAI/bge-m3", "args", "--is-embedding --x 'a b'"))
    told("a changed cell of template_args.csv", check("catalogue.py", *arguments), "templates/bge-m3-sglang.yaml:",
         '"--x", a b')
    fresh()
    edit_table(facts / "template_args.csv", with_cell(lambda row: row["model"] == "BAAI/bge-m3", "engine", "trtllm"))
    told("arguments of a template that is not there", check("catalogue.py", *arguments), "template_args.csv:",
         "bge-m3-trtllm", "models.csv does not know that trtllm serves BAAI/bge-m3")
    fresh()
    edit_table(facts / "engine_flags.csv", with_cell(
        lambda row: (row["engine"], row["version"], row["flag"]) == ("tgi", "3.3.7", "--port"), "default", "3001"))
    told("a changed cell of engine_flags.csv", check("engine_flags.py", *arguments), "tgi.yaml:")
    fresh()
    edit_table(facts / "engine_flag_read.csv", with_cell(lambda row: row["engine"] == "tei", "read", "2026-11-24"))
    told("another day of reading", check("engine_flags.py", *arguments), "tei.yaml:6:", "2026-11-24")


def every_table_is_used():
    """A framework is checked with the table of its engine, and no table lies about for nobody."""
    engines = {spec_of(path)["engine"]: path.name for path in (ROOT / "catalog" / "flags").glob("*.yaml")}
    used = set()
    for path in sorted((ROOT / "catalog" / "frameworks").glob("*/framework.yaml")):
        spec = spec_of(path)["spec"]
        used.add(spec.get("flags"))
        if spec["engine"] in engines and spec.get("flags") != spec["engine"]:
            failed.append(f"{path.parent.name}: does not name {engines[spec['engine']]}, the table of its engine")
    for engine in sorted(set(engines) - used):
        failed.append(f"flags/{engines[engine]}: no framework is checked with it")


def spec_of(path):
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


# Ray reads no command line but a configuration, in which the program does not look: its fields by their class.
RAY_CLASSES = {"model_loading_config": "ModelLoadingConfig", "lora_config": "LoraConfig",
               "accelerator_config": "AcceleratorConfig"}


def fields_of_rays_configuration(change=lambda fields: fields):
    """What the manifest's configuration sets and a version that the framework lists has no field for."""
    folder = ROOT / "catalog" / "frameworks" / "ray-serve-llm"
    config = next(yaml.load_all((folder / "manifest.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader))
    serve = yaml.load(config["data"]["serve.yaml"], yaml.CSafeLoader)
    arguments = serve["applications"][0]["args"]
    fields = {f"LLMServingArgs.{key}" for key in arguments}
    for each in arguments["llm_configs"]:
        fields |= {f"LLMConfig.{key}" for key in each}
        fields |= {f"{name}.{key}" for of, name in RAY_CLASSES.items() for key in each.get(of, {})}
    with open(TOOLS / "facts" / "engine_flags.csv", newline="", encoding="utf-8") as file:
        known = {(row["version"], row["flag"]) for row in csv.DictReader(file) if row["engine"] == "ray-serve-llm"}
    versions = [each["version"] for each in spec_of(folder / "framework.yaml")["spec"]["versions"]]
    return [f"ray-serve-llm: {version} has no field {field}" for version in versions for field in sorted(change(fields))
            if (version, field) not in known]


def versions_that_are_not_listed(frameworks):
    """Frameworks with a table of flags whose own version is not one that they list, with the image that they run."""
    found = []
    for name, spec in frameworks:
        if "flags" not in spec or spec["version"] == "latest":
            continue
        image = {each["version"]: each.get("image", spec["image"]) for each in spec.get("versions", [])}
        if image.get(spec["version"].removeprefix("v")) != spec["image"]:
            found.append(f"{name}: {spec['version']}, which it runs as {spec['image']}, is not among its versions")
    return found


def too_old_for_tensorrt_llm(templates, models, hardware):
    """Machines on which TensorRT-LLM has no kernels for the weights: those before Hopper for MXFP4 and FP8 by blocks."""
    return [f"{name}: {machine} is too old for {models[spec['model']].get('quantization')} by TensorRT-LLM"
            for name, spec in templates
            if spec.get("framework") == "tensorrt-llm" and models[spec["model"]].get("quantization") in ("FP8", "MXFP4")
            for machine in spec["viable_hardware"] if float(hardware[machine]["gpu"]["compute_capability"]) < 9]


def position_tables(specs):
    """RoBERTa's position table has two entries more than a text has tokens: an encoder's context is not its length."""
    return [f"{name}: a context of {length} is a position table's length" for name, length in specs
            if length > 2 and (length - 2) & (length - 3) == 0]


def gib(quantity):
    return int(quantity.removesuffix("Gi"))


def more_than_the_machine(specs):
    """Hardware on which no replica fits as it is asked for: a node keeps some of its CPU and memory for itself."""
    found = []
    for name, spec in specs:
        sold = re.fullmatch(r"cpu-(\d+)vcpu-(\d+)gb", name)
        if sold and (spec["cpus"] >= int(sold[1]) or gib(spec["memory"]) * 2**30 >= int(sold[2]) * 10**9):
            found.append(f"{name}: a replica asks for all CPU or memory of the machine, of which a node needs some itself")
        if spec.get("kind") == "apple" and 2 * gib(spec["memory"]) > gib(spec["gpu"]["memory"]):
            found.append(f"{name}: a replica asks for more than half of the memory that is the GPU's, too")
    return found


def specs_of(pattern):
    paths = sorted((ROOT / "catalog").glob(pattern))
    return {path.parent.name if path.name == "framework.yaml" else path.stem: spec_of(path)["spec"] for path in paths}


def cards_say_what_can_be():
    """The shipped cards, and beside each check what it must tell of."""
    frameworks, models, hardware, templates = (specs_of(each) for each in (
        "frameworks/*/framework.yaml", "models/*.yaml", "hardware/*.yaml", "templates/*.yaml"))
    contexts = [(name, spec["context_length"]) for name, spec in models.items()
                if spec.get("task") in ("embedding", "rerank") and "context_length" in spec]
    failed.extend(versions_that_are_not_listed(frameworks.items()))
    failed.extend(too_old_for_tensorrt_llm(templates.items(), models, hardware))
    failed.extend(position_tables(contexts))
    failed.extend(more_than_the_machine(hardware.items()))
    whole = [("cpu-4vcpu-16gb", {"kind": "cpu", "cpus": 4, "memory": "11Gi"}),
             ("apple-m2", {"kind": "apple", "cpus": 8, "memory": "32Gi", "gpu": {"memory": "24Gi"}})]
    old = {"framework": "tensorrt-llm", "model": "gpt-oss-20b", "viable_hardware": ["nvidia-l4", "nvidia-h200-sxm"]}
    other = {**frameworks["tensorrt-llm"], "version": "1.0.0"}
    told_of = [len(versions_that_are_not_listed([("tensorrt-llm", other)])),
               len(too_old_for_tensorrt_llm([("old", old)], models, hardware)),
               len(position_tables([("of-512", 514), ("of-8192", 8194), ("sound", 512)])),
               len(more_than_the_machine(whole))]
    if told_of != [1, 1, 2, 2]:
        failed.append(f"checks of the cards tell of {told_of} faults that were made for them, and not of [1, 1, 2, 2]")


def main():
    silent("catalogue.py", check("catalogue.py"))
    silent("engine_flags.py", check("engine_flags.py"))
    every_table_is_used()
    cards_say_what_can_be()
    failed.extend(fields_of_rays_configuration())
    # Version 2.53.0 took the bundles' resources away, and nothing ever had the other name.
    for field, versions in (("LLMConfig.resources_per_bundle", 3), ("LLMConfig.engine_args", 5)):
        if len(fields_of_rays_configuration(lambda fields, field=field: fields | {field})) != versions:
            failed.append(f"a field {field} in Ray's configuration is not told for {versions} versions")
    for part in (changed_cards, changed_tables):
        with tempfile.TemporaryDirectory(prefix="mlib-tables-") as folder:
            part(Path(folder))
    for each in failed:
        print(each)
    print(f"tables: {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.exit(main())
