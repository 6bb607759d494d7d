#!/usr/bin/env bash
# check_seams.sh [root]: only the platform layer may name the operating system, so that whole
# clusters can run in one deterministic simulation; and core knows nothing of net.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

platform='^(core/src/platform/|net/src/(platform|reactor)/|net/include/troupe/net/asio\.hpp$)'

# what | what to do instead | Perl expression, in which @ is the `::` of the global namespace
rules='
a clock | take the time from the injected clock | \b(steady|system|high_resolution|utc)_clock::now|\b(clock_gettime|gettimeofday|timespec_get)\b|(\bstd::|@)time\(|\btime\((0|NULL|nullptr)\)
sleeping | arm a timer, or co_await self.sleep(duration) | \bthis_thread::|\b(usleep|nanosleep)\(|@sleep\(
randomness | draw from the injected entropy | \b(std::|@)rand\b|\bs?rand\(|\brandom_device\b|\bmt19937|\bRAND_(priv_)?bytes\b|\bget(random|entropy)\b|\bstd::\w+_(engine|distribution)\b
a thread or a lock | give the state to one process, or use the wrappers of core/src/platform | \bstd::(jthread|thread|async|call_once|barrier|latch|\w*mutex|\w*semaphore|condition_variable)|\bpthread_|\bSYS_futex\b
a socket | use the transport, which net/src/reactor implements | \bboost(/|::)asio\b|@(socket|connect|bind|listen|accept4?|send|recv|poll|shutdown)\(|\bgetaddrinfo\(|\bepoll_|\beventfd\b
the environment | read it in the platform layer and pass the value in | \b(secure_)?getenv\b|\bsetenv\(
a file | read or write it in the platform layer | \b[io]?fstream\b|\bfopen\(|@(open|openat|read|write|close)\(|\bstd::filesystem::(?!path\b)
an OS process | start and signal processes in the platform layer | \bv?fork\(\)|\bexecve?p?\(|\bposix_spawn|\bwaitpid\(|@kill\(|\bsigaction\b
a header of the operating system | include it in the platform layer only | #include <((sys|linux|netinet)/|(unistd|pthread|sched|signal|fcntl|poll|spawn|time)\.h>)
'

sources() { # folder...
  for folder in "$@"; do
    [[ ! -d $folder ]] || find "$folder" -name '*.[ch]pp'
  done | sort
}

failed=0
refuse() { # what, what to do instead, expression, file...
  local what=$1 instead=$2 expression="^(?:(?!//).)*?(?:${3//@/(?<![\\w>])::})" # not in comments
  shift 3
  while IFS=: read -r file line text; do
    printf '%s:%s: %s: %s\n    %s\n' "$file" "$line" "$what" "${text#"${text%%[! ]*}"}" "$instead"
    failed=1
  done < <(grep -nHP -- "$expression" "$@" /dev/null)
}

mapfile -t above_platform < <(sources core net | grep -vE "$platform")
while IFS='|' read -r what instead expression; do
  [[ -z $what ]] || refuse "${what% }" "${instead:1:-1}" "${expression# }" "${above_platform[@]}"
done <<<"$rules"

mapfile -t core < <(sources core)
refuse 'core knows net or a format' 'move the code to net, which sees types by reflection' \
  '#include [<"](troupe/net/|net/|boost/(asio|beast)|google/protobuf|[^">]*\.pb\.h)' "${core[@]}"

[[ $failed -eq 1 ]] || echo "${#above_platform[@]} files above the platform layer name no operating system"
exit $failed
