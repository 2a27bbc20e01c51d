# shellcheck shell=bash disable=SC2034
# What the scripts beside this one share; they source it.
#
# POOLWRIGHT_CONTAINERS  container images besides those of containers.txt, separated by commas
# POOLWRIGHT_HOME        where the image keeps what is ours; on the stateful partition, as all of /home is on COS

set -o errexit -o nounset -o pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here
readonly home="${POOLWRIGHT_HOME:-/home/kubernetes/poolwright}"
readonly containerd_root=/var/lib/containerd

say() {
  echo "poolwright: $*"
}

fail() {
  echo "poolwright: error: $*" >&2
  exit 1
}

# The namespace is the kubelet's.
images() {
  ctr --namespace k8s.io images "$@"
}

# The wanted images, one a line, once each, under the names that the kubelet looks for: with a host, and with the digest
# alone where a tag is given too, as containerd's CRI plugin keeps them.
wanted() {
  local line
  {
    tr ',' '\n' <<<"${POOLWRIGHT_CONTAINERS:-}"
    sed 's/#.*//' "${here}/containers.txt"
  } | while read -r line; do
    [[ -z "${line}" ]] || full_name "${line}"
  done | awk '!seen[$0]++'
}

full_name() { # NAME@sha256:DIGEST
  [[ "$1" =~ ^([^@[:space:]]+)@(sha256:[0-9a-f]{64})$ ]] ||
    fail "$1 is no pinned container image; give NAME@sha256:<64 hex digits>"
  local name="${BASH_REMATCH[1]}" digest="${BASH_REMATCH[2]}"
  local first="${name%%/*}" last="${name##*/}"
  name="${name%"${last}"}${last%%:*}"
  if [[ "${name}" != */* ]]; then
    name="docker.io/library/${name}"
  elif [[ "${first}" != *.* && "${first}" != *:* && "${first}" != localhost ]]; then
    name="docker.io/${name}"
  fi
  echo "${name}@${digest}"
}

# Whether all of it is there and unpacked. `check --quiet` names images that are not unpacked too, so the columns are read:
# REF TYPE DIGEST STATUS SIZE UNPACKED.
whole() { # NAME@DIGEST
  images check "name==\"$1\"" | awk -v name="$1" '
    $1 == name && $4 == "complete" && $NF == "true" {found = 1}
    END {exit !found}'
}

# Why an image cannot be used from containerd as it is; nothing where it can.
problem_of() { # NAME@DIGEST
  local found
  found="$(images ls "name==\"$1\"" | awk 'NR > 1 {print $3}')"
  if [[ -z "${found}" ]]; then
    echo "is missing"
  elif [[ "${found}" != "${1##*@}" ]]; then
    echo "is another image, ${found}"
  elif ! whole "$1"; then
    echo "is not whole, or not unpacked"
  fi
}

# containerd runs on GKE's node images as they boot; elsewhere systemd is asked for it.
need_containerd() {
  local _
  for _ in {1..30}; do
    if ctr version >/dev/null 2>&1; then
      return
    fi
    systemctl start containerd 2>/dev/null || true
    sleep 2
  done
  fail "containerd does not answer; is the source image a GKE node image?"
}
