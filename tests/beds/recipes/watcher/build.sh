# out/site: the official Kubernetes client for Python with what it imports, for PYTHONPATH (tests/standins/kube_watcher).
pinned
/usr/bin/python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore --no-index --no-deps \
  --no-compile --target out/site dl/*
PYTHONPATH=out/site /usr/bin/python3 -B -c "from kubernetes import client, config, utils"
