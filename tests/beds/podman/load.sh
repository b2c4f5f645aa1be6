#!/bin/bash
# load.sh TAR...: brings images into the podman that runs, as load.sh of the Kubernetes bed does.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../run.sh"
for tar in "$@"; do "$run/p/podman" load --quiet --input "$tar" > /dev/null; done
