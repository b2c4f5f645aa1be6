#!/bin/bash
# up.sh: a podman of its own: storage, state, configuration and network are all in $MLIB_BED_RUN/p, so that nothing
# here touches the user's containers. Starts `podman system service` and prints the URL of its socket;
# $MLIB_BED_RUN/p/podman is the command for it. down.sh ends it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../run.sh"
dir=$run/p
[ ! -e "$dir/pids" ] || { echo "a podman is up in $dir (down.sh ends it)" >&2; exit 1; }
mkdir -p "$dir/log" "$dir/networks" "$dir/tmp"
: > "$dir/pids"

# crun, podman's default, cannot run on a host whose cgroups are not wholly of version 2.
runtime=crun
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || runtime=runc
cat > "$dir/containers.conf" << TOML
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "$runtime"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "$dir/tmp"
network_cmd_path = ""
[network]
network_backend = "netavark"
network_config_dir = "$dir/networks"
default_network = "mb$port"
TOML
cat > "$dir/storage.conf" << TOML
[storage]
driver = "overlay"
graphroot = "$dir/root"
runroot = "$dir/run"
rootless_storage_path = "$dir/root"
TOML
# The default network has a name, a bridge and addresses of its own. The name matters: netavark calls its chains of
# packet filter rules after it, and two podmans that start containers at once stumble over each other's. A few chains
# they have in common; netavark's check for those is a race, too, so they are made here.
cat > "$dir/networks/mb$port.json" << JSON
{"name": "mb$port", "id": "$(printf '%064d' "$port")", "driver": "bridge", "network_interface": "mbp$port",
 "created": "2026-01-01T00:00:00Z", "ipv6_enabled": false, "internal": false, "dns_enabled": false,
 "subnets": [{"subnet": "$bridge.0/24", "gateway": "$bridge.1"}],
 "ipam_options": {"driver": "host-local"}}
JSON
# As root the service is the first process of a process and mount namespace of its own: with it end, whatever happens,
# its containers and their mounts, and what podman and its runtime keep in /run.
enter="" begin=()
if [ "$(id -u)" = 0 ]; then
  iptables -w -N NETAVARK_FORWARD 2> /dev/null || true
  for chain in DNAT MASQ SETMARK; do iptables -w -t nat -N "NETAVARK-HOSTPORT-$chain" 2> /dev/null || true; done
  mkdir -p /run/netns /run/runc /run/crun
  reaper=$(command -v catatonit || echo /usr/libexec/podman/catatonit)
  begin=(unshare --mount --pid --fork --kill-child sh -c "mount -t proc proc /proc
    for name in netns runc crun; do mount -t tmpfs bed /run/\$name; done
    exec $reaper -- \"\$@\"" sh)
fi
export CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf
cd "$dir/tmp" # conmon may leave a file in the working directory
"${begin[@]}" podman system service --time 0 "unix://$dir/s" > "$dir/log/service.log" 2>&1 < /dev/null &
service=$!
note $service service
disown $service
await 30 "podman socket" curl -sf --max-time 2 --unix-socket "$dir/s" http://d/v4.0.0/libpod/_ping
if [ "$(id -u)" = 0 ]; then
  first=$(pgrep -P $service)
  note "$first" containers
  enter="nsenter --target $first --mount --pid --"
fi
cat > "$dir/podman" << SH
#!/bin/sh
CONTAINERS_CONF=$CONTAINERS_CONF CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF \\
  exec $enter sh -c 'cd "$dir/tmp" && exec podman "\$@"' sh "\$@"
SH
chmod +x "$dir/podman"
echo "unix://$dir/s"
