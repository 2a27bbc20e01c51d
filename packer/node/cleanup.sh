#!/bin/bash
# Removes what makes this machine this machine, so that each node made from the image gets its own: ssh host keys, machine
# id, logs, leases, people's keys and credentials. The last script of all: nobody can log in again afterwards.
#
# A key of a service account anywhere where people or tools leave one fails the build, since an image is copied and shared.
# shellcheck source=packer/node/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly stateful=/mnt/stateful_partition

# Credentials of tools first, so that what is left behind is what nobody meant to leave.
rm -rf /root/.docker /home/*/.docker /root/.config/gcloud /home/*/.config/gcloud
keys="$(grep -rlIE --exclude-dir=containerd '"type" *: *"service_account"' \
  /etc /home /root /tmp /var/tmp /var/lib/cloud /var/lib/google 2>/dev/null || true)"
[[ -z "${keys}" ]] || fail "a service-account key would be in the image: ${keys//$'\n'/, }"

# COS has /etc in memory and keeps host keys on the stateful partition.
rm -f /etc/ssh/ssh_host_* "${stateful}"/etc/ssh/ssh_host_*
rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
rm -f /root/.bash_history /home/*/.bash_history
# Empty, not gone: systemd makes a new id where the file is empty (machine-id(5)).
[[ ! -e /etc/machine-id ]] || : >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed
rm -rf /var/lib/dhcp/* /var/lib/dhclient/* /run/systemd/netif/leases/*
# cloud-init and the guest agent go by the instance's id: what they know of this one goes.
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /etc/instance_id
rm -rf /var/log/journal/* /run/log/journal/*
find /var/log -type f -exec truncate --size 0 {} +
find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'poolwright' ! -name 'script_*' -exec rm -rf {} + 2>/dev/null || true
rm -rf /tmp/poolwright
sync
say "the machine's identity is gone"
