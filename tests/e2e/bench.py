"""Measuring the real engine through podman: the client's figures against the engine's own `timings`, exact lengths against its
own count, the result in all its forms, Ctrl-C, a client that is stopped, a trace twice, certificates, comparison, search,
an engine with an API of its own, and what cannot be measured.
"""
import csv
import http.server
import io
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import bed

sys.path.insert(0, str(bed.ROOT / "tests" / "llm_d"))
import json_schema  # noqa: E402
import llm_d_report  # noqa: E402

TOKENS, REQUESTS = 32, 48
BOUND = 0.1  # the engine counts from its first token, we from when it came here


def weights(folder):
    """Made weights that take some milliseconds a token: of those of the bed, tokens come faster than a busy client sees."""
    recipe = (bed.BEDS / "recipes/weights/made_gguf.py").read_text()
    larger = recipe.replace("LAYERS, WIDTH, CONTEXT, HEADS = 2, 64, 2048, 4", "LAYERS, WIDTH, CONTEXT, HEADS = 6, 256, 2048, 4")
    assert larger != recipe
    path = pathlib.Path(folder) / "made-llama.gguf"
    bed.need(bed.run("/usr/bin/python3", "-B", "-", path, input=larger), "make weights")
    return path


def timings(url):
    """The engine's own tokens a second for one answer."""
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": TOKENS, "ignore_eos": True}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["timings"]["predicted_per_second"]


def agrees(mlib, url):
    """One user: tokens a second, by us and by the engine, in the same seconds."""
    before = [timings(url) for _ in range(5)]
    done = mlib("bench", "endpoint", url, "--requests", REQUESTS, "--max-tokens", TOKENS, "--ignore-end", "--prompt-tokens", "16",
                "--slo", "ttft_p50=20s", "--price-per-hour", "1", "--template", "tiny-llama-test", "-o", "json")
    after = [timings(url) for _ in range(5)]
    if not bed.claim(done.code in (0, 1) and done.out, "it measures a deployment's endpoint", done):
        raise bed.Failure("nothing was measured")
    result = json.loads(done.out)
    metrics, counts = result["metrics"], result["counts"]
    ours = 1000 / metrics["tpot"]["p50"]["value"]
    own = metrics["engine_tokens_per_second"]["value"]
    theirs = statistics.median(before + after)
    bed.note(f"tokens a second of one answer: {ours:.0f} by us, {own:.0f} by the engine of the same answers, "
             f"{theirs:.0f} by the engine of ten others")
    bed.claim(abs(ours / own - 1) < BOUND, f"tokens a second agree with the engine's timings to {BOUND:.0%}", (ours, own))
    bed.claim(counts["offered"] == counts["good"] == REQUESTS and counts["failed"] == 0, "every request is told of", counts)
    bed.claim(counts["output_tokens"] == REQUESTS * TOKENS and counts["usage"], "and every token, as the engine counts them", counts)
    bed.claim(metrics["ttft"]["count"] == REQUESTS and metrics["ttft"]["p90"]["low"] <= metrics["ttft"]["p90"]["value"]
              and metrics["ttft"]["p99"]["none"] == "not enough samples (needs 459)",
              "percentiles have intervals, or say what they need", metrics["ttft"])
    bed.claim(metrics["e2e"]["mean"] > metrics["ttft"]["mean"] > 0 and metrics["output_token_throughput"]["value"] > 0
              and metrics["cost_per_million_output_tokens"]["unit"] == "USD", "latencies, throughput, cost", metrics)
    bed.claim(result["objective"][0]["holds"] == "yes" and result["objective"][0]["of"] == REQUESTS, "the objective is judged",
              result["objective"])
    subject = result["subject"]
    bed.claim(subject["engine"] and subject["engine_version"] and subject["hardware"] == "cpu-tiny", "it says what was measured",
              subject)
    bed.claim(result["workload"]["model"] and result["client"]["position"] == "same-machine" and result["client"]["cores"] > 0
              and result["verdict"]["validity"] in ("valid", "suspect", "invalid") and result["load"]["users"] == 1,
              "with load, client and verdict", result)
    return done.out, result


