# shellcheck shell=bash
# Sourced by ./dev: the parts of a test run, what each took, and the summary at the end.
source "$mlib_root/tools/build.sh"
logs=$mlib_root/build/test-logs
lines=()       # of the summary
failed_logs=() # to show at the end
passed=0 failed=0 skipped=0

seconds() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.1f", (b - a) / 1e9}'; }

# part NAME COMMAND...: runs it with its output in a log; gives its exit code.
part() {
  local name=$1 log=$logs/${1//[^a-zA-Z0-9]/-}.log began rc=0
  shift
  began=$(date +%s%N)
  "$@" > "$log" 2>&1 < /dev/null || rc=$?
  took=$(seconds "$began" "$(date +%s%N)")
  part_log=$log
  return $rc
}

report() { # passed|FAILED|skipped NAME SECONDS [REMARK]
  local line
  line=$(printf '%-8s %8s s  %s' "$1" "$3" "$2${4:+  ($4)}")
  lines+=("$line")
  echo "$line"
}

# step NAME COMMAND...: a part that is one test.
step() {
  if part "$@"; then
    passed=$((passed + 1))
    report passed "$1" "$took"
  else
    failed=$((failed + 1))
    failed_logs+=("$part_log")
    report FAILED "$1" "$took"
    return 1
  fi
}

# GCC 12's thread sanitizer refuses addresses that are too random.
plain() { # PRESET COMMAND...
  if [ "$1" = tsan ] && setarch -R true 2> /dev/null; then setarch -R "${@:2}"; else "${@:2}"; fi
}

# compile PRESET [TARGET...]: a part of its own, since nothing after it makes sense without it.
compile() { step "build $1" build "$@"; }

# ctest_part PRESET LABELS: every test of ctest counts.
ctest_part() {
  local rc=0 result name time
  part "tests $1" plain "$1" ctest --test-dir "$mlib_root/build/$1" --label-regex "$2" --no-tests=error --output-on-failure \
    --parallel "$(nproc)" --timeout 900 || rc=$?
  while read -r name result time; do
    case $result in
      Passed) passed=$((passed + 1)) result=passed ;;
      Skipped | Disabled) skipped=$((skipped + 1)) result=skipped ;;
      *) failed=$((failed + 1)) result=FAILED ;;
    esac
    report $result "$1 $name" "$time"
  done < <(sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.*[ *]*([A-Za-z]+).* ([0-9.]+) sec.*/\1 \2 \3/p' "$part_log")
  [ $rc = 0 ] || failed_logs+=("$part_log")
  [ $rc = 0 ] || [ $failed -gt 0 ] || failed=1
  return $rc
}

# end_to_end_tests [light]: their names; light ones need no bed.
end_to_end_tests() {
  local name
  for name in $(grep -l '^if __name__ == "__main__":' "$mlib_root"/tests/e2e/*.py); do
    if [ "${1:-}" = light ] && grep -qE 'bed\.(Podman|Cluster|build|weights)\(' "$name"; then continue; fi
    basename "$name" .py
  done
}

# end_to_end PRESET NAME...: one after another, on the program of that preset unless MLIB names another. One that
# fails is run once more, and the summary says so: a race must neither hide nor stop everything.
end_to_end() {
  local preset=$1 name rc try program=${MLIB:-$mlib_root/build/$1/mlib}
  shift
  for name in "$@"; do
    for try in 1 2; do
      rc=0
      MLIB=$program part "e2e $preset $name $try" plain "$preset" \
        timeout --foreground --kill-after=90 900 /usr/bin/python3 -B "$mlib_root/tests/e2e/$name.py" || rc=$?
      [ $rc != 0 ] && [ $rc != 77 ] && [ $try = 1 ] || break
      report again "$preset e2e $name" "$took" "$(head -n 1 "$part_log" | cut -c1-150)"
    done
    local title="$preset e2e $name" remark
    remark=$(grep -m1 'claims held' "$part_log" || true)
    [ $try = 1 ] || remark="passed at the second try; the first: ${part_log%2.log}1.log"
    case $rc in
      0) passed=$((passed + 1)) && report passed "$title" "$took" "$remark" ;;
      77) skipped=$((skipped + 1)) && report skipped "$title" "$took" "$(head -n 1 "$part_log")" ;;
      *) failed=$((failed + 1)) && failed_logs+=("$part_log") && report FAILED "$title" "$took" ;;
    esac
  done
}

summary() { # the end of every run; gives 1 when something failed
  local log
  for log in "${failed_logs[@]}"; do
    printf '\n===== %s =====\n' "${log#"$mlib_root"/}"
    case $log in */e2e-*) head -n 40 "$log" ;; *) tail -n 80 "$log" ;; esac
  done
  printf '\n===== summary, %s s =====\n' "$SECONDS"
  printf '%s\n' "${lines[@]}" | grep -v '^passed' || true
  printf '%s\n' "${lines[@]}" | grep '^passed' || true
  echo "$passed passed, $failed failed, $skipped skipped"
  [ $failed -eq 0 ]
}
