"""Which machines a model fits on, by published rules; what is not known is not reckoned with.

On GPUs (KAITO 056b8280): of each GPU's memory 0.84 less 2.3 GiB can be used, and weights take 1.02 of their files.
Keys and values of a stated context come on top at 16 bits: split over the GPUs as far as there are key-value heads,
whole on each for a latent vector (mla); windowed layers keep window + 8192 tokens of a batch (vLLM's rule). With CPUs:
weights, keys and values, and 1 GiB for buffers and the server. Ollama's files are taken for 5 bits a weight (Q4_K_M of
Llama 3 8B: 4.9)."""
import math
import re

GIB = 1024 ** 3
LONGEST = 32768
LONGEST_ON_CPU = 8192
MOST_MACHINES = 8
ON_CPU = {"llama-cpp-server", "llama-cpp-hub", "tei", "infinity"}
# Cards that a data centre or a work bench offers; the others are facts to look up.
FLEET = re.compile(r"nvidia-(t4|l4|a10|a10g|l40s|a100-(sxm4|pcie)-(40|80)gb|h100-(sxm5|pcie)-80gb|h100-nvl-94gb|h200-sxm|"
                   r"b200-sxm|b300-sxm-288gb|rtx-4090-24gb|rtx-a6000-48gb|rtx-6000-ada-48gb|"
                   r"rtx-pro-6000-blackwell-server-96gb)(-24gb)?(-x\d)?")

# From and below which compute capability TensorRT-LLM has kernels for a quantization (NVIDIA/TensorRT-LLM 09d4c79b:
# docs/source/features/quantization.md, hardware support matrix; 0ee4114c: examples/models/core/gpt_oss/README.md; issue
# 6717, refused on 8.9). The FP8 weights in the tables have scales by block: no Ada, and no Blackwell of 12.0.
TENSORRT_LLM = {"fp8": (9, 12), "mxfp4": (9, math.inf)}


def takes_context(framework):
    return framework not in ("tei", "tei-cuda", "infinity")


# What Google's nodes keep of CPUs and of GiB for their own processes, by the first ones, the next ones, and so on; and
# how little free memory makes them evict.
ALLOCATABLE_FROM = ("https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes (reserved CPU and memory, "
                    "eviction at 100 MiB), less 0.25 CPU and 0.5 GiB for pods of the node itself, rounded down")
KEPT_CPUS = [(1, 0.06), (1, 0.01), (2, 0.005), (math.inf, 0.0025)]
KEPT_GIB = [(4, 0.25), (4, 0.2), (8, 0.1), (112, 0.06), (math.inf, 0.02)]
EVICTION_GIB = 100 / 1024


def kept(amount, steps):
    total = 0
    for width, share in steps:
        total += min(amount, width) * share
        amount = max(amount - width, 0)
    return total


def allocatable(cores, gigabytes):
    """What one pod can ask for of a machine that is sold so. Gigabytes are decimal ones: of binary ones, which many
    mean, the firmware and the kernel take the rest."""
    gib = gigabytes * 10 ** 9 / GIB
    cpus = math.floor(2 * (cores - kept(cores, KEPT_CPUS) - 0.25)) / 2
    memory = math.floor(gib - kept(gib, KEPT_GIB) - EVICTION_GIB - 0.5)
    return {"cpus": int(cpus) if cpus.is_integer() else cpus, "memory": f"{memory}Gi"}


def bytes_of(quantity):
    size, unit = re.fullmatch(r"(\d+)(Gi|Mi)", quantity).groups()
    return int(size) * {"Gi": GIB, "Mi": 1024 ** 2}[unit]


class Machine:
    def __init__(self, row, count, name, spec):
        self.row, self.count, self.name = row, count, name
        self.kind = spec["kind"]
        self.memory = bytes_of(spec["memory"] if self.kind == "cpu" else spec["gpu"]["memory"])
        # How large it is as it is sold, of which a replica can be given a part.
        self.size = int(row["memory_gb_marketing"]) * GIB if self.kind == "cpu" else self.memory * count

    def order(self):
        return (self.size, self.count, self.name)


