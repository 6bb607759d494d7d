#!/usr/bin/env bash
# Installs what packages.txt names and this machine lacks; needs no network when nothing is missing.
set -euo pipefail

# shellcheck source=/dev/null
case "$(. /etc/os-release && echo "${ID:-}-${VERSION_ID:-}")" in
  debian-12) column=1 ;;
  debian-13) column=2 ;;
  *)
    echo "This is neither Debian 12 nor 13: install what cmake/packages.txt lists by hand."
    exit 0
    ;;
esac

missing=()
while read -r package; do
  [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
    missing+=("$package")
done < <(awk -v column="$column" '!/^#/ && $column != "-" {print $column}' \
  "$(dirname "$0")/packages.txt")
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "Every package of cmake/packages.txt is installed."
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "Not root, and there is no sudo; install as root: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
