#!/usr/bin/env bash
# Runs the workloads on CAF and on Erlang/OTP, as far as they are installed, and prints a JSON line a
# figure. What is missing is said on standard error. Usage: run.sh BUILD_DIR [local|remote|all]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mkdir -p "$1" && cd "$1" && pwd)
what=${2:-all}

started=()
stop() {
  for p in "${started[@]:-}"; do [[ -z $p ]] || kill "$p" 2>/dev/null || true; done
}
trap stop EXIT

missing() { echo "run.sh: no $1: its figures are left out (apt-get install $2)" >&2; }

caf=yes erlang=yes
if [[ ! -e /usr/include/caf/all.hpp ]] || ! command -v g++ >/dev/null; then
  missing CAF 'g++ libcaf-dev'
  caf=no
elif [[ $here/caf_bench.cpp -nt $work/caf_bench ]]; then
  g++ -O3 -DNDEBUG -std=c++17 "$here/caf_bench.cpp" -o "$work/caf_bench" -lcaf_io -lcaf_core -pthread
fi
if ! command -v erlc >/dev/null; then
  missing Erlang erlang-base
  erlang=no
else
  erlc -o "$work" "$here/bench.erl"
fi

cd "$work"
if [[ $what != remote ]]; then
  [[ $caf == no ]] || ./caf_bench
  [[ $erlang == no ]] || erl -noshell +P 5000000 -s bench local
fi
if [[ $what != local && $caf == yes ]]; then
  ./caf_bench --server >/dev/null & started+=($!)
  sleep 1
  ./caf_bench --client
fi
if [[ $what != local && $erlang == yes ]]; then
  export ERL_EPMD_ADDRESS=127.0.0.1
  dist=(-setcookie bench -kernel inet_dist_use_interface '{127,0,0,1}')
  erl -noshell -name serve@127.0.0.1 "${dist[@]}" -s bench serve & started+=($!)
  sleep 2
  erl -noshell -name drive@127.0.0.1 "${dist[@]}" -eval "bench:remote(['serve@127.0.0.1'])"
fi