def counts_exactly(mlib, url, tokenizer):
    """The engine counts as many tokens as were asked for, and the one that begins every text."""
    for tokens in (1, 2, 7, 64, 301):
        done = mlib("bench", "endpoint", url, "--protocol", "completions", "--tokenizer", tokenizer, "--prompt-tokens", tokens,
                    "--requests", "8", "--warm-up", "0", "--max-tokens", "2", "--users", "2", "-o", "json")
        result = json.loads(done.out) if done.out else {"counts": {"prompt_tokens": 0, "good": 0}, "workload": {}}
        bed.claim(result["counts"]["good"] == 8 and result["counts"]["prompt_tokens"] == 8 * (tokens + 1)
                  and result["workload"]["prompt_length"] == "exact",
                  f"prompts of exactly {tokens} tokens, as the engine counts", (result["counts"], done.err))
    told = mlib("bench", "endpoint", url, "--tokenizer", tokenizer, "--requests", "4", "--max-tokens", "2")
    bed.claim("exact by" in " ".join(told.out.split()) and str(tokenizer) in "".join(told.out.split()), "and the result says by which file", told)
    told = mlib("bench", "endpoint", url, "--requests", "4", "--max-tokens", "2")
    bed.claim("Lengths of prompts are estimated" in told.out, "without a tokenizer they are estimated, and it says so", told)


def stalls(url, env):
    """A client that is stopped again and again says that its figures may be off."""
    process = subprocess.Popen([bed.MLIB, "bench", "endpoint", url, "--users", "1", "--duration", "4s", "--max-tokens", "64", "-o",
                                "json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stderr.readline()
    process.stderr.readline()  # the load has begun
    for _ in range(6):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.06)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
    out, err = process.communicate(timeout=30)
    verdict = json.loads(out)["verdict"] if out else {}
    bed.claim(verdict.get("validity") in ("suspect", "invalid") and any("the client stalled: at one of 200" in reason or
              "the client was not there" in reason for reason in verdict["reasons"]), "a stalled client says so", (verdict, err))


def replays(mlib, url, folder):
    trace, like = pathlib.Path(folder) / "trace.csv", pathlib.Path(folder) / "like.json"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
        f"2023-11-16 18:17:0{i}.{i}79960{i},{20 + i},{2 + i}\n" for i in range(4)))
    first = mlib("bench", "endpoint", url, "--prompts", trace, "-o", "json")
    like.write_text(first.out)
    trace.unlink()
    again = mlib("bench", "endpoint", url, "--like", like, "-o", "json")
    results = [json.loads(each.out) if each.out else {"load": {}, "counts": {}} for each in (first, again)]
    bed.claim(all(each["counts"].get("good") == 4 and each["load"].get("arrivals") == "trace" for each in results) and
              results[0]["load"]["schedule_sha256"] == results[1]["load"]["schedule_sha256"],
              "a trace is replayed from its result", (first.err, again.err, results))


