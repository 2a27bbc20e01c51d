#!/bin/bash
# Pulls the wanted container images into containerd, where the kubelet finds them. What is there already stays and is not
# pulled again, so that a run that was cut off is gone on with by running it once more.
#
# POOLWRIGHT_TRIES          how often an image is tried (5)
# POOLWRIGHT_WAIT_SECONDS   before the second try; twice that before the third, and so on (5)
# shellcheck source=packer/node/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly tries="${POOLWRIGHT_TRIES:-5}"
readonly wait_seconds="${POOLWRIGHT_WAIT_SECONDS:-5}"
readonly token_url=http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token

# The machine's own identity, for Google's registries alone. A token lives for an hour at most, so each image asks anew.
# https://cloud.google.com/artifact-registry/docs/docker/authentication#token
credentials_for() { # NAME@DIGEST: prints USER:PASSWORD, or nothing
  case "${1%%/*}" in
  *-docker.pkg.dev | gcr.io | *.gcr.io)
    local answer
    answer="$(curl --silent --fail --max-time 10 --header 'Metadata-Flavor: Google' "${token_url}")" || return 0
    sed -n 's/.*"access_token" *: *"\([^"]*\)".*/oauth2accesstoken:\1/p' <<<"${answer}"
    ;;
  esac
}

pull() { # NAME@DIGEST
  local credentials options=()
  credentials="$(credentials_for "$1")"
  if [[ -n "${credentials}" ]]; then
    options=(--user "${credentials}")
  fi
  # What containerd has of an interrupted download is gone on with; what does not fit its digest is refused by containerd.
  images pull "${options[@]}" "$1" 2>&1 >/dev/null | tail -n 1
}

preload() { # NAME@DIGEST
  local try why
  if [[ -z "$(problem_of "$1")" ]]; then
    say "$1 is here already"
    return
  fi
  for ((try = 1; try <= tries; try++)); do
    if why="$(pull "$1")"; then
      say "$1 pulled"
      return
    fi
    say "$1: try ${try} of ${tries} failed: ${why}"
    # No weather: it will not be there, or be what its digest says, in a minute either.
    [[ "${why}" != *": not found" && "${why}" != *"unexpected commit digest"* ]] || break
    ((try == tries)) || sleep $((wait_seconds << (try - 1)))
  done
  fail "$1 cannot be pulled: ${why}"
}

need_containerd
list="$(wanted)"
while read -r image; do
  [[ -z "${image}" ]] || preload "${image}" </dev/null
done <<<"${list}"
