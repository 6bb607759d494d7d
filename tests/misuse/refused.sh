#!/bin/sh
# refused.sh COMPILER INCLUDE... SOURCE: passes if the compiler refuses the program with the error
# that its first line names, `// refused: a message cannot hold a reference`, and if Clang needs 30
# lines at most to say so, or as many as the second line allows, `// in at most 45 lines`: what is
# nested deeply takes three for each level. Warnings count as errors.
set -u
compiler=$1
shift
for source; do :; done
wanted=$(sed -n '1s|^// refused: ||p' "$source")
said=$("$compiler" -std=c++20 -Werror -fsyntax-only "$@" 2>&1) && {
  echo "$source compiles, and should not: $wanted"
  exit 1
}
printf '%s\n' "$said"
printf '%s\n' "$said" | grep -q "error: .*$wanted" || {
  echo "No error says: $wanted"
  exit 1
}
most=$(sed -n 's|^// in at most \([0-9]*\) lines$|\1|p' "$source")
case $("$compiler" --version) in
  *clang*) most=${most:-30} ;;
  *) most=100 ;;  # GCC repeats what it was called from
esac
lines=$(printf '%s\n' "$said" | wc -l)
[ "$lines" -le "$most" ] || {
  echo "These are $lines lines of at most $most."
  exit 1
}
