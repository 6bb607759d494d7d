#!/usr/bin/env bash
# Whether each test exists whose name comes on a line of the input, and at least so many do:
# check_named_tests.sh DOCUMENT LEAST CTEST BUILD_FOLDER
set -euo pipefail
known=$("$3" --test-dir "$4" -N | sed -n 's/^ *Test *#[0-9]*: //p')
missing=0
named=0
while IFS= read -r name; do
  named=$((named + 1))
  grep -qxF -- "$name" <<<"$known" && continue
  echo "$1 names a test that does not exist: $name"
  missing=$((missing + 1))
done
echo "$named tests are named, $missing of them do not exist"
[[ $missing -eq 0 && $named -ge $2 ]]
