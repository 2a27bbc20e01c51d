#!/bin/bash
# Fails the build unless the machine is what its image shall be: every wanted container image there by its digest and
# unpacked, what nodes run at their start baked in, and room left on the disk.
#
# POOLWRIGHT_DISK_PERCENT   how full the disk may be (80): the kubelet begins to remove images at 85
# shellcheck source=packer/node/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly most="${POOLWRIGHT_DISK_PERCENT:-80}"

need_containerd
list="$(wanted)"
count=0 wrong=0
while read -r image; do
  [[ -n "${image}" ]] || continue
  count=$((count + 1))
  problem="$(problem_of "${image}" </dev/null)"
  if [[ -n "${problem}" ]]; then
    wrong=$((wrong + 1))
    echo "poolwright: ${image} ${problem}" >&2
  fi
done <<<"${list}"
((wrong == 0)) || fail "${wrong} of ${count} container images are not as they are pinned"

for script in "${here}"/start.d/*.sh; do
  file="${home}/start.d/$(basename "${script}")"
  grep -qsF '# >>> poolwright >>>' "${file}" || fail "${file} is not baked in"
  bash -n "${file}" || fail "${file} cannot be run"
done

used="$(df --output=pcent "${containerd_root}" | tr -dc '0-9')"
((used <= most)) ||
  fail "the disk is ${used} % full, more than ${most} %; give build.diskSizeGb a higher number or name fewer containers"
say "${count} container images are here, unpacked; the disk is ${used} % full"
