#!/usr/bin/env bash
# failure_test.sh PROGRAM: what clients meet while a node is frozen or dead, and how a cluster ends.
set -euo pipefail
program=$1
source "$(dirname "$0")/../cluster.sh"
source "$(dirname "$0")/expect.sh"

songs=({a..z})
counts() { printf '%s=1\n' "${songs[@]}" | paste -sd,; }
answers() { request "$@" && [[ $status == 200 ]]; }
# Every song by its process, and no other.
all_songs_answer() { # node
  local song
  for song in "${songs[@]}"; do
    answers "$(url_of "$1")/song/$song" || return 1
    [[ $body == 1 ]] || fail "song $song: $body in the place of 1"
  done
}
restarted() { [[ $(process_of 2) != "$killed" ]]; }

start_cluster
await 30 songs_have_processes || fail 'the songs have no processes'
for song in "${songs[@]}"; do
  request -X POST "$url/song/$song"
  [[ $status == 200 && $body == 1 ]] || fail "POST $song: $status $body"
done

promise 'a node that is frozen: its songs are served by the others when its leases are over'
kill -STOP "$(process_of 2)"
for node in 1 3; do
  await 30 all_songs_answer $node || fail "play$node does not serve all songs: $status $body"
done
expect 200 "$(counts)" "$url/"

promise 'and it serves again when it goes on, with the same counts'
kill -CONT "$(process_of 2)"
await 30 all_songs_answer 2 || fail "play2 does not serve all songs: $status $body"

promise 'a node that is killed: its songs are served by the others, with every count'
killed=$(process_of 2)
kill -KILL "$killed"
for node in 1 3; do
  await 30 all_songs_answer $node || fail "play$node does not serve all songs: $status $body"
done

promise 'it is started again and takes its part'
await 20 restarted || fail 'the node was not started again'
await 30 all_songs_answer 2 || fail "play2 does not serve all songs: $status $body"
for node in 1 2 3; do expect 200 "$(counts)" "$(url_of $node)/"; done

promise 'a parent that is killed takes its nodes with it'
kill -KILL "$parent"
wait "$parent" 2>/dev/null || true
await 20 none_left || fail 'nodes live on without their parent'

promise 'a cluster that is started again has the counts, also with another number of nodes'
start_cluster
await 30 songs_have_processes || fail 'the songs have no processes'
expect 200 1 -X POST "$url/song/after-all"
stop_cluster TERM || fail "it ended with status $?"
nodes=2 start_cluster
await 30 songs_have_processes || fail 'the songs have no processes'
expect 200 1 "$url/song/after-all"

promise 'SIGINT ends a cluster in order, with open connections too'
exec {idle}<>"/dev/tcp/127.0.0.1/$port"
stop_cluster INT || fail "it ended with status $?"

refused() { # words of the reason, data, HTTP port, node port, option...
  local said
  said=$(timeout 30 "$program" --data "$directory/$2" --port "$3" --node-port "$4" "${@:5}" 2>&1) &&
    fail 'it started'
  [[ $said == *"$1"* ]] || fail "no '$1' in: $said"
}
promise 'data and ports that another cluster uses are refused'
start_cluster
refused 'another play_counter has it open' data $((port + 9)) $((port + 7))
refused "cannot listen for HTTP on port $port" data2 "$port" $((port + 7))
refused "127.0.0.1:$((port + 3))" data2 "$port" $((port + 3))
stop_cluster TERM || fail "it ended with status $?"
