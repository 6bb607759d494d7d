#!/usr/bin/env bash
# Long runs and faults; see --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
bash cmake/soak.sh [--full] [NAME...]
  Builds troupe-soak in build/check and runs what is named, or all. It prints a line a figure,
  with the bound that it must keep, and fails if one is missed.
  --full   the real sizes, an hour and a half in all; without it each takes seconds, and figures
           of time and memory are not judged
  NAME     runs (`troupe-soak --list` names them), or fuzz: the fuzz targets under
           AddressSanitizer + UndefinedBehaviorSanitizer in build/address, one after the other;
           SECONDS_EACH says for how long, by default 60, with --full 1800
           What fuzzing finds lies in build/address/tests/found.
CXX chooses the compiler: clang++-19 by default, g++-14 where that is missing (fuzz: Clang only).
HELP
}

full=()
names=()
for word in "$@"; do
  case "$word" in
    --full) full=(--full) ;;
    -h | --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) names+=("$word") ;;
  esac
done

CXX=${CXX:-$(command -v clang++-19 || command -v g++-14)}
export CXX
failed=0

fuzz() {
  local seconds=${SECONDS_EACH:-$([[ ${#full[@]} -eq 0 ]] && echo 60 || echo 1800)}
  cmake --preset address >/dev/null
  local targets=()
  for source in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "$source" .cpp)"); done
  cmake --build build/address --target "${targets[@]}"
  for target in "${targets[@]}"; do
    local found=build/address/tests/found/$target log=build/address/tests/found/$target.log
    mkdir -p "$found"
    if build/address/tests/"$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 \
      -artifact_prefix="build/address/tests/found/" "$found" "tests/fuzz/corpus/$target" \
      >"$log" 2>&1; then
      printf 'fuzz         %-16s %12s executions, %s\n' "$target" \
        "$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")" \
        "$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1)"
    else
      printf 'fuzz         %-16s FAILED, see %s\n' "$target" "$log"
      failed=1
    fi
  done
}

soak() {
  cmake --preset check >/dev/null
  cmake --build build/check --target troupe-soak
  local program=build/check/tests/soak/troupe-soak
  local all=("$@")
  [[ $# -gt 0 ]] || mapfile -t all < <($program --list | cut -d' ' -f1)
  for name in "${all[@]}"; do $program "${full[@]}" "$name" || failed=1; done
}

runs=()
for name in "${names[@]}"; do
  if [[ $name == fuzz ]]; then fuzz; else runs+=("$name"); fi
done
[[ ${#names[@]} -gt 0 && ${#runs[@]} -eq 0 ]] || soak "${runs[@]}"
exit $failed
