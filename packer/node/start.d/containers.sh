# shellcheck shell=bash
# Says on the node's console which boot image it runs and which pre-loaded container images are not there (any more), as
# when a local SSD took the place of the boot disk's folder. It changes nothing.
(
  cd /home/kubernetes/poolwright || exit 0
  for _ in {1..60}; do
    ctr version >/dev/null 2>&1 && break
    sleep 2
  done
  missing=0 count=0
  while read -r image; do
    [[ -n "${image}" ]] || continue
    count=$((count + 1))
    if ! ctr --namespace k8s.io images check "name==\"${image}\"" </dev/null | grep -q ' complete .*true *$'; then
      missing=$((missing + 1))
      echo "poolwright: pre-loaded ${image} is not here"
    fi
  done <containers
  echo "poolwright: $(paste -sd ' ' boot-image): $((count - missing)) of ${count} pre-loaded containers are here"
) &
