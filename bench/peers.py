"""GuideLLM, AIPerf and inference-perf, each in an environment of its own in the cache folder, run against the stub."""
import glob
import json
import os
import pathlib
import shutil
import subprocess

CACHE = pathlib.Path(os.environ.get("MLIB_CACHE", pathlib.Path.home() / ".cache" / "model-library")) / "peers"
PACKAGES = {"guidellm": "guidellm==0.8.1", "aiperf": "aiperf==0.13.0", "inference-perf": "inference-perf==0.7.0"}

# None of the three starts without a tokenizer; this one takes a word for a token.
TOKENIZER = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
words = ["<unk>", "<s>", "</s>", "word", "hello"] + [f"w{i}" for i in range(2000)]
made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
fast = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>")
fast.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
fast.save_pretrained(sys.argv[1])
"""


def python():
    """A Python that all three install on: 3.12 or 3.13 (Debian 12 has 3.11; inference-perf wants 3.12)."""
    named = [path for version in ("3.12", "3.13") for path in
             [shutil.which(f"python{version}"), *sorted(glob.glob(f"{pathlib.Path.home()}/.pyenv/versions/{version}*/bin/python3"))]]
    for path in named:
        if path and subprocess.run([path, "-c", "import venv, ssl"], capture_output=True).returncode == 0:
            return path
    return None


def install():
    """The names of those that are there, installed from the package index when they are not (8 GB)."""
    there = []
    for name, package in PACKAGES.items():
        folder = CACHE / package
        if not (folder / "ready").exists():
            found = python()
            if not found:
                print(f"loadgen: {package} is not measured: there is no Python 3.12", flush=True)
                continue
            print(f"loadgen: installing {package} into {folder}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([found, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", package], check=True)
            (folder / "ready").write_text("")
        there.append(name)
    if there and not (CACHE / "tokenizer" / "tokenizer.json").exists():
        subprocess.run([CACHE / PACKAGES[there[0]] / "bin" / "python", "-c", TOKENIZER, CACHE / "tokenizer"], check=True,
                       capture_output=True)
    return there


def program(name):
    return str(CACHE / PACKAGES[name] / "bin" / name)


def guidellm(url, folder, tokens, seconds, rate):
    """`rate` None: as many as 64 at once can."""
    profile = f"kind=constant,rate={rate}" if rate else "kind=concurrent,streams=64"
    return [program("guidellm"), "run", "--backend", f"kind=openai_http,target={url},model=stub", "--profile", profile,
            "--constraint", f"kind=max_duration,seconds={seconds}", "--tokenizer", f"kind=huggingface_auto,model={CACHE / 'tokenizer'}",
            "--data", f"kind=synthetic_text,prompt_tokens=16,output_tokens={tokens}",
            "--output", f"kind=json,path={folder}/out.json", "--disable-console"], {"HF_HUB_OFFLINE": "1", "GUIDELLM__MAX_WORKER_PROCESSES": "1"}


def aiperf(url, folder, tokens, seconds, rate):
    load = ["--request-rate", str(rate), "--arrival-pattern", "constant"] if rate else ["--concurrency", "64"]
    return [program("aiperf"), "profile", "-m", "stub", "-u", url, "--endpoint-type", "chat", "--streaming",
            "--tokenizer", str(CACHE / "tokenizer"), "--use-server-token-count", *load, "--benchmark-duration", str(seconds),
            "--isl", "16", "--osl", str(tokens), "--osl-stddev", "0", "--artifact-dir", folder, "--ui", "none",
            "--workers-max", "1", "--record-processors", "1"], {}


def inference_perf(url, folder, tokens, seconds, rate):
    load = ({"type": "constant", "interval": 0, "stages": [{"rate": rate, "duration": seconds}]} if rate else
            {"type": "concurrent", "interval": 0, "stages": [{"concurrency_level": 64, "num_requests": 300 * seconds}]})
    config = {"api": {"type": "chat", "streaming": True}, "data": {"type": "mock"},
              "load": {**load, "num_workers": 1, "worker_max_concurrency": 1000},
              "server": {"type": "vllm", "model_name": "stub", "base_url": url, "ignore_eos": True},
              "tokenizer": {"pretrained_model_name_or_path": str(CACHE / "tokenizer")},
              "storage": {"local_storage": {"path": folder}},
              "report": {"request_lifecycle": {"summary": True, "per_stage": True, "per_request": False}}}
    path = pathlib.Path(folder) / "config.json"
    path.write_text(json.dumps(config))
    return [program("inference-perf"), "-c", str(path)], {"HF_HUB_OFFLINE": "1"}


def picked(values, p50="p50", scale=1):
    return {"p50": scale * values[p50], "p99": scale * values["p99"]}


# What each calls what we call TTFT (from sending) and TPOT, milliseconds.
def of_guidellm(folder):
    metrics = json.loads((pathlib.Path(folder) / "out.json").read_text())["benchmarks"][0]["metrics"]
    return {ours: picked(metrics[theirs]["successful"]["percentiles"])
            for ours, theirs in (("ttft", "time_to_first_token_ms"), ("tpot", "inter_token_latency_ms"))}


def of_aiperf(folder):
    told = json.loads((pathlib.Path(folder) / "profile_export_aiperf.json").read_text())
    return {"ttft": picked(told["time_to_first_token"]), "tpot": picked(told["inter_token_latency"])}


def of_inference_perf(folder):
    told = json.loads((pathlib.Path(folder) / "summary_lifecycle_metrics.json").read_text())["successes"]["latency"]
    return {ours: picked(told[theirs], "median", 1000)
            for ours, theirs in (("ttft", "time_to_first_token"), ("tpot", "time_per_output_token"))}


PEERS = {"guidellm": (guidellm, of_guidellm), "aiperf": (aiperf, of_aiperf), "inference-perf": (inference_perf, of_inference_perf)}
