#!/usr/bin/env bash
# Whether each test that SCENARIOS.md names exists: check_scenarios.sh CTEST BUILD_FOLDER
set -euo pipefail
here=$(dirname "$0")
sed -n 's/^| [^|]* | \(.*\) | `[^`]*_test\.cpp` |$/\1/p' "$here/SCENARIOS.md" |
  bash "$here/../support/check_named_tests.sh" SCENARIOS.md 150 "$@"
