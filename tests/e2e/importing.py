"""Cards from files: GGUF files of the beds beside the reference reader (PyPI gguf), a Hugging Face folder, and the
original's cards from a running server; what comes out validates.

    importing.py [FILE.gguf...]    other GGUF files to compare, too
"""
import http.server
import json
import pathlib
import sys
import tempfile
import threading

import bed

REFERENCE = """
import json, sys
from gguf import GGUFReader
reader = GGUFReader(sys.argv[1])
facts = {}
for name, field in reader.fields.items():
    facts[name] = len(field.data) if len(field.types) > 1 else field.contents()
tensors = reader.tensors
facts["elements"] = sum(int(tensor.n_elements) for tensor in tensors)
facts["tensors"] = len(tensors)
print(json.dumps(facts, default=str))
"""
PAIRS = {  # of a card's spec -> the reference's fields, the architecture before the dot
    ("context_length",): "context_length", ("shape", "layers"): "block_count", ("shape", "hidden"): "embedding_length",
    ("shape", "heads"): "attention.head_count", ("shape", "kv_heads"): "attention.head_count_kv",
    ("shape", "head_size"): "attention.key_length"}


def imported(*arguments):
    done = bed.run(bed.MLIB, "import", *arguments, "-o", "json")
    bed.claim(done.code == 0, f"mlib import {arguments[-1]} succeeds", done)
    return json.loads(done.out)


def compare(file, site):
    """The card's numbers are those of the reference reader."""
    done = bed.run("/usr/bin/python3", "-B", "-c", REFERENCE, file, env={"PYTHONPATH": str(site)})
    bed.claim(done.code == 0, f"the reference reader reads {file.name}", done)
    facts = json.loads(done.out)
    card = imported("--as", "it", file)["cards"][0]["spec"]
    architecture = facts.get("general.architecture")
    for path, name in PAIRS.items():
        theirs = facts.get(f"{architecture}.{name}")
        if not isinstance(theirs, int):
            continue
        ours = card
        for step in path:
            ours = ours.get(step, {}) if isinstance(ours, dict) else None
        bed.claim(ours == theirs or theirs < 1, f"{file.name}: {'.'.join(path)} is {theirs}", ours)
    bed.claim(card.get("parameters", 0) == facts["elements"], f"{file.name}: {facts['elements']} parameters", card)
    if f"{architecture}.vocab_size" not in facts and facts.get("tokenizer.ggml.tokens"):
        ours = card["shape"].get("vocabulary")
        bed.claim(ours == facts["tokenizer.ggml.tokens"], f"{file.name}: {facts['tokenizer.ggml.tokens']} tokens", ours)


def folder(work):
    """A Hugging Face folder becomes a card that validates."""
    where = work / "tiny-llama"
    where.mkdir()
    (where / "config.json").write_text(json.dumps({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "vocab_size": 100,
        "torch_dtype": "bfloat16"}))
    (where / "README.md").write_text("---\nlicense: apache-2.0\npipeline_tag: text-generation\n---\n# Tiny\n")
    card = work / "tiny.yaml"
    done = bed.run(bed.MLIB, "import", where, "--framework", "vllm", "--to", card)
    bed.claim(done.code == 0 and card.exists(), "a folder is imported into a file", done)
    bed.claim("hidden size / heads" in done.err, "the report says what was guessed", done)
    done = bed.run(bed.MLIB, "validate", card)
    bed.claim(done.code == 0, "the imported card validates", done)
    before = card.read_text()
    done = bed.run(bed.MLIB, "import", where, "--framework", "vllm", "--to", card)
    bed.claim(done.code == 5 and card.read_text() == before, "no file is written over", done)


TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config")
STATED = {("shape", "layers"): "num_hidden_layers", ("shape", "hidden"): "hidden_size",
          ("shape", "heads"): "num_attention_heads", ("shape", "vocabulary"): "vocab_size",
          ("context_length",): "max_position_embeddings"}


def stated(config, key):
    """What the configuration says, of its text part first."""
    for part in [config.get(name) for name in TEXT_PARTS] + [config]:
        if isinstance(part, dict) and part.get(key) is not None:
            return part[key]
    return None


def at(card, path):
    for step in path:
        card = card.get(step, {}) if isinstance(card, dict) else {}
    return None if card == {} else card


