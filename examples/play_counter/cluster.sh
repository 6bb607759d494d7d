# What demo.sh and the tests share: a cluster of three nodes on free ports with its data in a temporary
# directory. Nothing of it is left when the script that sources this ends, in whatever way.
# Needs $program, and takes $nodes (3); start_cluster sets $parent (its process), $port and $url (of its first node).

directory=$(mktemp -d)
log=$directory/log

processes() { pgrep -f -- "--data $directory/data" || true; }
none_left() { [[ -z $(processes) ]]; }
ended() { ! kill -0 "$1" 2>/dev/null; }
url_of() { echo "http://127.0.0.1:$((port + $1 - 1))"; }      # node
process_of() { sed -n "s/^play$1@.* as process //p" "$log" | tail -1; } # node

await() { # seconds, command...: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

fail() {
  echo "FAILED: $*; the log of the cluster:" >&2
  cat "$log" >&2
  exit 1
}

cleanup() {
  processes | xargs -r kill -CONT # some may have been stopped
  processes | xargs -r kill
  await 20 none_left || processes | xargs -r kill -KILL
  rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ready_or_ended() { grep -q ^ready: "$log" || ended "$parent"; }

# Ports below those that the system gives to clients, so that none is taken while a node is down.
# Several scripts may run at once: whoever finds one taken tries others.
start_cluster() { # option...
  local attempt
  for attempt in {1..20}; do
    port=$((10000 + RANDOM % 2000 * 10))
    url=$(url_of 1)
    : >"$log"
    "$program" --nodes "${nodes:-3}" --port "$port" --node-port $((port + 3)) --data "$directory/data" "$@" \
      >>"$log" 2>&1 &
    parent=$!
    await 30 ready_or_ended || fail 'the cluster is not ready after 30 s'
    ended "$parent" || return 0
    grep -q 'ddress already in use' "$log" || fail 'the cluster did not start'
  done
  fail "no free ports after $attempt attempts"
}

stop_cluster() { # signal: gives the exit code
  local status=0
  kill "-$1" "$parent"
  wait "$parent" || status=$?
  none_left || fail "$(processes | wc -l) processes were left after SIG$1"
  ! grep -E 'Sanitizer|runtime error' "$log" || fail 'a sanitizer has found an error'
  return "$status"
}
