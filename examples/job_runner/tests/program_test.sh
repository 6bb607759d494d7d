#!/usr/bin/env bash
# program_test.sh PROGRAM: what a shell sees of it.
set -euo pipefail
program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*"; sed 's/^/    /' "$dir/out"; exit 1; }
run() { # wanted exit code, arguments...
  local wanted=$1 code=0
  shift
  "$program" "$@" >"$dir/out" 2>&1 || code=$?
  [[ $code == "$wanted" ]] || fail "$*: exit code $code in the place of $wanted"
}
shows() { grep -qF -- "$1" "$dir/out" || fail "not shown: $1"; }

printf 'foobar' >"$dir/file"

echo '- all done: exit code 0, and each job and its result is shown'
printf 'hash %s\nsleep 1\n' "$dir/file" >"$dir/jobs"
run 0 "$dir/jobs" --per-second 0
shows "1  done   hash $dir/file: 85944171f73967e8"
shows '2 done, 0 failed'

echo '- the standard input is read'
run 0 <<<'sleep 1'
shows '1 done, 0 failed'

echo '- some failed: exit code 1, and they are listed'
run 1 --retries 1 --pause 1 - <<<'fail 1'
shows '1  FAIL   fail 1: failed, as it was asked to; again in'
shows 'given up after 2 attempts'
shows '  line 1: fail 1: failed, as it was asked to'

echo '- bad input: exit code 2, no job is run, and all bad lines are named'
run 2 - <<<$'sleep 1\nsleep x\njump'
shows 'no job was run'
shows 'standard input:2: expected milliseconds'
shows "standard input:3: expected 'hash FILE'"
if grep -q start "$dir/out"; then fail 'a job was started'; fi
run 2 "$dir/missing"
shows "cannot open $dir/missing"
run 2 --at-once 0
run 0 --help
