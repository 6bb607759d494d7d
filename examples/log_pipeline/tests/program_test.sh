#!/usr/bin/env bash
# program_test.sh PROGRAM: what its user sees.
set -euo pipefail
program=$1
sample=$(dirname "$0")/../sample.log

fail() { echo "FAILED: $1"; echo "$2"; exit 1; }
expect() { # what is to be there, output
  grep -qE -- "$1" <<<"$2" || fail "no line like: $1" "$2"
}

for run in file stdin; do
  if [[ $run == file ]]; then out=$("$program" "$sample"); else out=$("$program" <"$sample"); fi
  expect '^web-1 +0 +2 +0 +1$' "$out"
  expect '^db-1 +0 +1 +1 +0$' "$out"
  expect '^line 5 is not TIME HOST LEVEL TEXT: this line has lost its head$' "$out"
  expect '^7 lines, 1 malformed, 0 lost in crashes$' "$out"
done

# A source that is slower than the pipeline: what is there is counted without waiting for more.
out=$( (cat "$sample"; sleep 0.2; cat "$sample") | "$program")
expect '^14 lines, 2 malformed, 0 lost in crashes$' "$out"

# Slow aggregators hold the reader back.
out=$(for i in $(seq 2000); do echo "t host-$((i % 7)) INFO message $i"; done |
  "$program" --slow 1 --max-demand 10 --buffer 20)
expect '^2000 lines, 0 malformed, 0 lost in crashes$' "$out"
most=$(sed -nE 's/^at most ([0-9]+) lines were in flight; the limit is 80$/\1/p' <<<"$out")
((most > 0 && most <= 80)) || fail "too many lines were in flight" "$out"

if out=$("$program" /no/such/file 2>&1); then fail "a file that is not there is read" "$out"; fi
expect 'cannot open /no/such/file' "$out"
