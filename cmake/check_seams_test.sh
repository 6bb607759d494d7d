#!/usr/bin/env bash
# Plants one violation after the other in an empty tree: check_seams.sh must refuse each with its
# place and what to do, and must accept the same words where they are harmless.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -r "$tree"' EXIT
mkdir -p "$tree"/core/{src/platform,src/runtime,include/troupe} "$tree"/net/{src/reactor,src/cluster}

expect() { # accepted|refused, file, line of code, pattern of the answer
  local verdict=accepted answer
  printf '#pragma once\n%s\n' "$3" >"$tree/$2"
  answer=$(bash "$here/check_seams.sh" "$tree" 2>&1) || verdict=refused
  rm "$tree/$2"
  if [[ $verdict != "$1" ]] || ! grep -qE -- "$4" <<<"$answer"; then
    printf '%s: %s\nmust be %s and answer "%s", but was %s:\n%s\n' "$2" "$3" "$1" "$4" "$verdict" "$answer"
    exit 1
  fi
}

refused() { expect refused core/src/runtime/worker.cpp "$1" "^core/src/runtime/worker\.cpp:2: $2: "; }
accepted() { expect accepted "$1" "$2" 'files above the platform layer'; }

refused 'auto t = std::chrono::steady_clock::now();' 'a clock'
refused '  ::time(&seconds);' 'a clock'
refused 'std::this_thread::sleep_for(1s);' 'sleeping'
refused 'std::random_device seed;' 'randomness'
refused 'std::uniform_int_distribution<int> dice(1, 6);' 'randomness'
refused 'int r = rand();' 'randomness'
refused 'std::shared_mutex names;' 'a thread or a lock'
refused 'std::jthread worker;' 'a thread or a lock'
refused 'pthread_self();' 'a thread or a lock'
refused 'boost::asio::io_context io;' 'a socket'
refused 'int fd = ::socket(AF_INET, SOCK_STREAM, 0);' 'a socket'
refused 'auto cookie = getenv("TROUPE_COOKIE");' 'the environment'
refused 'std::ifstream in(path);' 'a file'
refused 'std::filesystem::remove(path);' 'a file'
refused 'if (::open(path, 0) < 0) return;' 'a file'
refused 'auto child = fork();' 'an OS process'
refused '#include <sys/mman.h>' 'a header of the operating system'
refused '#include <google/protobuf/message.h>' 'core knows net or a format'
refused '#include <troupe/net/node.hpp>' 'core knows net or a format'
expect refused net/src/cluster/node.cpp '#include <boost/asio.hpp>' '^net/.*:2: a socket: #include'
expect refused core/include/troupe/a.hpp 'int x; rand();  // why' 'draw from the injected entropy'

accepted core/src/runtime/worker.cpp 'void node::connect(pid to);  // unlike ::connect(2), never blocks'
accepted core/src/runtime/worker.cpp '/// Not std::mutex: nothing here is shared.'
accepted core/src/runtime/worker.cpp 'co_await self.sleep(1s); std::chrono::steady_clock::time_point t;'
accepted net/src/cluster/node.hpp 'std::filesystem::path cookie_file = {};'
accepted core/src/platform/clock.cpp 'return std::chrono::steady_clock::now();'
accepted net/src/reactor/dial.cpp '#include <boost/asio.hpp>'
accepted net/src/cluster/groups.cpp '#include "frame.pb.h"'
echo 'every planted violation was refused'
