#!/usr/bin/env bash
# program_test.sh PROGRAM: a run of two minutes, in three seconds, with a fault.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT

said=$(timeout 50 "$1" --seconds 120 --speed 40 --fault 60 --press 20 2>"$log") || {
  echo "FAILED: it ended with status $?"
  cat "$log"
  exit 1
}
for wanted in 'main road: green' 'side road: green' 'pedestrians: green' 'main road: amber'; do
  grep -q "$wanted" <<<"$said" || { echo "FAILED: no '$wanted' in: $said" && exit 1; }
done
grep -q 'crashed: error std::runtime_error: short circuit' "$log" ||
  { echo 'FAILED: the log tells no crash:' && cat "$log" && exit 1; }
