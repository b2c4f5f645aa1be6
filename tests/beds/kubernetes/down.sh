#!/bin/bash
# down.sh: ends what up.sh started, by process id, newest first, and removes all it wrote, mounted and made: also after
# an up.sh that did not get to its end. Logs stay in $MLIB_BED_KEEP, a folder, if that is set.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../run.sh"
dir=$run/k
[ -e "$dir/pids" ] || { echo "no cluster is up in $dir"; exit 0; }
# Volumes lie outside of $dir: the controller manager makes them in /tmp/hostpath_pv.
volumes=$("$("$here/../build" kubernetes)/kubectl" --kubeconfig "$dir/admin.conf" --request-timeout 3s get pv \
  -o jsonpath='{range .items[*]}{.spec.hostPath.path}{"\n"}{end}' 2> /dev/null | grep '^/tmp/hostpath_pv/')

end_containers() { # while containerd still runs, and after the kubelet, which would start them again
  local c=(ctr --address "$dir/node/containerd.sock" --namespace k8s.io) task
  for task in $("${c[@]}" tasks ls -q 2> /dev/null); do "${c[@]}" tasks rm -f "$task" > /dev/null 2>&1 & done
  wait
}
while read -r pid start name; do
  [ "$name" != containerd ] || end_containers
  stop "$pid" "$start"
done < <(tac "$dir/pids")

if [ -e "$dir/netns" ]; then
  ns=$(cat "$dir/netns")
  stop_naming "$dir/node/containerd.sock" containerd-shim # they outlive containerd
  unmount "$dir"
  # A killed process leaves its cgroup a moment later.
  for _ in $(seq 50); do
    find /sys/fs/cgroup -mindepth 1 -depth -type d -path "/sys/fs/cgroup/*$ns*" -exec rmdir {} + 2> /dev/null
    [ -n "$(find /sys/fs/cgroup -mindepth 1 -type d -path "/sys/fs/cgroup/*$ns*" -print -quit)" ] || break
    sleep 0.1
  done
  ip netns del "$ns" 2> /dev/null # takes the pair of interfaces, routes and rules with it
  ip link del "v$ns" 2> /dev/null
fi
[ -z "$volumes" ] || xargs -d '\n' rm -rf <<< "$volumes"
rmdir /tmp/hostpath_pv 2> /dev/null
[ -z "${MLIB_BED_KEEP:-}" ] || { mkdir -p "$MLIB_BED_KEEP" && cp -r "$dir/log" "$MLIB_BED_KEEP/kubernetes"; }
rm -rf "$dir"
rmdir "$run" 2> /dev/null
exit 0
