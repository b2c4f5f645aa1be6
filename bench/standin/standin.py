"""Starts the stand-in of the original under uvicorn, in an environment of its own in the cache folder."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("MLIB_CACHE", pathlib.Path.home() / ".cache" / "model-library"))
ORIGINALS = {"ArchitectureCard": 3, "ModelCard": 3, "DeploymentCard": 5, "ModelDeploymentTemplateCard": 4}


def python():
    """The interpreter of the environment, which is made when it is not there (from the package index)."""
    wanted = (HERE / "requirements.txt").read_text()
    folder = CACHE / f"standin-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r",
                        HERE / "requirements.txt"], check=True, timeout=600)
        (folder / "ready").write_text("")
    return folder / "bin" / "python"


class Standin:
    """The stand-in on `port`, with the original's cards out of `get_all` (the answer of mlib)."""

    def __init__(self, port, get_all, prefix=(), log_level="info"):
        self.port, self.prefix, self.log_level = port, list(prefix), log_level
        self.cards = {name: get_all[name][:count] for name, count in ORIGINALS.items()}

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="mlib-standin-")
        data = pathlib.Path(self.home.name)
        (data / "cards.json").write_text(json.dumps(self.cards))
        shutil.copytree(HERE / "manifests", data / "manifests")
        self.log = open(data / "log", "wb")
        self.process = subprocess.Popen(
            [*self.prefix, python(), "-B", "-m", "uvicorn", "app:app", "--port", str(self.port), "--app-dir", HERE,
             "--log-level", self.log_level], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, "STANDIN_DATA": str(data)})
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        self.home.cleanup()
