#!/usr/bin/env python3
"""Makes model, hardware and template cards from models.csv, hardware.csv and template_args.csv of tools/facts/.

    catalogue.py [--facts FOLDER] [--catalog FOLDER] [--check]

The same tables give the same bytes. A card that is there and was not made by this program is left alone; one that was
made by it and is no longer in the tables is removed. An empty cell is a fact that is not established: it is left out.
What fits on what is reckoned in catalogue_fit.py. With --check nothing is written: which cards are not those that the
tables make is said, and the exit code is 1 when there is one."""
import argparse
import csv
import os
import re
import shlex
import sys

import catalogue_fit as fit
import table_check
from catalogue_yaml import flow, to_yaml

MADE = "# Made by tools/catalogue.py: change the tables, not this file.\n"

# Cards that were there before the tables, by the table's id.
MODELS_THERE = {"TheBloke/Llama-2-7B-Chat-GGUF", "unsloth/gemma-3-270m-it-GGUF"}
HARDWARE_NAMES = {
    "nvidia-t4-16gb": "nvidia-t4", "nvidia-a10g-24gb": "nvidia-a10g", "nvidia-l4-24gb": "nvidia-l4",
    "nvidia-l40s-48gb": "nvidia-l40s", "nvidia-h200-sxm-141gb": "nvidia-h200-sxm",
    "nvidia-b200-180gb": "nvidia-b200-sxm", "amd-mi300x-192gb": "amd-mi300x"}
HARDWARE_THERE = {"cpu-minimal", "cpu-medium", "cpu-deepsparse-minimal"}

# Larger ones are served on a GPU.
LARGE_ENCODER = 3 * 10 ** 9

TASKS = {"code": "text-generation"}
TAKES = {"vision-language": ["text", "image"], "speech": ["audio"]}
PRECISION = {"bfloat16": "BF16", "float16": "FP16", "float32": "FP32"}
# The engines' words in the table: framework and how a template of it is called.
ENGINES = {"vllm": ("vllm", "vllm"), "sglang": ("sglang", "sglang"), "trtllm": ("tensorrt-llm", "trtllm"),
           "tgi": ("tgi", "tgi"), "tei": ("tei", "tei"), "infinity": ("infinity", "infinity"),
           "ollama": ("ollama", "ollama"), "llama.cpp": ("llama-cpp-server", "llama-cpp")}
# Machines that are rented by several at once.
COUNTS = {"nvidia-l4": [2, 4, 8], "nvidia-a10g": [4, 8], "nvidia-l40s": [2, 4, 8], "nvidia-a100-sxm4-40gb": [8],
          "nvidia-a100-sxm4-80gb": [2, 4, 8], "nvidia-h100-sxm5-80gb": [2, 4, 8], "nvidia-h200-sxm": [2, 4, 8],
          "nvidia-b200-sxm": [2, 4, 8], "nvidia-b300-sxm-288gb": [8], "amd-mi300x": [8], "amd-mi325x-256gb": [8],
          "amd-mi355x-288gb": [8]}
# Prices that an earlier snapshot states with a day, where the table's has none.
PRICES = {"nvidia-h100-sxm5-80gb": ("4.5", "2026-04-27"), "nvidia-h200-sxm": ("5.75", "2026-04-27"),
          "nvidia-b200-sxm": ("7.25", "2026-04-27")}
PRICES_FROM = ("llm-d-incubation/llm-d-planner:data/configuration/gpu_catalog.json@e50305af "
               "(cost_per_hour_usd; the catalogue gives no provider receipt)")


