#!/usr/bin/env bash
# bash cmake/bench_instructions.sh: how many instructions the hot paths take, counted by callgrind, so
# that two versions can be compared without the noise of time. Needs valgrind (apt-get install
# valgrind), which is not among the packages that are installed for the tests.
#
# A count is the difference of two runs of troupe-bench, with one worker, of which one does more work;
# start and end cancel out.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || {
  echo 'bench_instructions.sh counts with valgrind: apt-get install valgrind' >&2
  exit 1
}
CXX=${CXX:-$(command -v clang++-19 || command -v g++-14)}
export CXX
build=build/release
cmake --preset release -DTROUPE_CAF=OFF -DTROUPE_EXAMPLES=OFF >/dev/null
cmake --build $build --target troupe-bench

# Instructions of a run: all, or with a pattern those inside of functions of that name.
count() { # workload, scale, [pattern]
  valgrind --tool=callgrind --callgrind-out-file=$build/callgrind.out ${3:+--toggle-collect="$3"} \
    $build/tests/bench/troupe-bench "$1" --workers 1 --scale "$2" >$build/callgrind.log 2>&1 ||
    { cat $build/callgrind.log >&2 && exit 1; }
  awk '/^(summary|totals):/ {print $2; exit}' $build/callgrind.out
}
per_operation() { # workload, operations of a full run, [pattern]
  local small large
  small=$(count "$1" 0.01 "${3:-}")
  large=$(count "$1" 0.03 "${3:-}")
  awk -v s="$small" -v l="$large" -v n="$2" 'BEGIN {printf "%.1f", (l - s) / (0.02 * n)}'
}

send=$(per_operation fan_in 6400000 '*send_burst*')
both=$(per_operation fan_in 6400000)
call=$(per_operation call 1000000)
spawn=$(per_operation spawn_idle 1000000 '*spawn_all*')
receive=$(awk -v b="$both" -v s="$send" 'BEGIN {printf "%.1f", b - s}')

row() { printf '%-10s %10s   %s\n' "$@"; }
row operation instructions ''
row send "$send" 'fan_in: context::send to a process of the same worker'
row receive "$receive" 'fan_in: a turn'"'"'s share, the match, the handler, the node freed'
row call "$call" 'call: request, the server'"'"'s turn, reply, the caller'"'"'s turn'
row spawn "$spawn" 'spawn_idle: context::spawn of a coroutine without arguments'
