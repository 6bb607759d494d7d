#!/usr/bin/env bash
# Whether each test that FAULTS.md names exists: check_faults.sh CTEST BUILD_FOLDER
set -euo pipefail
table=$(dirname "$0")/FAULTS.md
known=$("$1" --test-dir "$2" -N | sed -n 's/^ *Test *#[0-9]*: //p')
missing=0
named=0
while IFS= read -r name; do
  named=$((named + 1))
  grep -qxF -- "$name" <<<"$known" && continue
  echo "FAULTS.md names a test that does not exist: $name"
  missing=$((missing + 1))
done < <(grep '^|' "$table" | grep -o '\*[^*]*\*' | tr -d '*')
echo "$named tests are named, $missing of them do not exist"
[[ $missing -eq 0 && $named -ge 60 ]]
