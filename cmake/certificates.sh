#!/usr/bin/env bash
# Makes the TLS files of nodes, for development and closed clusters (net/README.md, Security):
#
#   bash cmake/certificates.sh FOLDER NAME...
#
# The first call makes an authority: FOLDER/ca.pem, which every node gets, and FOLDER/ca.key, which
# stays with you. Each call makes one certificate and its key, FOLDER/NAME.pem and FOLDER/NAME.key
# of the first NAME, valid for $DAYS (365). A NAME is a node's, app@host; a port does not matter.
# Several names are for one certificate: of a node and of the peers that it starts.
set -euo pipefail

if [[ $# -lt 2 ]]; then
  sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" >&2
  exit 2
fi
folder=$1
shift
days=${DAYS:-365}
names=()
for name in "$@"; do
  if [[ ! $name =~ ^[A-Za-z0-9_-]+@([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?$ ]]; then
    echo "certificates.sh: '$name' is not the name of a node: write app@host" >&2
    exit 2
  fi
  names+=("${name%"${BASH_REMATCH[2]:-}"}")
done
uris=$(printf ',URI:troupe:%s' "${names[@]}")

umask 077 # keys are for their owner alone
mkdir -p "$folder"
work=$(mktemp -d "$folder/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT

cat >"$work/config" <<END
[req]
distinguished_name = name
prompt = no
[name]
CN = \${ENV::COMMON_NAME}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[node]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${uris:1}
END

make() { # file without its ending, common name, section of the config, option...
  local file=$1 section=$3
  export COMMON_NAME=$2
  shift 3
  openssl req -x509 -config "$work/config" -extensions "$section" -days "$days" -sha256 \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" \
    -keyout "$work/key" -out "$work/pem" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
  }
  chmod 644 "$work/pem"
  # By renaming, so that a node which looks sees old files or new ones, whole.
  mv "$work/key" "$file.key"
  mv "$work/pem" "$file.pem"
  echo "$file.pem and $file.key"
}

[[ -e $folder/ca.key ]] || make "$folder/ca" "troupe: development authority" authority
# At most 64 characters may stand there; what counts is the URI.
make "$folder/${names[0]}" "${names[0]:0:64}" node -CA "$folder/ca.pem" -CAkey "$folder/ca.key"
