#!/bin/bash
# tests/fuzz/build.sh [TARGET...]: builds the fuzzers into build/fuzz with the address and undefined-behaviour sanitizers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p build/fuzz
targets=("$@")
[ $# -gt 0 ] || targets=(gguf safetensors front_matter hugging_face original tokenizer_gguf tokenizer_json expression yaml)
flags=(-std=c++20 -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -Isrc -Itests/fuzz)
coverage=(-fsanitize-coverage=trace-pc,trace-cmp)
engine=/usr/lib/llvm-14/lib/libFuzzer.a # Debian's libfuzzer-14-dev
[ -e "$engine" ] || { echo "tests/fuzz/build.sh: apt-get install libfuzzer-14-dev" >&2; exit 2; }
compile() { # SOURCE OBJECT FLAG...
  ccache g++ "${flags[@]}" "${@:3}" -c "$1" -o "$2"
}
objects=()
for source in src/base/{problem,sha256,text}.cpp src/schema/*.cpp \
  src/formats/*.cpp src/cards/{library,expression,expression_parse,expression_literals,field_type}.cpp; do
  [[ $source != *_test.cpp ]] || continue
  object=build/fuzz/$(tr / _ <<< "${source#src/}").o
  compile "$source" "$object" "${coverage[@]}"
  objects+=("$object")
done
compile tests/fuzz/coverage.cpp build/fuzz/coverage.o -fno-sanitize=all
for target in "${targets[@]}"; do
  compile "tests/fuzz/$target.cpp" "build/fuzz/target_$target.o" "${coverage[@]}"
  g++ -fsanitize=address,undefined -Wl,--allow-multiple-definition "build/fuzz/target_$target.o" "${objects[@]}" build/fuzz/coverage.o "$engine" \
    -lfmt -lboost_json -lfyaml -lcrypto -lpthread -lre2 -o "build/fuzz/$target"
done
