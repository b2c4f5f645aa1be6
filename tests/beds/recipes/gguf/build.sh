# out/site: the reference reader of GGUF files (PyPI gguf), for PYTHONPATH (tests/e2e/importing.py).
pinned
/usr/bin/python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore --no-index --no-deps \
  --no-compile --target out/site dl/*
PYTHONPATH=out/site /usr/bin/python3 -B -c "from gguf import GGUFReader"
