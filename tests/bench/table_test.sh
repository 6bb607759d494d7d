#!/usr/bin/env bash
# The way from figures to bench.sh's table: medians, ratios and verdicts on figures that are known.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

figure() { printf '{"system":"%s","workload":"%s","value":%s,"unit":"%s"}\n' "$@"; }
{
  for value in 30.000 9.000 20.000; do figure troupe ping_pong $value ns/message; done
  for value in 300.000 100.000; do figure caf-0.17 ping_pong $value ns/message; done
  figure erlang-otp-25 ping_pong 150.000 ns/message
  figure troupe spawn_idle 100.000 ns/spawn
  figure caf-0.17 spawn_idle 5000.000 ns/spawn
  figure troupe remote_flood 1500000.000 messages/s
  figure troupe remote_flood_tls 1000000.000 messages/s
  figure erlang-otp-25 remote_flood 500000.000 messages/s
  figure troupe idle_memory 512.000 B/process
} | awk -f medians.awk >"$work/medians"

expect() { # file, text
  grep -qF -- "$2" "$work/$1" || {
    echo "not in $1: $2" >&2
    cat "$work/$1" >&2
    exit 1
  }
}
expect medians "$(printf 'ping_pong\tns/message\t20\t200\t150')"
expect medians "$(printf 'remote_flood\tmessages/s\t1500000\t-\t500000')"

awk -f table.awk targets.txt "$work/medians" | tr -s ' ' >"$work/table"
expect table 'ping_pong 20.0 200.0 150.0 ns/message 10.0x 7.5x CAF 10x met, Erlang 10x MISSED by 1.33x'
expect table 'spawn_idle 100.0 5000 - ns/spawn 50.0x - CAF 10x met'
expect table 'remote_flood 1500000 - 500000 messages/s - 3.0x Erlang 15x MISSED by 5.00x'
expect table 'remote_flood_tls 1000000 - 500000 messages/s - 2.0x Erlang 7.5x MISSED by 3.75x'
expect table 'idle_memory 512.0 - - B/process - - <= 256 MISSED by 2.00x'
expect table 'Targets met: 2 of 6'

awk -v json=yes -f table.awk targets.txt "$work/medians" >"$work/json"
expect json '"targets": "CAF 10x met, Erlang 10x MISSED by 1.33x"'
awk -f chart.awk "$work/medians" >"$work/chart"
expect chart '10.0x (200 : 20 ns/message)'
expect chart '3.0x (5e+05 : 1.5e+06 messages/s)'
