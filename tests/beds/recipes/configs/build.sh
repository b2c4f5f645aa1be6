# out/ORG--NAME_config.json: the config.json of about ninety models of the hub as people published them, which the PyPI
# wheel aiconfigurator-core (Apache-2.0, NVIDIA) carries; `mlib import` is tried on them (tests/e2e/importing.py).
say "downloading aiconfigurator-core, 82 MB"
retry 4 /usr/bin/python3 -m pip download --quiet --no-input --disable-pip-version-check --no-deps --require-hashes \
  --only-binary :all: --platform manylinux_2_28_x86_64 --python-version 3.11 --implementation cp --abi abi3 \
  --requirement "$recipe/requirements.txt" --dest dl
/usr/bin/python3 - << 'PY'
import glob, os, zipfile
with zipfile.ZipFile(glob.glob("dl/*.whl")[0]) as wheel:
    for name in wheel.namelist():
        file = os.path.basename(name)
        if "/model_configs/" in name and file.endswith("_config.json") and not file.endswith("_hf_quant_config.json"):
            with open("out/" + file, "wb") as out:
                out.write(wheel.read(name))
PY
[ "$(ls out | wc -l)" -ge 80 ]