class Answers(http.server.BaseHTTPRequestHandler):
    """One model, one word."""
    protocol_version = "HTTP/1.1"

    def reply(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply("application/json", b'{"data":[{"id":"made"}]}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply("text/event-stream", b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n')

    def log_message(self, *_):
        pass


def trusts(mlib, folder):
    """An https endpoint by a certificate that no authority has signed."""
    server, certificate = bed.https_server("127.0.0.1", Answers, folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}"
    short = ("--requests", "3", "--max-tokens", "1", "-o", "json")
    refused = mlib("bench", "endpoint", url, *short)
    bed.claim(refused.code == 7 and "the certificate is refused" in refused.err and "--ca" in refused.err, "a certificate that nobody vouches for is refused",
              refused)
    for words in (("--ca", certificate), ("--insecure",)):
        done = mlib("bench", "endpoint", url, *words, *short)
        bed.claim(done.out and json.loads(done.out)["counts"]["good"] == 3, f"and trusted with {words[0]}", done)
    server.shutdown()


class OwnApi(http.server.BaseHTTPRequestHandler):
    """An engine with an API of its own: other names, lines for a stream, a key."""
    protocol_version = "HTTP/1.1"
    asked = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers.get("Authorization"), body))
        words = body["how"]["most"]
        text = "".join(json.dumps({"piece": {"said": "word "}}) + "\n" for _ in range(words))
        text += json.dumps({"end": "full", "count": {"out": words, "in": 3}}) + "\n"
        if not body["flow"]:
            text = json.dumps({"answer": "word " * words, "end": "full", "count": {"out": words, "in": 3}})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


OWN_API = """\
apiVersion: model-library/v1
kind: Protocol
metadata: {name: own}
calls:
  own:
    path: /talk?v=2
    body: {ask: {text: $prompt}, how: {most: $max_tokens, kind: plain}, flow: $stream_or_not}
    answer: {text: [/answer], finish: [/end]}
    stream: {framing: lines, text: [/piece/said]}
    usage: {prompt: [/count/in], output: [/count/out]}
"""


def speaks(mlib, cards, folder):
    """An engine whose API is a file of the catalogue."""
    (cards / "protocols/own.yaml").write_text(OWN_API)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OwnApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    key = pathlib.Path(folder) / "key"
    key.write_text("canary-of-own\n")
    short = ("--requests", "4", "--max-tokens", "5", "--api-key-file", key, "-o", "json")
    done = mlib("bench", "endpoint", url, "--protocol", "own", *short)
    result = json.loads(done.out) if done.out else {}
    bed.claim(result and result["counts"]["good"] == 4 and result["counts"]["output_tokens"] == 20
              and result["counts"]["finish_reasons"] == {"full": 4} and result["metrics"]["ttft"]["count"] == 4,
              "an engine is measured by a protocol of the catalogue's own", done)
    path, bearer, body = OwnApi.asked[-1]
    bed.claim(path == "/talk?v=2" and body["how"] == {"most": 5, "kind": "plain"} and body["flow"] is True
              and bearer == "Bearer canary-of-own" and "canary" not in done.out + done.err,
              "which says path and body; the key is in no result", (path, body, done))
    whole = mlib("bench", "endpoint", url, "--protocol", "own", "--no-stream", *short)
    bed.claim(whole.out and json.loads(whole.out)["counts"]["output_tokens"] == 20 and OwnApi.asked[-1][2]["flow"] is False,
              "and whole answers", whole)
    kept = pathlib.Path(folder) / "own.json"
    kept.write_text(done.out)
    again = bed.mlib("bench", "endpoint", url, "--like", kept, "--state", f"{folder}/state", "-o", "json", timeout=90)
    bed.claim(again.out and json.loads(again.out)["counts"]["good"] == 4, "a result does it again without that file", again)
    unknown = mlib("bench", "endpoint", url, "--protocol", "owm", *short)
    bed.claim(unknown.code == 2 and "no protocol is called `owm`" in unknown.err and "did you mean `own`?" in unknown.err,
              "a misspelt protocol", unknown)
    (cards / "protocols/own.yaml").write_text(OWN_API.replace("$prompt", "$promt"))
    broken = mlib("validate", cards)
    bed.claim(broken.code == 2 and "protocols/own.yaml:7:" in broken.err and "did you mean `prompt`?" in broken.err,
              "a misspelt placeholder, by its place", broken)
    (cards / "protocols/own.yaml").unlink()
    server.shutdown()


