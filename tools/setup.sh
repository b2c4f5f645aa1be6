# shellcheck shell=bash
# Sourced: gives `setup [program|containers|cluster]`, which installs what tools/packages.txt names and this machine lacks.
setup_packages=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/packages.txt

# retry TRIES COMMAND...: runs it until it succeeds, with pauses of 5, 15, 45, ... seconds in between.
retry() {
  local tries=$1 try pause=5
  shift
  for ((try = 1; ; try++)); do
    "$@" && return
    [ "$try" -lt "$tries" ] || return 1
    echo "try $try of $tries failed: $*; again in $pause s" >&2
    sleep "$pause"
    pause=$((pause * 3))
  done
}

setup_missing() { # program|containers|cluster: the packages of that part and those before it that are not installed
  local wanted
  case $1 in
    program) wanted=$(sed '/^# containers$/,$d' "$setup_packages") ;;
    containers) wanted=$(sed '/^# cluster$/,$d' "$setup_packages") ;;
    *) wanted=$(cat "$setup_packages") ;;
  esac
  wanted=$(grep -v '^#' <<< "$wanted")
  comm -23 <(sort <<< "$wanted") \
    <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2> /dev/null | awk '$1 == "ii" {print $2}' | sort -u)
}

setup() { # program|containers|cluster: 0 when nothing is missing afterwards
  local missing=() as_root=()
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    echo "setup: this is no Debian or Ubuntu; have what tools/packages.txt names" >&2
    return 0
  fi
  mapfile -t missing < <(setup_missing "${1:-cluster}")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo > /dev/null; then
      echo "setup: needs these packages, as root:  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}" >&2
  retry 4 "${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update >&2 || return
  retry 4 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${missing[@]}" >&2 || return
  mapfile -t missing < <(setup_missing "${1:-cluster}")
  [ ${#missing[@]} -eq 0 ] || { echo "setup: still missing: ${missing[*]}" >&2; return 1; }
}
