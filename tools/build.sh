# shellcheck shell=bash
# Sourced: gives `build PRESET [TARGET...]`, which configures build/PRESET once and builds the targets.
# One ccache serves every clone and worktree: paths below the root are hashed as relative ones.
mlib_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CCACHE_BASEDIR=$mlib_root CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-10G}

build() { # PRESET [TARGET...]
  local preset=$1 folder=$mlib_root/build/$1
  shift
  if [ ! -e "$folder/build.ninja" ]; then
    mkdir -p "$folder"
    (cd "$mlib_root" && nice cmake --preset "$preset") > "$folder/configure.log" 2>&1 ||
      { cat "$folder/configure.log" >&2; return 1; }
  fi
  nice ninja -C "$folder" -j "${MLIB_JOBS:-$(nproc)}" "$@"
}