class Need:
    """What a row needs when a framework serves it."""

    def __init__(self, row, framework):
        self.row, self.framework = row, framework
        self.cpu = framework in ON_CPU
        self.weights, self.how = self._weights()
        longest = LONGEST_ON_CPU if self.cpu else LONGEST
        self.context = min(int(row["context"]), longest) if row["context"] else None
        found = re.search(r"KV (\d+) B/token", row["note"])
        encoder = row["attention"] == "full-bidirectional" or row["task"] in ("embedding", "rerank", "speech")
        self.kv = int(found.group(1)) if found else 0 if encoder else None

    def _weights(self):
        row = self.row
        if self.framework == "ollama" and row["params_total"]:
            return int(row["params_total"]) * 5 // 8, "weights at 5 bits"
        if row["weights_bytes"]:
            return int(row["weights_bytes"]), "weights"
        if row["params_total"] and row["quantization"] == "none" and row["dtype"] in ("bfloat16", "float16", ""):
            return 2 * int(row["params_total"]), "weights at 2 bytes"
        if row["params_total"] and row["quantization"] == "none" and row["dtype"] == "float32":
            return 4 * int(row["params_total"]), "weights at 4 bytes"
        if row["params_total"] and row["quantization"] == "fp8":
            return int(row["params_total"]) * 105 // 100, "weights at 1.05 bytes"
        return None, ""

    def _windowed(self):
        """Bytes that the windowed layers keep at the stated context."""
        found = re.match(r"sliding:(\d+)(?:chunk)?:.*full=(\d+)/(\d+)", self.row["attention"])
        if not found or not self.row["head_dim"]:
            return 0
        window, full, layers = map(int, found.groups())
        each = 2 * int(self.row["kv_heads"]) * int(self.row["head_dim"]) * 2
        return (layers - full) * each * min(window + 8192, self.context or 0)

    def cache(self):
        return (self.kv or 0) * (self.context or 0) + self._windowed()

    def gib(self):
        return (self.weights + self.cache()) / GIB

    def said(self):
        if not self.context or not self.cache():
            return f"its {self.how}"
        return f"its {self.how} and {self.context} tokens of context"

    def storage(self):
        """Size of the claim: the files, a tenth more, in whole GiB."""
        return f"{math.ceil(self.weights * 1.1 / GIB) + 1}Gi"

    def fits(self, machine):
        if self.cpu:
            return machine.kind == "cpu" and self.weights + self.cache() + GIB <= machine.memory
        if machine.kind != "gpu" or machine.row["vendor"] != "nvidia" or not FLEET.fullmatch(machine.name):
            return False
        return self._allowed(machine) and self._per_gpu(machine.count) <= 0.84 * machine.memory - 2.3 * GIB

    def _per_gpu(self, count):
        heads = int(self.row["kv_heads"] or 1)
        shared = 1 if self.row["attention"].startswith("mla") else min(count, heads)
        return 1.02 * self.weights / count + self.cache() / shared

    def _allowed(self, machine):
        """Types that the GPU computes with, and heads that its number divides."""
        row, capability = machine.row, float(machine.row["compute_capability"])
        if self.row["quantization"] == "fp8" and row["fp8"] != "yes":
            return False
        if self.framework == "tensorrt-llm" and self.row["quantization"] in TENSORRT_LLM:
            first, beyond = TENSORRT_LLM[self.row["quantization"]]
            if not first <= capability < beyond:
                return False
        # A T4 has no BF16, and neither engine takes it then; Ollama and TEI do.
        if capability < 8 and self.framework not in ("ollama", "tei-cuda"):
            return False
        if machine.count == 1:
            return True
        if self.framework == "ollama" or not self.row["heads"]:
            return False
        split = machine.count
        heads, kv = int(self.row["heads"]), int(self.row["kv_heads"] or self.row["heads"])
        mla = self.row["attention"].startswith("mla")
        vocabulary = int(self.row["vocab"] or 0)
        return heads % split == 0 and (mla or kv % split == 0 or split % kv == 0) and vocabulary % split == 0

    def machines(self, machines):
        """Names, the smallest that has room first; none larger than four times that."""
        if self.weights is None or self.kv is None or (takes_context(self.framework) and not self.context):
            return []
        fitting = sorted((each for each in machines if self.fits(each)), key=Machine.order)
        if not fitting:
            return []
        return [each.name for each in fitting if each.size <= 4 * fitting[0].size][:MOST_MACHINES]
