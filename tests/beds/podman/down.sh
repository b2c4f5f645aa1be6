#!/bin/bash
# down.sh: ends the containers and the service of up.sh, and removes all they wrote, mounted and made. What podman
# itself leaves on a machine stays: its empty chains of packet filter rules.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../run.sh"
dir=$run/p
[ -e "$dir/pids" ] || { echo "no podman is up in $dir"; exit 0; }
timeout 60 "$dir/podman" pod rm --all --force --time 0 > /dev/null 2>> "$dir/log/down.log"
timeout 60 "$dir/podman" rm --all --force --time 0 > /dev/null 2>> "$dir/log/down.log"
while read -r pid start _; do stop "$pid" "$start"; done < <(tac "$dir/pids")
stop_naming "$dir/" conmon # of containers that podman no longer knows; what they hold ends with them
stop_naming "$dir/" podman
unmount "$dir"
ip link del "mbp$port" 2> /dev/null
[ -z "${MLIB_BED_KEEP:-}" ] || { mkdir -p "$MLIB_BED_KEEP" && cp -r "$dir/log" "$MLIB_BED_KEEP/podman"; }
rm -rf "$dir"
rmdir "$run" 2> /dev/null
exit 0
