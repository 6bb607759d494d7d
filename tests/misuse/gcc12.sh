#!/bin/sh
# gcc12.sh g++-12 include-dir...: every public header must stop that compiler with our own words.
set -eu
compiler=$1
shift
options="-std=c++20 -fsyntax-only -Wfatal-errors -x c++"
for dir in "$@"; do options="$options -I$dir"; done

headers=$(find "$@" -name '*.hpp')
for header in $headers; do
  # shellcheck disable=SC2086  # the options are several words
  if answer=$("$compiler" $options "$header" 2>&1) ||
    ! echo "$answer" | grep -q 'troupe needs Clang 16 or GCC 13'; then
    printf '%s under %s does not say what to install:\n%s\n' "$header" "$compiler" "$answer"
    echo 'include <troupe/compiler.hpp>, or a header which does, before anything else'
    exit 1
  fi
done
test -n "$headers"
