#!/usr/bin/env bash
# failure_test.sh PROGRAM: what clients meet while a node is frozen or dead, and how a cluster ends.
set -euo pipefail
program=$1
source "$(dirname "$0")/../cluster.sh"
source "$(dirname "$0")/expect.sh"

songs=({a..z})
counts() { printf '%s=1\n' "${songs[@]}" | paste -sd,; }
serves_all() { request "$url/" && [[ $status == 200 ]]; }
dead() { [[ $(ps -o state= -p "$1") == Z ]]; } # its parent has not been told yet
restarted() { [[ $(process_of 2) != "$killed" ]]; }
only_play2_is_missing() { [[ $body == 'play2@'*"$1"*$'\nthe others: '* && $body != *'play3@'* ]]; }

start_cluster
for song in "${songs[@]}"; do expect 200 1 -X POST "$url/song/$song"; done

promise 'a node that is frozen: its songs give 503, and GET / names it and lists the others'
kill -STOP "$(process_of 2)"
request "$url/"
[[ $status == 503 ]] && only_play2_is_missing timeout || fail "GET /: $status $body"
others=${body##*: }
for song in "${songs[@]}"; do [[ ,$others, == *",$song=1,"* ]] || owned=$song; done
expect 503 'play2@*timeout*' "$url/song/$owned"
kill -CONT "$(process_of 2)"
await 20 serves_all || fail 'the node that was frozen does not answer again'
expect 200 "$(counts)" "$url/"

promise 'a node that is killed: 503 with the reason at once, and the other songs are served'
kill -STOP "$parent" # so that the node stays down for as long as we look
killed=$(process_of 2)
kill -KILL "$killed"
await 20 dead "$killed" || fail 'the node lives'
for node in 1 3; do
  expect 503 'play2@*noconnection*' -X POST "$(url_of $node)/song/$owned"
  expect 503 'play2@*noconnection*' "$(url_of $node)/song/$owned"
  request "$(url_of $node)/"
  [[ $status == 503 ]] && only_play2_is_missing noconnection || fail "GET /: $status $body"
  [[ ${body##*: } == "$others" ]] || fail "the other counts are $body"
done

promise 'it is started again, with every count that was acknowledged'
kill -CONT "$parent"
await 20 restarted || fail 'the node was not started again'
await 20 serves_all || fail 'the node that was started again does not answer'
for node in 1 2 3; do expect 200 "$(counts)" "$(url_of $node)/"; done

promise 'DELETE / clears nothing unseen: a node that does not answer is named'
kill -STOP "$(process_of 2)"
request -X DELETE "$url/"
[[ $status == 503 ]] && only_play2_is_missing timeout || fail "DELETE /: $status $body"
kill -CONT "$(process_of 2)"
await 20 serves_all || fail 'the node that was frozen does not answer again'

promise 'a parent that is killed takes its nodes with it'
kill -KILL "$parent"
wait "$parent" 2>/dev/null || true
await 20 none_left || fail 'nodes live on without their parent'

promise 'a cluster that is started again has the counts'
start_cluster
expect 200 1 -X POST "$url/song/after-all"
stop_cluster TERM || fail "it ended with status $?"
start_cluster
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
promise 'data of a cluster of another size is refused'
refused 'of a cluster of 3 nodes' data "$port" $((port + 3)) --nodes 2

promise 'data and ports that another cluster uses are refused'
start_cluster
refused 'another play_counter has it open' data $((port + 9)) $((port + 7))
refused "cannot listen for HTTP on port $port" data2 "$port" $((port + 7))
refused "127.0.0.1:$((port + 3))" data2 "$port" $((port + 3))
stop_cluster TERM || fail "it ended with status $?"