def forms(mlib, url):
    """Every form holds the verdict; a short open loop is enough."""
    def bench(form):
        return mlib("bench", "endpoint", url, "--rate", "20", "--requests", "10", "--max-tokens", "8", "--prompt-tokens", "8",
                    "--seed", "5", "-o", form)
    table = bench("table")
    bed.claim(re.match(r"(valid|SUSPECT|INVALID)", table.out) and "TTFT" in table.out and "needs 44" in table.out,
              "the table begins with the verdict", table)
    bed.claim(max(map(len, table.out.splitlines())) <= 80, "and fits a terminal", table.out)
    rows = list(csv.DictReader(io.StringIO(bench("csv").out)))
    bed.claim(len(rows) > 8 and all(row["validity"] for row in rows), "csv has the verdict in every row", rows)
    page = bench("html").out
    bed.claim(page.startswith("<!doctype html>") and 'class="verdict' in page and "<svg" in page and "<script" not in page,
              "html is one page with plots", page[:500])
    report = json.loads(bench("llm-d").out)
    bed.claim(report["version"] == "0.2" and report["results"]["request_performance"]["aggregate"]["requests"]["total"] == 10,
              "llm-d's report", report)
    bed.claim(not llm_d_report.report_faults(report), "and as llm-d demands it", llm_d_report.report_faults(report))
    bed.claim('validity="' in bench("prometheus").out and bench("markdown").out.startswith("# Benchmark"), "prometheus, markdown")


