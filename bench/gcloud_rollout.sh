#!/usr/bin/env bash
# What a careful operator does by hand, one instance group after the other: look at the group and at the template it is
# on, make a copy of that template with the new boot image and the changed kube-env, look whether the copy has them, point
# the group at it, and look whether it is. Each step is one gcloud command, and waits for its operation as gcloud does.
#
#     bench/gcloud_rollout.sh IMAGE GROUP=ZONE...
#
# gcloud's own settings say which project and where the APIs are. Needs gcloud and jq.
set -euo pipefail

image=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for each in "$@"; do
  group=${each%=*} zone=${each#*=}
  groups=(gcloud compute instance-groups managed)

  "${groups[@]}" describe "$group" --zone "$zone" --format json >"$folder/group.json"
  template=$(jq -r '.instanceTemplate | split("/") | last' "$folder/group.json")
  [[ $(jq -r .updatePolicy.type "$folder/group.json") == OPPORTUNISTIC ]] || { echo "$group: not OPPORTUNISTIC" >&2; exit 1; }

  gcloud compute instance-templates describe "$template" --format json >"$folder/template.json"
  rm -rf "$folder/metadata" && mkdir "$folder/metadata"
  files=()
  while read -r key; do
    jq -j --arg key "$key" '.properties.metadata.items[] | select(.key == $key) | .value' \
      "$folder/template.json" >"$folder/metadata/$key"
    files+=("$key=$folder/metadata/$key")
  done < <(jq -r '.properties.metadata.items[].key' "$folder/template.json")
  printf '\nPOOLWRIGHT_BENCH: hello\n' >>"$folder/metadata/kube-env"

  of() { jq -r ".properties | $1" "$folder/template.json"; }
  made=${template:0:50}-by-hand
  gcloud compute instance-templates create "$made" \
    --image "$image" --boot-disk-size "$(of '.disks[0].initializeParams.diskSizeGb')GB" \
    --boot-disk-type "$(of '.disks[0].initializeParams.diskType')" --machine-type "$(of .machineType)" \
    --network "$(of '.networkInterfaces[0].network')" --subnet "$(of '.networkInterfaces[0].subnetwork')" \
    --region "$(of '.networkInterfaces[0].subnetwork | split("/")[-3]')" \
    --tags "$(of '.tags.items | join(",")')" --service-account "$(of '.serviceAccounts[0].email')" \
    --scopes "$(of '.serviceAccounts[0].scopes | join(",")')" --maintenance-policy TERMINATE --can-ip-forward \
    --metadata-from-file "$(IFS=,; echo "${files[*]}")" >/dev/null

  gcloud compute instance-templates describe "$made" --format json >"$folder/made.json"
  jq -j '.properties.metadata.items[] | select(.key == "kube-env") | .value' "$folder/made.json" |
    cmp -s - "$folder/metadata/kube-env" || { echo "$made has another kube-env" >&2; exit 1; }
  [[ $(jq -r '.properties.disks[0].initializeParams.sourceImage' "$folder/made.json") == */"$image" ]]

  "${groups[@]}" set-instance-template "$group" --zone "$zone" --template "$made" >/dev/null

  now=$("${groups[@]}" describe "$group" --zone "$zone" --format 'value(instanceTemplate.basename())')
  [[ $now == "$made" ]] || { echo "$group is on $now, not on $made" >&2; exit 1; }
  echo "$group is on $made"
done
