#!/usr/bin/env bash
# program_test.sh PROGRAM: what its user sees.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() { echo "FAILED: $1"; echo "${2:-}"; cat "$log"; exit 1; }

said=$(printf '%s\n' 'the cat and the dog' 'a 100%' 'The mouse' 'the 50%' 'a%20cat' |
  timeout 50 "$1" 2>"$log") || fail "it ended with status $?"
wanted='      3 the
      2 cat
      1 a
      1 and
      1 dog
      1 mouse
lines lost in crashes: 2'
[[ $said == "$wanted" ]] || fail 'it has counted otherwise:' "$said"
# A sanitizer ends the program with a status, where there would be a signal.
grep -qE 'lost the line `a 100%`.*(signal 11|status)' "$log" || fail 'the log does not tell the crash'

said=$(timeout 50 "$1" </dev/null 2>"$log") || fail "it ended with status $?"
[[ -z $said ]] || fail 'it counts what is not there:' "$said"
