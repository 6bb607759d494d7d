#!/usr/bin/env bash
# transcript_test.sh PROGRAM: what it prints is what the README shows, and it ends in order.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT

said=$(timeout 150 "$1" 2>"$log") || {
  echo "FAILED: it ended with status $?; it said:"
  printf '%s\n' "$said"
  cat "$log"
  exit 1
}

wanted=(
  'the workshop is OS process [0-9]+'
  'a process asks for 20 \+ 22: 42'
  'an actor of CAF asks for 84 / 2: 42'
  '1 / 0 ends the calculator: error caf::system:[0-9]+: .*division by zero.*'
  'its supervisor has started another: 50 - 8 is 42'
  'killed from here: killed; then 40 \+ 2 is 42'
  'the workshop has stopped: shutdown'
)
mapfile -t lines <<<"$said"
[[ ${#lines[@]} -eq ${#wanted[@]} ]] || { echo "FAILED: ${#lines[@]} lines: $said" && exit 1; }
for i in "${!wanted[@]}"; do
  [[ ${lines[i]} =~ ^${wanted[i]}$ ]] ||
    { echo "FAILED: '${lines[i]}' is not '${wanted[i]}'; the log:" && cat "$log" && exit 1; }
done
! grep -E 'Sanitizer|runtime error:' "$log" || { echo 'FAILED: a sanitizer has found an error' && exit 1; }
