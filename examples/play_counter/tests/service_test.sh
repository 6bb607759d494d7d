#!/usr/bin/env bash
# service_test.sh PROGRAM: every route and limit of the service, as an HTTP client meets them.
set -euo pipefail
program=$1
source "$(dirname "$0")/../cluster.sh"
source "$(dirname "$0")/expect.sh"

start_cluster
await 30 songs_have_processes || fail 'the songs have no processes'
open() { exec {socket}<>"/dev/tcp/127.0.0.1/$port"; } # the first node, for what curl cannot send
open
slow=$socket # begins a request and does not go on; looked at in the end
printf 'GET / HTTP/1.1\r\nHost: slow' >&"$slow"

promise 'any node counts a play of any song and answers the new count'
for song in a b c d e f; do
  for node in 1 2 3; do
    expect 200 $node -X POST "$(url_of $node)/song/$song"
    for other in 1 2 3; do expect 200 $node "$(url_of $other)/song/$song"; done
  done
done

promise 'a song that was never played has the count 0'
expect 200 0 "$url/song/silence"

promise 'GET / gives all counts in order of the songs, the same on each node'
for node in 1 2 3; do expect 200 'a=3,b=3,c=3,d=3,e=3,f=3' "$(url_of $node)/"; done

promise 'HEAD tells the length of what GET would give'
request -I "$url/"
[[ $status == 200 && $body == *$'Content-Length: 23\r'* ]] || fail "HEAD: $status $body"
request -I "$url/song/a"
[[ $status == 200 && $body == *$'Content-Length: 1\r'* ]] || fail "HEAD: $status $body"

promise 'DELETE / clears the counts of all nodes'
expect 200 'cleared 6 songs' -X DELETE "$(url_of 2)/"
for node in 1 2 3; do expect 200 '' "$(url_of $node)/"; done

promise 'a method that a path does not know gives 405 and tells those that it knows'
for method in PUT POST PATCH OPTIONS; do
  expect 405 *$'\nAllow: GET, HEAD, DELETE\r\n'* -i -X $method "$url/"
done
for method in PUT DELETE PATCH OPTIONS; do
  expect 405 *$'\nAllow: GET, HEAD, POST\r\n'* -i -X $method "$url/song/a"
done

promise 'a path that is not there gives 404'
for path in /song /songs /song/a/b /x //; do expect 404 '*' "$url$path"; done

promise "what cannot be a song's ID gives 404 and is not counted"
longest=$(printf '%064d' 7)
expect 200 1 -X POST "$url/song/$longest"
for id in '' "${longest}x" a%20b 'a,b' a=1 é; do expect 404 '*1 to 64*' -X POST "$url/song/$id"; done
expect 200 "$longest=1" "$url/"
expect 200 1 "$url/song/$longest?a=query&is=ignored"

promise 'a connection serves one request after the other'
opened=$(curl -s -o "$directory/body" -w '%{num_connects}' "$url/song/[1-50]")
[[ $opened == 1$(printf '0%.0s' {1..49}) ]] || fail "connections opened for each request: $opened"
expect 200 *$'\nConnection: close\r\n'* -i -H 'Connection: close' "$url/"

promise 'a header, a body or bytes that are no request are refused with the reason'
expect 431 'the header is too large' -H "Long: $(printf '%09000d' 0)" "$url/"
expect 413 'the body is too large' -X POST --data "$(printf '%05000d' 0)" "$url/song/a"
open
printf 'this is not HTTP\r\n\r\n' >&"$socket"
[[ $(timeout 20 cat <&"$socket") == 'HTTP/1.1 400 '* ]] || fail 'nonsense is not answered with 400'
expect 200 0 "$url/song/a"

promise 'a client that does not go on with its request is cut off'
status=0
read -rt 20 -u "$slow" || status=$?
((status == 1)) || fail "reading gave $status: the slow client is still connected" # 1: end of file

promise 'no more than 256 connections are served at once, and the next one waits'
for ((i = 0; i < 256; ++i)); do open; done
status=0
curl -s -m 1 "$url/" || status=$?
((status == 28)) || fail "a connection over the limit: curl gave $status" # 28: no answer
exec {socket}>&-
expect 200 '*' "$url/"

stop_cluster TERM || fail "it ended with status $?"
