# For the tests, beside ../cluster.sh: what they promise, and what a request is answered with.

promise() { echo "- $*"; }

# The answer is in $status and $body.
request() { # curl arguments...
  local answer
  answer=$(curl -s -m 20 -w '\n%{http_code}' "$@") || true
  status=${answer##*$'\n'} body=${answer%$'\n'*}
}

songs_have_processes() { # once the first leases are given
  local song
  for song in {a..z}; do
    request "$url/song/$song"
    [[ $status == 200 ]] || return 1
  done
}

expect() { # status, body as a pattern, curl arguments...
  local wanted_status=$1 wanted_body=$2
  shift 2
  request "$@"
  [[ $status == "$wanted_status" && $body == $wanted_body ]] ||
    fail "curl $*: $status $body in the place of $wanted_status $wanted_body"
}