def name_of(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def number(text):
    if not text:
        return None
    value = float(text)
    return int(value) if value.is_integer() else value


def known(pairs):
    return {key: value for key, value in pairs if value not in (None, "", [], {})}


def yes(text):
    return {"yes": True, "no": False}.get(text)


def card(kind, name, title, description, labels, spec):
    meta = {"name": name, "title": title, "description": description, "labels": flow(labels)}
    return {"apiVersion": "model-library/v1", "kind": kind, "metadata": known(meta.items()), "spec": spec}


# --- models


def attention_of(row):
    """full | full-bidirectional | sliding:WINDOW:5L1G:full=10/62 | mla:LATENT+ROPE | hybrid:KIND:full=16/64."""
    text, layers = row["attention"], number(row["layers"])
    if not text or text in ("hybrid:nas-per-layer", "hybrid:mamba2") or text.startswith("hybrid:compressed"):
        return []
    if text == "full":
        return [flow(known({"kind": "full", "layers": layers}.items()))]
    if text == "full-bidirectional":
        return [flow(known({"kind": "bidirectional", "layers": layers}.items()))]
    if text.startswith("mla:"):
        latent, rope = text[4:].split("+")
        return [flow(known({"kind": "mla", "layers": layers, "latent": int(latent), "rope": int(rope)}.items()))]
    counts = re.search(r"full=(\d+)/(\d+)", text)
    window = re.match(r"sliding:(\d+)(chunk)?:", text)
    if window:
        kind = {"kind": "chunked" if window.group(2) else "sliding"}
        if text.endswith(":all"):
            kind["layers"] = layers
        elif counts:
            kind["layers"] = int(counts.group(2)) - int(counts.group(1))
        parts = [flow(known({**kind, "window": int(window.group(1))}.items()))]
    else:
        other = "cross" if "cross-attention" in text else "linear"
        # Of mamba layers that mix with experts' layers only the attending ones are counted.
        mixed = "+moe" in text
        count = None if mixed else int(counts.group(2)) - int(counts.group(1))
        parts = [flow(known({"kind": other, "layers": count}.items()))]
    return ([flow({"kind": "full", "layers": int(counts.group(1))})] if counts else []) + parts


def shape_of(row):
    kv = re.search(r"KV (\d+) B/token", row["note"])
    return known([("layers", number(row["layers"])), ("heads", number(row["heads"])),
                  ("kv_heads", number(row["kv_heads"])), ("head_size", number(row["head_dim"])),
                  ("hidden", number(row["hidden"])), ("vocabulary", number(row["vocab"])),
                  ("intermediate", number(row["intermediate"])), ("experts", number(row["experts"])),
                  ("active_experts", number(row["experts_active"])), ("attention", attention_of(row)),
                  ("kv_bytes_per_token", int(kv.group(1)) if kv else None)])


def quantization_of(row):
    word = row["quantization"]
    if word == "none":
        # The files of some hold another type than the configuration says: then it is not established.
        size, count = number(row["weights_bytes"]), number(row["params_total"])
        halved = row["dtype"] == "float32" and size and count and size < 3 * count
        return "" if halved else PRECISION.get(row["dtype"], "")
    return word[5:] if word.startswith("gguf-") else {"awq-int4": "AWQ"}.get(word, word.upper())


def file_of(row):
    """Name and SHA-256 of the one file of a GGUF row, where the note says them."""
    found = re.search(r"([\w.-]+\.gguf)(?:, sha256 ([0-9a-f]{64}))?", row["note"])
    return (found.group(1), found.group(2) or "") if found else ("", "")


def evidence_of(row):
    return [part.strip() for part in row["source"].split(" ; ") if part.strip()] + \
           ["note: " + part.strip() for part in row["note"].split(" ; ") if part.strip()]


def framework_of(row):
    """The framework that a model's card names: the first engine that somebody serves it with."""
    if row["quantization"].startswith("gguf"):
        return "llama-cpp-server" if file_of(row)[0] else "llama-cpp-hub"
    for engine in ("vllm", "sglang", "tei", "tgi", "infinity"):
        if re.search(rf"(^| ){engine}=", row["engines_known_to_serve"]):
            return ENGINES[engine][0]
    return "tei" if row["task"] in ("embedding", "rerank") else "vllm"


def is_modelled(where):
    """True for what says that an engine can serve a model, and not that somebody does."""
    return "/support_matrix/" in where or "/release-notes.md@" in where


def framework_note(row):
    """Said of a row whose framework nobody is known to serve it with."""
    engine = {"llama-cpp-hub": "llama.cpp", "llama-cpp-server": "llama.cpp"}.get(framework_of(row), framework_of(row))
    where = engines_of(row).get(engine, [])
    if not where:
        return [f"note: nobody is known to serve it by {framework_of(row)}, which is its card's by its task and format"]
    if all(map(is_modelled, where)):
        return [f"note: that {framework_of(row)} serves it was modelled, not tried"]
    return []


def model_card(row):
    file, sha = file_of(row) if row["quantization"].startswith("gguf") else ("", "")
    size = number(row["weights_bytes"])
    forms = row["formats"].split("|")
    exact = size if file else None
    source = known([("uri", f"hf://{row['id']}/{file}" if file else ""), ("sha256", sha), ("bytes", exact)])
    listed = known([("name", file), ("bytes", exact), ("sha256", sha)])
    spec = known([
        ("framework", framework_of(row)), ("repository", row["id"]), ("sources", [source] if file else []),
        ("format", forms[0]), ("quantization", quantization_of(row)),
        ("dtype", row["dtype"] if row["dtype"] != "gguf" else ""), ("task", TASKS.get(row["task"], row["task"])),
        ("modalities", flow(TAKES.get(row["task"], ["text"]))), ("family", row["family"]),
        ("license", row["licence"]), ("gated", yes(row["gated"])), ("chat_template", yes(row["chat_template"])),
        ("released", row["released"]),
        ("parameters", number(row["params_total"])), ("active_parameters", number(row["params_active"])),
        ("weights_bytes", size), ("context_length", number(row["context"])), ("shape", shape_of(row)),
        ("files", [listed] if file else []), ("conversions", [form for form in forms[1:] if ":" in form]),
        ("evidence", evidence_of(row) + framework_note(row))])
    labels = known([("family", row["family"]), ("task", row["task"])])
    short = row["id"].split("/")[1]
    return card("Model", name_of(short), short, f"{row['id']} of the hub", labels, spec)


# --- hardware


def memory_of(row):
    """What a source states as usable, else the label, whose "GB" are GiB as memory chips have binary sizes:
    nvidia-smi shows 81,559 MiB of an H100 of 80 GB, and the rule of what fits (KAITO's) takes labels so. Where a card is
    sold with several sizes, the largest."""
    gib = float(row["memory_gib"] or row["memory_gb_marketing"].split("/")[-1])
    return f"{int(gib)}Gi" if gib.is_integer() else f"{int(gib * 1024)}Mi"


def gpu_of(row, count):
    by_type = known([("fp32", number(row["tflops_fp32"])), ("bf16", number(row["tflops_bf16_dense"])),
                     ("fp8", number(row["tflops_fp8_dense"])), ("fp4", number(row["tflops_fp4_dense"])),
                     ("int8", number(row["int8_tops_dense"]))])
    link = known([("kind", row["interconnect"]), ("bandwidth", number(row["interconnect_gb_s"]))])
    vendor = row["vendor"]
    made = known([
        ("vendor", vendor), ("product", re.sub(rf"^{vendor} ", "", row["product"], flags=re.I)), ("count", count),
        ("memory", memory_of(row)), ("resource", row["kubernetes_resource"]),
        ("bandwidth", number(row["bandwidth_gb_s"])), ("tflops", number(row["tflops_bf16_dense"])),
        ("tflops_by_type", flow(by_type)), ("compute_capability", row["compute_capability"]),
        ("fp8", yes(row["fp8"])), ("fp4", yes(row["fp4"])),
        ("interconnect", flow(link) if "kind" in link else None), ("tdp", number(row["tdp_w"]))])
    # An empty one says that there is none: the card's default is NVIDIA's.
    return made if "resource" in made else {**made, "resource": ""}


def price_of(row, name, count):
    per_hour, day, source = row["list_price_usd_per_hour"], row["price_date"], row["price_source"]
    if name in PRICES:
        per_hour, day = PRICES[name]
        source = PRICES_FROM
    if not per_hour or not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        return None
    each = round(float(per_hour) * count, 4)
    return flow(known([("per_hour", number(str(each))), ("currency", "USD"), ("as_of", day), ("source", source)]))


def evidence_of_hardware(row):
    return [part.strip() for part in row["source"].split(" ; ") if part.strip()] + \
           ["note: " + part.strip() for part in row["note"].split(" ; ") if part.strip()]


def hardware_card(row, count=1):
    base = HARDWARE_NAMES.get(row["id"], row["id"])
    name = base if count == 1 else f"{base}-x{count}"
    kind = row["id"].split("-")[0]
    kind = kind if kind in ("apple", "cpu") else "tpu" if "-tpu-" in row["id"] else "gpu"
    spec = {"kind": kind}
    if kind == "cpu":
        cores, size = re.search(r"cpu-(\d+)vcpu-(\d+)gb", row["id"]).groups()
        spec.update({**fit.allocatable(int(cores), int(size)), "storage": "100Gi", "replicas": 1})
        title = f"{cores} vCPU, {size} GB"
    else:
        memory = 32 * count
        if kind == "apple":
            # Its one memory is the GPU's, too: a replica asks for half of it at the most.
            memory = min(memory, int(memory_of(row).removesuffix("Gi")) // 2)
        spec.update({"cpus": 8 * count, "memory": f"{memory}Gi", "storage": "100Gi", "replicas": 1,
                     "gpu": gpu_of(row, count)})
        title = f"{'One' if count == 1 else count} {row['product']}"
    if row["node_label_product"]:
        spec["node_selector"] = flow({"nvidia.com/gpu.product": row["node_label_product"]})
    if price_of(row, name if count == 1 else base, count):
        spec["price"] = price_of(row, name if count == 1 else base, count)
    spec["evidence"] = evidence_of_hardware(row)
    said = "CPU and memory are what a replica asks for."
    if kind == "cpu":
        said = "A virtual machine of this size. CPU and memory are what a replica can be given of it as a Kubernetes node."
        spec["evidence"].append(f"what a replica can be given: {fit.ALLOCATABLE_FROM}")
    return card("Hardware", name, title, f"{title}. {said}", known([("kind", kind), ("vendor", row["vendor"])]), known(spec.items()))


# --- templates


def template_card(row, engine, served, machines, args):
    framework, suffix = ENGINES[engine]
    if engine == "llama.cpp":
        framework = framework_of(row)
    if engine == "tei" and int(row["weights_bytes"] or 0) > LARGE_ENCODER:
        framework = "tei-cuda"
    model = name_of(row["id"].split("/")[1])
    need = fit.Need(row, framework)
    runs_on = need.machines(machines)
    if not runs_on:
        return None
    values = known([("context_length", need.context if fit.takes_context(framework) else None),
                    ("storage", need.storage()),
                    ("ollama_model", served[0].split("#")[1] if engine == "ollama" else None),
                    ("extra_args", flow(shlex.split(args["args"])) if args else None)])
    modelled = all(map(is_modelled, served))
    spec = known([
        ("model", model), ("framework", framework if framework != framework_of(row) else ""),
        ("hardware", runs_on[0]), ("viable_hardware", flow(runs_on)), ("values", values),
        ("context_length", need.context), ("evidence", served + ([f"extra_args: {args['source']}"] if args else [])),
        ("modelled", True if modelled else None)])
    title = f"{row['id'].split('/')[1]} by {framework}"
    said = (f"{title}; {need.said()} need {need.gib():.1f} GiB together"
            f"{'; that it runs was modelled, not tried' if modelled else ''}")
    labels = {"family": row["family"], "engine": engine}
    return card("Template", f"{model}-{suffix}", title, said, labels, spec)


def engines_of(row):
    """Engine and its evidence, in the table's order."""
    served = {}
    for part in row["engines_known_to_serve"].split(" | "):
        engine, _, where = part.partition("=")
        # llama.cpp serves another repository's conversion of these weights, whose quantization is not stated.
        if not where or (engine == "llama.cpp" and not row["quantization"].startswith("gguf")):
            continue
        served.setdefault(engine, []).append(where)
    return served


# What public documentation serves as its example; the tables know no engine for it.
EXAMPLES = {"Qwen/Qwen2.5-0.5B-Instruct": ("ray", "ray-project/ray:doc/source/llm/doc_code/serve/qwen/llm_config_example.yaml")}
ENGINES["ray"] = ("ray-serve-llm", "ray")


def templates_of(row, machines, args):
    served = engines_of(row)
    if row["id"] in EXAMPLES:
        engine, where = EXAMPLES[row["id"]]
        served.setdefault(engine, []).append(where)
    made = [template_card(row, engine, where, machines, args.get((row["id"], engine))) for engine, where in served.items()]
    return [each for each in made if each]


def check_args(args, templates):
    """Refuses a row that is no template's: whoever wrote it would believe that its arguments are set."""
    names = {card["metadata"]["name"] for card in templates}
    for model, engine in args:
        name = f"{name_of(model.split('/')[1])}-{ENGINES[engine][1] if engine in ENGINES else engine}"
        if name not in names:
            sys.exit(f"template_args.csv: there is no template {name}: models.csv does not know that {engine} serves {model}")


# --- files


def table(folder, name):
    with open(os.path.join(folder, name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cards_of(models, hardware, args):
    """The cards by their folder."""
    machines = []
    for row in hardware:
        if row["id"] in HARDWARE_THERE:
            continue
        base = HARDWARE_NAMES.get(row["id"], row["id"])
        for count in [1] + COUNTS.get(base, []):
            machines.append((row, count, hardware_card(row, count)))
    usable = [fit.Machine(row, count, card["metadata"]["name"], card["spec"]) for row, count, card in machines]
    rows = [row for row in models if row["id"] not in MODELS_THERE]
    args = {(row["model"], row["engine"]): row for row in args}
    templates = [each for row in rows for each in templates_of(row, usable, args)]
    check_args(args, templates)
    return {"models": [model_card(row) for row in rows], "hardware": [card for _, _, card in machines],
            "templates": templates}


def write(folder, cards):
    os.makedirs(folder, exist_ok=True)
    names = {each["metadata"]["name"] + ".yaml" for each in cards}
    for each in table_check.of_no_row(folder, names, MADE):
        os.remove(os.path.join(folder, each))
    for each in cards:
        path = os.path.join(folder, each["metadata"]["name"] + ".yaml")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                if file.readline() != MADE:
                    continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(MADE + to_yaml(each))
    return len(cards)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--facts", default=os.path.join(here, "facts"), help="folder of the tables")
    arguments.add_argument("--catalog", default=os.path.join(here, "..", "catalog"), help="folder of the cards")
    arguments.add_argument("--check", action="store_true", help="write nothing, say what differs")
    given = arguments.parse_args()
    cards = cards_of(*(table(given.facts, name) for name in ("models.csv", "hardware.csv", "template_args.csv")))
    if given.check:
        texts = {f"{folder}/{each['metadata']['name']}.yaml": MADE + to_yaml(each)
                 for folder, each_of in cards.items() for each in each_of}
        sys.exit(table_check.check(given.catalog, texts, MADE))
    for folder, each_of in cards.items():
        print(folder, write(os.path.join(given.catalog, folder), each_of))


if __name__ == "__main__":
    main()
