#!/usr/bin/env bash
# Whether each test that FAULTS.md names exists: check_faults.sh CTEST BUILD_FOLDER
set -euo pipefail
here=$(dirname "$0")
grep '^|' "$here/FAULTS.md" | grep -o '\*[^*]*\*' | tr -d '*' |
  bash "$here/../support/check_named_tests.sh" FAULTS.md 60 "$@"
