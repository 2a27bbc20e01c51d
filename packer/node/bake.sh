#!/bin/bash
# Bakes in what nodes run at their start: each script of start.d, between two markers, in a file of the same name. What
# stands outside of the markers is somebody else's and stays. The template's startup-script runs these files, since /etc is
# made anew at each boot of COS and a unit would be gone (environments/files/startup.sh).
#
# POOLWRIGHT_ENVIRONMENT, POOLWRIGHT_RUN_ID, POOLWRIGHT_SOURCE_IMAGE   what the image is, for people who look at a node
# shellcheck source=packer/node/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly begin='# >>> poolwright >>>'
readonly end='# <<< poolwright <<<'

# In one piece: a run that is cut off leaves the old file or the new one.
put() { # FILE: its content is read
  cat >"$1.new"
  chmod 0644 "$1.new"
  mv "$1.new" "$1"
}

# Lines of a file without the block of ours.
outside() { # FILE
  [[ ! -f "$1" ]] || awk -v begin="${begin}" -v end="${end}" '
    $0 == begin {inside = 1}
    !inside {print}
    $0 == end {inside = 0}' "$1"
}

check_markers() { # FILE
  [[ ! -f "$1" ]] || [[ "$(grep -cxF "${begin}" "$1")" == "$(grep -cxF "${end}" "$1")" ]] ||
    fail "$1 has one marker of '${begin}' and '${end}' without the other; mend it by hand"
}

mkdir -p "${home}/start.d"
list="$(wanted)"
put "${home}/containers" <<<"${list}"
put "${home}/boot-image" <<EOF
environment=${POOLWRIGHT_ENVIRONMENT:-}
run-id=${POOLWRIGHT_RUN_ID:-}
source-image=${POOLWRIGHT_SOURCE_IMAGE:-}
EOF
for script in "${here}"/start.d/*.sh; do
  file="${home}/start.d/$(basename "${script}")"
  check_markers "${file}"
  kept="$(outside "${file}")"
  {
    echo "${begin}"
    cat "${script}"
    echo "${end}"
    [[ -z "${kept}" ]] || echo "${kept}"
  } | put "${file}"
  say "baked ${file}"
done
