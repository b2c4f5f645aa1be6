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
    value = field.contents()
    facts[name] = len(value) if isinstance(value, list) else value
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
    bed.claim(f"mlib import {arguments[-1]} succeeds", done.code == 0, done)
    return json.loads(done.out)


def compare(file, site):
    """The card's numbers are those of the reference reader."""
    done = bed.run("/usr/bin/python3", "-B", "-c", REFERENCE, file, env={"PYTHONPATH": str(site)})
    bed.claim(f"the reference reader reads {file.name}", done.code == 0, done)
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
        bed.claim(f"{file.name}: {'.'.join(path)} is {theirs}", ours == theirs or theirs < 1, ours)
    bed.claim(f"{file.name}: {facts['elements']} parameters", card.get("parameters", 0) == facts["elements"], card)
    if f"{architecture}.vocab_size" not in facts and facts.get("tokenizer.ggml.tokens"):
        ours = card["shape"].get("vocabulary")
        bed.claim(f"{file.name}: {facts['tokenizer.ggml.tokens']} tokens", ours == facts["tokenizer.ggml.tokens"], ours)


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
    done = bed.run(bed.MLIB, "import", where, "--framework", "llama-cpp-server", "--to", card)
    bed.claim("a folder is imported into a file", done.code == 0 and card.exists(), done)
    bed.claim("the report says what was guessed", "hidden size / heads" in done.err, done)
    done = bed.run(bed.MLIB, "validate", card)
    bed.claim("the imported card validates", done.code == 0, done)
    before = card.read_text()
    done = bed.run(bed.MLIB, "import", where, "--framework", "llama-cpp-server", "--to", card)
    bed.claim("no file is written over", done.code == 5 and card.read_text() == before, done)


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
        bed.claim("the original's cards are taken from /get_all", kinds == ["Model", "Hardware"], got)
        uri = got["cards"][0]["spec"]["sources"][0]["uri"]
        bed.claim("its weights become a source", uri == "hf://a/b/c.gguf", got)
        done = bed.run(bed.MLIB, "import", f"{url}/nothing")
        bed.claim("another answer is told", done.code == 1 and "answers 404" in done.err, done)
    finally:
        server.shutdown()
        server.server_close()


def test():
    site = pathlib.Path(bed.build("gguf")) / "site"
    files = [pathlib.Path(each) for each in sys.argv[1:]] or [bed.weights() / "made-llama.gguf"]
    cache = pathlib.Path(bed.build("gguf")).parent
    files += sorted(cache.glob("gemma-*/*.gguf"))[:1]  # real weights, where somebody has fetched them
    for file in files:
        compare(file, site)
    with tempfile.TemporaryDirectory(prefix="mlib-import-") as work:
        folder(pathlib.Path(work))
    original()


if __name__ == "__main__":
    bed.main(test)
