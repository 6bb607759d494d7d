#!/usr/bin/env bash
# compare.sh PROGRAM [COUNT [SEED]]: random state machines see the same here and in OTP's gen_statem.
# PROGRAM is statem_scripts. Exit code 77, as ctest wants it for a skipped test, without escript.
set -euo pipefail
program=$1 count=${2:-2000} seed=${3:-1}
command -v escript >/dev/null || { echo 'skipped: no escript; apt-get install erlang-base' && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" write "$count" "$seed" >"$work/scripts"
escript "$(dirname "$0")/run_scripts.escript" "$work/scripts" >"$work/otp"
"$program" run "$work/scripts" >"$work/troupe"
[[ $(wc -l <"$work/otp") -eq $count ]] || { echo "FAILED: OTP ran fewer than $count scripts" && exit 1; }
if ! cmp -s "$work/otp" "$work/troupe"; then
  paste -d'\n' "$work/scripts" "$work/otp" "$work/troupe" |
    awk -v s="$seed" 'NR % 3 == 1 {script = $0} NR % 3 == 2 {otp = $0}
         NR % 3 == 0 && $0 != otp && n++ < 5 {
           print "seed " s ", script " NR / 3 ": " script
           print "  OTP:    " otp
           print "  troupe: " $0}'
  echo 'FAILED: gen_statem sees something else'
  exit 1
fi
echo "$count state machines of seed $seed see the same"
