# shellcheck shell=bash
# Sourced by the scripts that start and end beds. Everything a running bed writes is below one folder with a short name
# (paths of unix sockets are limited to 107 bytes). Give beds that run side by side all five of their own:
run=$(realpath -m "${MLIB_BED_RUN:-/tmp/mb}")
port=${MLIB_BED_PORT:-7440}    # the first of five
net=${MLIB_BED_NET:-10.250.0}  # the /24 that joins this machine (.1) to the cluster's network namespace (.2)
pods=${MLIB_BED_PODS:-10.244.0} # the /24 of the cluster's pods
bridge=${MLIB_BED_BRIDGE:-10.249.0} # the /24 of podman's containers

# note PID NAME: remembers a process that has to be ended, in $dir/pids.
note() { echo "$1 $(cut -d' ' -f22 "/proc/$1/stat") $2" >> "$dir/pids"; }

# stop PID START: ends the process if it is still the one that started then; at once, since nothing it holds is kept.
stop() {
  same "$1" "$2" || return 0
  kill -9 "$1" 2> /dev/null
  while same "$1" "$2"; do sleep 0.05; done
}
same() { # PID START: still that process, and not one that only waits to be reaped?
  local at
  read -r -a at 2> /dev/null < "/proc/$1/stat" && [ "${at[21]}" = "$2" ] && [ "${at[2]}" != Z ]
}

# stop_naming TEXT COMM: ends the processes called COMM* whose command line has TEXT.
stop_naming() {
  local cmd pid
  for cmd in $(grep -lsaF -- "$1" /proc/[0-9]*/cmdline); do
    pid=${cmd#/proc/} pid=${pid%/cmdline}
    case $(cat "/proc/$pid/comm" 2> /dev/null) in "$2"*) kill -9 "$pid" 2> /dev/null ;; esac
  done
}

# unmount FOLDER: everything mounted below it, newest first.
unmount() {
  awk -v at="$1/" 'index($2, at) == 1 {print $2}' /proc/mounts | tac | while read -r at; do umount -l "$at"; done
}

# await SECONDS WHAT COMMAND...: until the command succeeds; fails early when the newest noted process has ended.
await() {
  local end=$((SECONDS + $1)) what=$2 pid name
  shift 2
  until "$@" > /dev/null 2>&1; do
    read -r pid _ name <<< "$(tail -n 1 "$dir/pids")"
    kill -0 "$pid" 2> /dev/null || { echo "$name ended:" >&2; tail -n 5 "$dir/log/$name.log" >&2; exit 1; }
    [ $SECONDS -lt "$end" ] || { echo "no $what after its time; see $dir/log" >&2; exit 1; }
    sleep 0.1
  done
}
