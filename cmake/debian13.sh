#!/usr/bin/env bash
# Builds these sources with GCC 14 and the libraries of Debian 13, in a chroot, and runs the tests.
# Needs root. The chroot is made once and kept in /var/cache/troupe/debian13 (TROUPE_DEBIAN13 chooses
# another place); it sees the sources read-only and keeps its build in its own /build.
set -euo pipefail
sources=$(cd "$(dirname "$0")/.." && pwd)
root=${TROUPE_DEBIAN13:-/var/cache/troupe/debian13}

[[ $(id -u) -eq 0 ]] || {
  echo "cmake/debian13.sh makes and enters a chroot: run it as root" >&2
  exit 1
}
# Mounts made in a mount namespace of our own end with it, whatever happens.
[[ ${TROUPE_UNSHARED:-} == yes ]] || TROUPE_UNSHARED=yes exec unshare --mount -- bash "$0"

if [[ ! -d $root ]]; then
  command -v debootstrap >/dev/null || apt-get install -q -y debootstrap
  # shellcheck disable=SC2016  # apt's own variables
  mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' |
    awk '$1 == "Debian" && !found {print $2; found = 1}')
  echo "Making a Debian 13 in $root from ${mirror:?apt has no Debian repository; is apt-get update due?}"
  rm -rf "$root.part"
  mkdir -p "$root.part"
  debootstrap --variant=minbase trixie "$root.part" "$mirror"
  mv "$root.part" "$root"
fi

mkdir -p "$root/sources" "$root/build"
mount --bind "$sources" "$root/sources"
mount -o remount,bind,ro "$root/sources"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# A simulated run is the same with every compiler: those of build/check, if it is there, tell.
clang_hashes=
if [[ -x $sources/build/check/tests/sim_tests ]]; then
  clang_hashes=$("$sources/build/check/tests/sim_tests" '[.hashes]' | grep '^seed')
fi

# shellcheck disable=SC2016  # expanded inside
chroot "$root" /usr/bin/env -i HOME=/root PATH="$PATH" LANG=C.UTF-8 bash -euc '
  bash /sources/cmake/install_packages.sh
  cmake --version | head -n 1 && g++-14 --version | head -n 1
  cmake -G Ninja -S /sources -B /build -DCMAKE_CXX_COMPILER=g++-14 -DTROUPE_WERROR=ON \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -g1"
  cmake --build /build
  ctest --test-dir /build --parallel 2 --output-on-failure
  /build/tests/sim_tests "[.hashes]" | grep "^seed" | tee /build/hashes'

if [[ -n $clang_hashes ]]; then
  diff <(echo "$clang_hashes") "$root/build/hashes"
  echo 'simulated runs are the same as those of build/check'
fi
