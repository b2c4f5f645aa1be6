#!/bin/bash
# down.sh: ends the containers and the service of up.sh, and removes all they wrote, mounted and made. What podman
# itself leaves on a machine stays: the chains of packet filter rules that all its containers share.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../run.sh"
dir=$run/p
[ -e "$dir/pids" ] || { echo "no podman is up in $dir"; exit 0; }
if [ "$(id -u)" != 0 ] && [ -e "$dir/podman" ]; then # as root they end with their process namespace
  timeout 60 "$dir/podman" pod rm --all --force --time 0 > /dev/null 2>> "$dir/log/down.log"
  timeout 60 "$dir/podman" rm --all --force --time 0 > /dev/null 2>> "$dir/log/down.log"
fi
containers=$(cd "$dir/root/overlay-containers" 2> /dev/null && ls -d ???????????????????????????????????????????????????????????????? 2> /dev/null)
while read -r pid start _; do stop "$pid" "$start"; done < <(tac "$dir/pids")
unmount "$dir"

# What podman would have removed with the containers outside of their namespaces.
for id in $containers; do
  find /sys/fs/cgroup -depth -type d -path "*/libpod_parent/*$id*" -exec rmdir {} + 2> /dev/null
done
chains=""
for table in filter nat; do
  while read -r rule; do
    [[ $rule =~ NETAVARK(-DN)?-([0-9A-F]{13}) ]] && chains+=" ${BASH_REMATCH[2]}"
    eval "iptables -w -t $table ${rule/#-A/-D}"
  done < <(iptables-save -t $table 2> /dev/null | grep -E "^-A .*(${bridge//./\\.}\.|name: mb$port )")
done
for chain in $(xargs -n1 <<< "$chains" | sort -u); do
  for name in "NETAVARK-$chain" "NETAVARK-DN-$chain"; do
    iptables -w -t nat -F "$name" 2> /dev/null && iptables -w -t nat -X "$name"
  done
done
ip link del "mbp$port" 2> /dev/null
[ -z "${MLIB_BED_KEEP:-}" ] || { mkdir -p "$MLIB_BED_KEEP" && cp -r "$dir/log" "$MLIB_BED_KEEP/podman"; }
rm -rf "$dir"
rmdir "$run" 2> /dev/null
exit 0
