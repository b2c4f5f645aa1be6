"""`mlib bench template` on the real engine by podman, as somebody at a terminal sees it, on several hardware cards, with the
original's instructions, and beside somebody else who needs the machine.
"""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time

import bed
from bench_template import LOAD, TEMPLATE, User, left_of

COLUMNS = 120
LIVE = re.compile(r"\[([#-]{10})\] ([0-9.e+]+)/s offered ([0-9.e+]+)/s done (\d+) errors \d+ out"
                  r"(?: TTFT ([0-9.e+]+) ms)?(?: TPOT ([0-9.e+]+) ms)?")


class Terminal:
    """A command whose terminal this is."""

    def __init__(self, words, env):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        self.process = subprocess.Popen([bed.MLIB, *words], env={**os.environ, **env, "TERM": "xterm"}, stdin=slave, stdout=slave,
                                        stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = ""

    def read(self, until, seconds):
        """What it has shown, once that was among it or it has ended."""
        end = time.monotonic() + seconds
        while until not in self.seen and time.monotonic() < end:
            if not select.select([self.master], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # of a terminal that nobody has open any more
                break
            if not piece:
                break
            self.seen += piece.decode(errors="replace")
        return self.seen

    def type(self, keys):
        os.write(self.master, keys)

    def end(self, seconds=60):
        """Its exit code."""
        self.read("\0", seconds)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 124
        finally:
            os.close(self.master)


def is_watched(user, left):
    """The bar and the live line, then Ctrl-C typed."""
    load = ("--rate", "5", "--prompt-tokens", "16", "--max-tokens", "32", "--ignore-end")
    terminal = Terminal(user.bench_words(*load, "--duration", "4s"), user.env)
    code = terminal.end(120)
    lines = [LIVE.search(line) for line in terminal.seen.split("\r\x1b[K")]
    lines = [line for line in lines if line]
    bed.claim(code in (0, 1) and len(lines) >= 3, "on a terminal a live line is shown again and again", terminal.seen[-3000:])
    done = [line[1].count("#") for line in lines]
    bed.claim(done == sorted(done) and done[-1] >= 6 > done[0], "behind a bar that fills", done)
    offered, achieved = ([float(line[at]) for line in lines] for at in (2, 3))
    bed.claim(all(0 < rate < 30 for rate in offered[1:]) and achieved[-1] > 0, "with the offered and the achieved rate",
              (offered, achieved))
    bed.claim(all(any(line[at] and 0 < float(line[at]) < 60e3 for line in lines) for at in (5, 6)) and lines[-1][4] == "0",
              "TTFT, TPOT and errors", [line[0] for line in lines])
    bed.claim(all(len(line[0]) < COLUMNS for line in lines) and "\n[" not in terminal.seen, "on one line", terminal.seen[-2000:])
    plain = user.bench(*load, "--duration", "2s")
    bed.claim(plain.code in (0, 1) and not re.search(r"\[[#-]+\]|\x1b|\r", plain.err) and "/s offered" in plain.err,
              "elsewhere there is no bar, but plain lines", plain.err)
    before = user.results()
    terminal = Terminal(user.bench_words(*load, "--duration", "60s"), user.env)
    terminal.read("/s done", 90)
    terminal.type(b"\x03")
    code = terminal.end()
    bed.claim(code == 130 and not left() and not user.recorded() and user.results() == before,
              "Ctrl-C in the middle ends it with nothing left and no result, exit code 130", f"{code} {left()} {terminal.seen[-2000:]}")


def chooses_hardware(user, left):
    before = user.results()
    viable = user.bench(*LOAD, "--hardware", "viable", "-o", "json")
    points = json.loads(viable.out) if viable.code == 0 else []
    bed.claim([each["subject"]["hardware"] for each in points] == ["cpu-tiny", "cpu-small"] and not left(),
              "--hardware viable measures each hardware that the template names", viable)
    limits = [each["subject"]["hardware_seen"].get("limit_cpus") for each in points]
    bed.claim(limits == ["0.5", "2"], "which its container is limited to", limits)
    several = user.bench(*LOAD, "--hardware", "cpu-small", "--hardware", "cpu-service")
    bed.claim("[1/2] hardware=cpu-small: measured already" in several.err and "[2/2] hardware=cpu-service" in several.err,
              "several --hardware are measured one after another, what is done not again", several)
    bed.claim(several.out.count("hardware=cpu-") == 2 and len(user.results()) == len(before) + 3 and not left(), "and kept",
              (several.out, user.results()))


def instructs(user, left):
    done = user.bench("--users", "1", "--requests", "25", "--instructions", "--max-tokens", "4", "--warm-up", "0", "-o", "json")
    result = json.loads(done.out) if done.out else {"workload": {}, "counts": {}}
    bed.claim(result["workload"].get("prompts") == "instructions" and result["counts"].get("good") == 25 and not left(),
              "the original's 25 instructions are asked", done)
    exact = user.bench(*LOAD, "--tokenizer", user.home / "weights", "-o", "json")
    result = json.loads(exact.out) if exact.out else {"workload": {}}
    bed.claim(result["workload"].get("prompt_length") == "exact" and not left(), "prompts are counted by the model's tokenizer", exact)


def is_crowded(user, left):
    """Somebody else takes the machine in the middle of a run."""
    words = user.bench_words("--users", "1", "--duration", "6s", "--prompt-tokens", "16", "--max-tokens", "4")
    before = user.results()
    process = subprocess.Popen([bed.MLIB, *words], env={**os.environ, **user.env}, text=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    for line in process.stderr:
        if "measuring http://" in line:
            break
    spin = ["sh", "-c", "while :; do :; done"]
    others = [subprocess.Popen(spin) for _ in range(os.cpu_count())]
    try:
        process.stderr.read()
        process.wait(60)
    finally:
        for each in others:
            each.kill()
            each.wait()
        process.stderr.close()
    made = [name for name in user.results() if name not in before]
    text = " ".join((user.catalogue / "benchmarks" / TEMPLATE / made[0]).read_text().split()) if made else ""
    bed.claim(re.search(r"something else ran there: [0-9.]+ of \d+ cores of \S+ were in use by others during the run", text) and
              not left(), "others who take the machine in the middle make the result suspect", text[:3000])


def test():
    with bed.Podman() as podman, tempfile.TemporaryDirectory(prefix="mlib-e2e-") as home:
        podman.load("engine")
        user, left = User(home, "podman", podman.env), left_of(podman)
        is_watched(user, left)
        chooses_hardware(user, left)
        instructs(user, left)
        is_crowded(user, left)
        bed.claim(user("validate").code == 0, "all results are sound", user("validate"))


if __name__ == "__main__":
    bed.main(test)
