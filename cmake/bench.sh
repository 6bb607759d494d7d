#!/usr/bin/env bash
# Measures troupe beside CAF and Erlang/OTP; see --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
bash cmake/bench.sh [--rounds N] [NAME...]
  Builds troupe-bench in build/release and runs it by turns with the same workloads on CAF and
  Erlang/OTP (tests/bench/peers) where these are installed: five rounds, so that what else the
  machine does meets all alike. Prints the medians, the ratios and whether the targets are met
  (tests/bench/targets.txt), then what it costs to compile programs that use troupe.
  NAME     workloads, or local, or remote; `troupe-bench --list` names them. All if none is given.
  Also written: build/release/bench.jsonl (every figure), bench.json (medians), bench.svg (a chart).
CXX chooses the compiler: clang++-19 by default, g++-14 where that is missing.
HELP
}

rounds=5
names=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --rounds) rounds=${2:?--rounds takes a number} && shift ;;
    -h | --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) names+=("$1") ;;
  esac
  shift
done

CXX=${CXX:-$(command -v clang++-19 || command -v g++-14)}
export CXX
build=build/release
cmake --preset release -DTROUPE_CAF=OFF -DTROUPE_EXAMPLES=OFF >/dev/null
cmake --build $build --target troupe-bench cost_of

# Which of the peers' two groups has what was asked for.
local=no remote=no
for name in "${names[@]:-all}"; do
  [[ $name == remote* ]] || local=yes
  [[ $name != remote* && $name != all ]] || remote=yes
done
case $local$remote in
  yesyes) peers=all ;;
  yesno) peers=local ;;
  *) peers=remote ;;
esac

# Only figures of workloads that troupe has run: peers run their whole group.
figures=$build/bench.jsonl
: >$figures
for ((round = 1; round <= rounds; ++round)); do
  echo "== round $round of $rounds" >&2
  $build/tests/bench/troupe-bench --json "${names[@]}" >>$figures
  bash tests/bench/peers/run.sh $build/peers $peers >$build/peers.jsonl ||
    echo "a peer has failed: what it has not measured is left out of this round" >&2
  awk -F'"' 'FNR == NR {own[$8]; next} $8 in own' $figures $build/peers.jsonl >$build/peers_own.jsonl
  cat $build/peers_own.jsonl >>$figures
done

medians=$build/bench.tsv
awk -f tests/bench/medians.awk $figures >$medians
awk -v json=yes -f tests/bench/table.awk tests/bench/targets.txt $medians >$build/bench.json
awk -f tests/bench/chart.awk $medians >$build/bench.svg
echo
echo "$(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), medians of $rounds rounds"
awk -f tests/bench/table.awk tests/bench/targets.txt $medians
echo
bash tests/bench/compile/time.sh "$PWD/$build/tests/bench/cost_of" $build/compile_time
