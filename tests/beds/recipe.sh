# shellcheck shell=bash
# Sourced before a recipe runs: what recipes may use. A recipe runs in an empty folder, with $bed its name,
# $recipe its own files, and leaves what it makes in out/.
source "$beds_here/../../tools/setup.sh" # retry
source "$beds_here/image.sh"

say() { echo "$bed: $*" >&3; }

# pinned: downloads what $recipe/requirements.txt names, checked against the hashes there, into dl/.
pinned() {
  local python=/usr/bin/python3
  [ -x $python ] || python=python3
  say "downloading $(sed 's/ .*//; /^$/d; /^#/d' "$recipe/requirements.txt" | xargs)"
  retry 4 "$python" -m pip download --quiet --no-input --disable-pip-version-check --no-deps --require-hashes \
    --requirement "$recipe/requirements.txt" --dest dl
}

# percent: reads ninja's lines and says every tenth percent of them.
percent() {
  local line last=0 now
  while IFS= read -r line; do
    echo "$line"
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    now=$((BASH_REMATCH[1] * 10 / BASH_REMATCH[2]))
    [ "$now" = "$last" ] || say "$((now * 10)) % compiled"
    last=$now
  done
}
