#!/usr/bin/env bash
# Builds troupe and runs every test; see --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
bash cmake/check.sh [--deep]
  Installs missing packages, builds into build/check and runs every test.
  The build is what users run (-O2) with the assertions left on.
  --deep   before that: formatting, clang-tidy, and the whole suite, with fuzzing, under
           AddressSanitizer + UndefinedBehaviorSanitizer (build/address) and
           ThreadSanitizer (build/thread); then 2500 seeds of simulated clusters
CXX chooses the compiler: clang++-19 by default, g++-14 where that is missing.
HELP
}

deep=no
case "${1:-}" in
  '') ;;
  --deep) deep=yes ;;
  -h | --help) usage && exit ;;
  *) usage >&2 && exit 2 ;;
esac

say() { printf '\n== %s\n' "$*"; }

build() { # preset
  say "$1: configure and build into build/$1"
  cmake --preset "$1"
  cmake --build "build/$1"
}

run_tests() { # preset
  say "$1: run the tests"
  UBSAN_OPTIONS=print_stacktrace=1 ctest --test-dir "build/$1" --parallel 2 --output-on-failure
}

sources() { find core net examples tests -name '*.[ch]pp'; }

say 'packages'
bash cmake/install_packages.sh
CXX=${CXX:-$(command -v clang++-19 || command -v g++-14)}
export CXX

if [[ $deep == yes ]]; then
  say 'formatting'
  sources | xargs clang-format-19 --dry-run --Werror
fi
build check
if [[ $deep == yes ]]; then
  say 'clang-tidy'
  run-clang-tidy-19 -quiet -p build/check '/(core|net|caf)/src/|/examples/[^/]*/[^/]*\.cpp$'
  for sanitizer in address thread; do
    build "$sanitizer"
    run_tests "$sanitizer"
  done
  say 'simulation: clusters under all faults (TROUPE_SEEDS chooses how many)'
  TROUPE_SEEDS=${TROUPE_SEEDS:-2500} build/check/tests/sim_tests 'a cluster*'
fi
run_tests check
