#!/bin/bash
# tests/fuzz/run.sh TARGET [RUNS]: runs a fuzzer on a copy of its seeds; what it finds lies in build/fuzz/found/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$1 runs=${2:-1000000}
mkdir -p "build/fuzz/corpus/$target" build/fuzz/found
cp -n tests/fuzz/seeds/"$target"/* "build/fuzz/corpus/$target/" 2> /dev/null || true
exec nice -n 19 "build/fuzz/$target" -runs="$runs" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="build/fuzz/found/$target-" "build/fuzz/corpus/$target"
