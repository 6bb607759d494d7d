#!/usr/bin/env bash
# Plants each bug of tests/planted in a copy of the sources and shows what finds it; see --help.
set -uo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
bash cmake/planted_bugs.sh [NAME...]
  For each of tests/planted/NAME.patch (all without NAMEs): applies it to a copy of the sources,
  builds what is needed and runs, until one fails,
    the simulation: sim_tests, its long tests with up to TROUPE_SEEDS (10000) seeds
    the unit tests: core_tests and net_tests
  A bug in a lock-free part is looked for by the model checker before: model_tests; one in what
  reads bytes by the fuzz targets, each with TROUPE_SEEDS random scripts. Prints a table, and after
  it, without NAMEs, that of the weakened memory orders. Exit status 1 if all but the unit tests
  find less than 95 %, or a patch does not apply.
PLANTED_DIR holds the copy and its build: build/planted by default. CXX chooses the compiler.
HELP
}

case "${1:-}" in -h | --help) usage && exit ;; esac

root=$PWD
dir=${PLANTED_DIR:-$root/build/planted}
export TROUPE_SEEDS=${TROUPE_SEEDS:-10000}
readonly time_limit=600 # seconds; what takes longer hangs
names=("$@")
if [[ $# == 0 ]]; then
  for p in tests/planted/*.patch; do names+=("$(basename "$p" .patch)"); done
fi

# The copy. Only files that differ are copied, and get a new time, so that little is built again.
parts=(core net tests cmake CMakeLists.txt CMakePresets.json)
mkdir -p "$dir/tree"
find "${parts[@]}" -type f | while read -r file; do
  cmp -s "$file" "$dir/tree/$file" || install -D -m 644 "$file" "$dir/tree/$file"
done
(cd "$dir/tree" && find . -type f) | while read -r file; do
  [[ -e $file ]] || rm "$dir/tree/$file"
done
cd "$dir/tree" || exit 1
CXX=${CXX:-clang++-19} cmake --preset check -B "$dir/build" -DTROUPE_EXAMPLES=OFF -DTROUPE_CAF=OFF \
  > "$dir/configure.log" || exit 1

build() { cmake --build "$dir/build" -j2 --target "$1" > "$dir/build.log" 2>&1; }

# run PROGRAM TESTS: true if they pass. What they say stays in run.log.
run() {
  { timeout -k 5 "$time_limit" "$dir/build/tests/$1" "$2" > "$dir/run.log" 2>&1; } 2> /dev/null
}

# attempt KIND PROGRAM TESTS: true if the bug is found; sets `by`, `how_fast` and `says`.
attempt() {
  local start=$EPOCHREALTIME status seed
  says=''
  run "$2" "$3"
  status=$?
  [[ $status == 0 ]] && return 1
  by=$1
  how_fast=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }')
  seed=$(grep -ao 'TROUPE_SEED=[0-9]*' "$dir/run.log" | head -1 | cut -d= -f2)
  says=$(grep -a '^the simulation failed: \|^not found: \|^broken: ' "$dir/run.log" | head -1 |
    sed 's/^\(the simulation failed\|broken\): //; s/^at [0-9.]* s\( on [a-z]*\)\?: //')
  [[ -z $says ]] && says=$(grep -aA1 'FAILED:' "$dir/run.log" | sed -n 2p | xargs -0 echo -n)
  [[ $status -ge 124 && -z $says ]] && says="ended with status $status"
  [[ -n $seed ]] && how_fast="seed $seed, $how_fast"
  return 0
}

find_bug() { # patch
  if grep -q '^+++ .*\(runtime/[a-z_]*\|troupe/push_list\|outbound_queue\)\.hpp' "$1"; then
    build model_tests || return 2
    attempt 'model checker' model_tests '*' && return
  fi
  if grep -q '^+++ .*net/src/\(wire\|protocol\)/' "$1"; then
    for harness in handshake_fuzz connection_fuzz pair_fuzz; do
      build "$harness" || return 2
      attempt 'fuzz target' "$harness" '' && return
    done
  fi
  build sim_tests || return 2
  attempt 'simulation' sim_tests 'a tree of supervisors*' && return
  attempt 'simulation' sim_tests 'a cluster*' && return
  TROUPE_SEEDS=100 attempt 'simulated test' sim_tests '~a cluster*' && return
  build core_tests || return 2
  attempt 'unit test' core_tests '*' && return
  build net_tests || return 2
  attempt 'unit test' net_tests '*'
}

row() { printf '%-32s %-15s %-20s %s\n' "$@"; }

build sim_tests || { cat "$dir/build.log"; exit 1; }
found=0
broken=0
row bug 'found by' 'how fast' 'what it says'
for name in "${names[@]}"; do
  patch=$root/tests/planted/$name.patch
  by='' how_fast='' says=''
  if ! patch -p1 -s -f --dry-run < "$patch" > /dev/null; then
    row "$name" 'DOES NOT APPLY' '' ''
    broken=1
    continue
  fi
  patch -p1 -s -f --no-backup-if-mismatch < "$patch" > /dev/null
  find_bug "$patch"
  case $? in
    0) row "$name" "$by" "$how_fast" "${says:0:110}" ;;
    1) row "$name" 'NOTHING' '' '' ;;
    2)
      row "$name" 'DOES NOT BUILD' '' "$(grep -am1 'error:' "$dir/build.log")"
      broken=1
      ;;
  esac
  [[ -n $by && $by != *test ]] && ((++found))
  patch -p1 -s -f -R --no-backup-if-mismatch < "$patch" > /dev/null
done
share=$((100 * found / ${#names[@]}))
printf '\n%d of %d found by simulation, model checker or fuzz targets: %d %%\n' \
  "$found" "${#names[@]}" "$share"
if [[ $# == 0 ]]; then
  build model_tests && "$dir/build/tests/model_tests" --mutations
fi
((share >= 95 && broken == 0))
