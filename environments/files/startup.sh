#!/bin/bash
# Runs what the boot image brings along. It starts from the template's metadata because COS makes /etc anew at each boot, so
# that a unit baked into the image would be gone; and by its path, because nothing there may be executed directly.
set -o errexit -o nounset -o pipefail

for script in /home/kubernetes/poolwright/start.d/*.sh; do
  [[ -f "${script}" ]] && bash "${script}"
done
exit 0
