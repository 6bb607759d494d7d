#!/usr/bin/env bash
# Builds CAF's core, from the source of Debian's package, with ThreadSanitizer: for the tests of the
# bridge under the preset `thread`. The packaged library hides its synchronisation from the sanitizer,
# so that every message of CAF would look like a race. Made once and kept in
# /var/cache/troupe/caf-thread (TROUPE_CAF_THREAD chooses another place). Needs the network once.
set -euo pipefail
place=${TROUPE_CAF_THREAD:-/var/cache/troupe/caf-thread}
compiler=${CXX:-clang++-19}
[[ ! -e $place/libcaf_core.so ]] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# shellcheck disable=SC2016  # apt's own variables
mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI) $(RELEASE)' |
  awk '$1 == "Debian" && $3 !~ /-/ && !found {print $2, $3; found = 1}')
[[ -n $mirror ]] || { echo 'apt has no Debian repository; is apt-get update due?' >&2 && exit 1; }
read -r uri release <<<"$mirror"
echo "deb-src $uri $release main" >sources
mkdir lists
apt=(apt-get -q -o Dir::Etc::sourcelist="$work/sources" -o Dir::Etc::sourceparts=-
  -o Dir::State::lists="$work/lists")
"${apt[@]}" update
"${apt[@]}" --download-only --tar-only source libcaf-dev
tar xf actor-framework_*.orig.tar.gz
cd actor-framework-*/libcaf_core

# Against the installed headers, so that all is as in the package but for the sanitizer.
find src -name '*.cpp' -print0 | xargs -0 -P "$(nproc)" -I{} sh -c '
  exec '"$compiler"' -std=c++17 -w -O1 -g1 -fno-omit-frame-pointer -fPIC -fsanitize=thread \
    -c {} -o "$(echo {} | tr / _).o"'
"$compiler" -shared -fsanitize=thread -Wl,-soname,libcaf_core.so -o libcaf_core.so ./*.o -lpthread
mkdir -p "$place"
cp libcaf_core.so "$place/libcaf_core.so"
