# Sourced: `build PRESET [TARGET...]` configures once and builds; ccache is shared between checkouts.
build() {
  local top preset=$1
  top=$(git rev-parse --show-toplevel)
  shift
  export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1
  [ -f "$top/build/$preset/build.ninja" ] || (cd "$top" && cmake --preset "$preset" > "/tmp/cmake-$$.log" 2>&1 || { cat "/tmp/cmake-$$.log" >&2; return 1; })
  nice ninja -C "$top/build/$preset" "$@"
}
