#!/bin/bash
# load.sh TAR...: brings images into the node of the cluster that runs; pods name them with imagePullPolicy Never or
# IfNotPresent. For example: load.sh "$(tests/beds/build engine)/image.tar"
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../run.sh"
for tar in "$@"; do
  ctr --address "$run/k/node/containerd.sock" --namespace k8s.io images import "$tar" > /dev/null
done