def records(mlib, url):
    """Single requests, from which the result's figures can be computed again."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "requests.jsonl"
        result = json.loads(mlib("bench", "endpoint", url, "--users", "2", "--requests", "20", "--max-tokens", "8", "--ignore-end",
                                 "-o", "json", "--records", str(path)).out)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        schema = json.loads(mlib("schema", "benchmark-record").out)
        bed.claim(len(lines) == result["counts"]["good"] == 20 and {each["result"] for each in lines} == {result["id"]},
                  "a record for each request", (result["counts"], [each for each in lines if each.get("error")][:3] or lines[:2]))
        wrong = [fault for line in lines for fault in json_schema.faults(line, schema)]
        bed.claim(not wrong, "as their schema says", wrong[:3])
        wrong = list(json_schema.faults(result, json.loads(mlib("schema", "benchmark-result").out)))
        bed.claim(not wrong, "and the result as its own says", wrong[:3])
        ttft = sorted(each["first_token"] - each["scheduled"] for each in lines if not each.get("error"))
        bed.claim(abs(ttft[(len(ttft) + 1) // 2 - 1] - result["metrics"]["ttft"]["p50"]["value"]) < 0.01,
                  "the median TTFT can be computed from them", (ttft, result["metrics"]["ttft"]))
        bed.claim(all(each["events"] == sorted(each["events"]) and each["events"][0] == each["first_token"] for each in lines),
                  "each event has its instant", lines[0])
        refused = mlib("bench", "endpoint", url, "--records", f"{folder}/none/x.jsonl")
        bed.claim(refused.code == 7 and "records cannot be written there" in refused.err, "a file that cannot be written", refused)


def interrupted(mlib, url, env):
    """Ctrl-C gives what was measured until then."""
    process = subprocess.Popen([bed.MLIB, "bench", "endpoint", url, "--users", "2", "--duration", "60s", "--max-tokens", "8", "-o", "json"],
                               env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stderr.readline()
    live = process.stderr.readline()
    bed.claim("measuring" in first and "done" in live, "without a terminal progress is plain lines", first + live)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=20)
    result = json.loads(out)
    bed.claim(process.returncode == 130 and time.monotonic() - began < 5, "Ctrl-C ends it at once, exit code 130", err)
    bed.claim(result["ended"] == "interrupted" and result["counts"]["good"] > 0 and result["verdict"]["validity"] != "valid",
              "with what was measured, marked", result["counts"])


def compares(mlib, folder, text):
    for name in ("a.json", "b.json"):
        (pathlib.Path(folder) / name).write_text(text)
    same = mlib("bench", "compare", f"{folder}/a.json", f"{folder}/b.json")
    bed.claim((same.code == 0 and "no difference beyond noise" in same.out) or "not compared" in same.out,
              "a result does not differ from itself", same)


def finds(mlib, url):
    found = mlib("bench", "search", url, "--slo", "e2e_p50=20s", "--users", "1", "--duration", "1s", "--tries", "2",
                 "--max-tokens", "8", "--prompt-tokens", "8", "-o", "json")
    tries = json.loads(found.out)["tries"] if found.out else []
    bed.claim([each["load"] for each in tries][:1] == [1] and all(each["objective"] for each in tries),
              "a search tries one load after the other", found)
    near = mlib("bench", "search", url, "--slo", "e2e_p50=20s", "--users", "1", "--from", "20", "--duration", "1s", "--tries", "2",
                "--max-tokens", "8", "--prompt-tokens", "8", "-o", "json")
    loads = [each["load"] for each in json.loads(near.out)["tries"]] if near.out else []
    bed.claim(loads[:1] == [20] and all(load in (18, 20, 22) for load in loads), "from a guess it begins with small steps", near)


def refuses(mlib, url):
    def wrong(sentence, code, words, *arguments):
        done = mlib("bench", "endpoint", *arguments)
        bed.claim(done.code == code and all(word in done.err for word in words) and done.out == "", sentence, done)

    dead = f"http://127.0.0.1:{bed.free_port()}"
    wrong("a dead URL", 7, ["connection refused", "hint:"], dead)
    wrong("a model that is not served", 3, ["does not serve `gpt-5`", "hint:"], url, "--model", "gpt-5")
    wrong("two loads", 2, ["--rate and --users"], url, "--rate", "1", "--users", "1")
    wrong("an objective that is none", 2, ["--slo", "as in"], url, "--slo", "ttft=5")
    wrong("a misspelt option", 2, ["did you mean --rate?"], url, "--ratee", "1")
    wrong("a number that is none", 2, ["`fast` is not a number"], url, "--rate", "fast")
    wrong("a wrong path", 1, ["does not answer as it should", "404"], f"{url}/v1/chat/completion", "--model", "x", "--protocol", "http")


def test():
    with bed.Podman() as podman, tempfile.TemporaryDirectory(prefix="mlib-bench-") as folder:
        podman.load("engine")
        cards = pathlib.Path(folder) / "catalog"
        shutil.copytree(bed.ROOT / "catalog", cards)
        model = cards / "models/tiny-llama-test.yaml"
        model.write_text(re.sub(r"file://\S+", f"file://{weights(folder)}", model.read_text()))

        def mlib(*words):
            return bed.mlib(*words, "--catalog", cards, "--state", f"{folder}/state", env=podman.env, timeout=90)

        made = mlib("deploy", "tiny-llama-test", "--name", "demo", "--target", "podman", "--set", f"image={bed.ENGINE_IMAGE}",
                    "--set", "memory=1Gi")  # it keeps prompts that were long
        if not bed.claim(made.code == 0, "the engine is deployed", made):
            return
        url = mlib("endpoint", "demo").out.strip()
        env = {**podman.env, "HOME": folder, "PATH": "/usr/bin:/bin"}
        text, _ = agrees(mlib, url)
        counts_exactly(mlib, url, f"{folder}/made-llama.gguf")
        replays(mlib, url, folder)
        stalls(url, env)
        trusts(mlib, folder)
        speaks(mlib, cards, folder)
        forms(mlib, url)
        records(mlib, url)
        interrupted(mlib, url, env)
        compares(mlib, folder, text)
        finds(mlib, url)
        refuses(mlib, url)
        mlib("delete", "deployment", "demo", "--yes", "--with-storage")


if __name__ == "__main__":
    bed.main(test)