def real_configs(work):
    """The published configurations of about ninety models: each is imported, says what it says, and validates; where
    the catalogue has the same model, both agree."""
    files = sorted(pathlib.Path(bed.build("configs")).glob("*_config.json"))
    if bed.instrumented():
        files = files[::6]
    shipped = {card["spec"].get("repository"): card["spec"]
               for card in json.loads(bed.need(bed.mlib("get", "models", "-o", "json"), "get models").out)}
    cards, wrong, compared, differ = work / "real", [], 0, []
    cards.mkdir()
    for number, file in enumerate(files):
        repository = file.name.removesuffix("_config.json").replace("--", "/", 1)
        folder = work / "config"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_bytes(file.read_bytes())
        done = bed.run(bed.MLIB, "import", folder, "--as", f"real-{number}", "--framework", "vllm", "-o", "json")
        if done.code != 0:
            wrong.append((repository, done.err))
            continue
        got = json.loads(done.out)
        spec, config = got["cards"][0]["spec"], json.loads(file.read_text())
        for path, key in STATED.items():
            padding = path == ("context_length",) and "roberta" in config.get("model_type", "")  # some positions are its
            if isinstance(stated(config, key), int) and at(spec, path) != stated(config, key) and not padding:
                wrong.append((repository, key, stated(config, key), at(spec, path)))
        (cards / f"real-{number}.yaml").write_text(json.dumps(got["cards"][0]))
        for path in [("shape", "layers"), ("shape", "heads"), ("shape", "kv_heads"), ("shape", "hidden"),
                     ("shape", "experts")]:
            ours, theirs = at(shipped.get(repository, {}), path), at(spec, path)
            compared += ours is not None
            if None not in (ours, theirs) and ours != theirs:
                differ.append((repository, path[-1], ours, theirs))
    bed.claim(len(files) >= 15 and not wrong, f"{len(files)} published configurations are imported as they say", wrong[:5])
    bed.claim(compared > len(files) and not differ, f"{compared} figures of shipped cards are as published", differ[:5])
    done = bed.run(bed.MLIB, "validate", cards)
    bed.claim(done.code == 0, "what comes out validates", done)


def original():
    """Cards of a running original, over HTTP."""
    architecture = {"id": "x", "deployment_yaml": "unknown.yaml", "name": "X", "description": "", "tags": {},
                    "health_endpoint": None}
    card = {"id": "7", "architecture": architecture, "params": {"hf_repo_id": "a/b", "hf_filename": "c.gguf"}}
    answer = json.dumps({"ArchitectureCard": [architecture], "ModelCard": [card], "DeploymentCard": [
        {"id": "8", "params": {"num_cpus": 4, "ram_memory": "12Gi"}}], "ModelDeploymentTemplateCard": []}).encode()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/get_all" else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        got = imported("--framework", "llama-cpp-server", url)
        kinds = [each["kind"] for each in got["cards"]]
        bed.claim(kinds == ["Model", "Hardware"], "the original's cards are taken from /get_all", got)
        uri = got["cards"][0]["spec"]["sources"][0]["uri"]
        bed.claim(uri == "hf://a/b/c.gguf", "its weights become a source", got)
        done = bed.run(bed.MLIB, "import", f"{url}/nothing")
        bed.claim(done.code == 1 and "answers 404" in done.err, "another answer is told", done)
    finally:
        server.shutdown()
        server.server_close()


def own_server(work):
    """A server of ours answers in the original's shape, which has lost what its cards need."""
    with bed.Server(env={"CONTAINER_HOST": f"unix://{work}/none"}) as server:
        done = bed.run(bed.MLIB, "import", f"{server.url}/get_all", "--to", work / "all.yaml")
        bed.claim(done.code == 2 and "a Model Library's cards" in done.err, "a Model Library is not imported", done)
        bed.claim("mlib get model NAME -o yaml" in done.err, "what to do instead is told", done)
        bed.claim(not (work / "all.yaml").exists(), "no file is written")


def test():
    site = pathlib.Path(bed.build("gguf")) / "site"
    files = [pathlib.Path(each) for each in sys.argv[1:]] or [bed.weights() / "made-llama.gguf"]
    cache = pathlib.Path(bed.build("gguf")).parent
    files += sorted(cache.glob("gemma-*/*.gguf"))[:1]  # real weights, where somebody has fetched them
    for file in files:
        compare(file, site)
    with tempfile.TemporaryDirectory(prefix="mlib-import-") as work:
        folder(pathlib.Path(work))
        real_configs(pathlib.Path(work))
        own_server(pathlib.Path(work))
    original()


if __name__ == "__main__":
    bed.main(test)
