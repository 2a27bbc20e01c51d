#!/bin/bash
# A disposable machine: a root of its own with the host's programs. As `cos` it has mounts as COS has them - root read-only,
# /home, /var and /tmp noexec, /etc in memory (https://cloud.google.com/container-optimized-os/docs/concepts/disks-and-filesystem);
# as `ubuntu` all is there to be written and run.
# Runs as the first process of mount and PID namespaces of its own (unshare --mount --pid --fork): with it all is gone.
#   bash root.sh FOLDER cos|ubuntu
set -o errexit -o nounset -o pipefail
folder="$1" root="$1/root" runs=exec
[[ "$2" != cos ]] || runs=noexec
mkdir -p "${root}" "${folder}"/stateful/{home,var}
mount -t tmpfs tmpfs "${root}"
mkdir -p "${root}"/{dev,etc,home,mnt,proc,root,run,sys,tmp,usr,var}
for link in bin sbin lib lib64; do ln -s "usr/${link}" "${root}/${link}"; done
mount --bind /usr "${root}/usr"
mount --rbind /dev "${root}/dev"
mount --rbind /sys "${root}/sys"
mount -t proc proc "${root}/proc"
for each in home var; do
  mount --bind "${folder}/stateful/${each}" "${root}/${each}"
  mount -o "remount,bind,${runs},nosuid" "${root}/${each}"
done
mount -t tmpfs -o "${runs},mode=1777" tmpfs "${root}/tmp"
mount -t tmpfs tmpfs "${root}/run"
mount -t tmpfs tmpfs "${root}/etc"
cp -a /etc/. "${root}/etc/"
mkdir -p "${root}"/var/{lib,log,tmp} "${root}/home/poolwright/.ssh" "${root}/run/sshd" "${root}/etc/ssh"
ln -sfn /run "${root}/var/run"
echo 'poolwright ALL=(ALL) NOPASSWD: ALL' >"${root}/etc/sudoers.d/poolwright"
chroot "${root}" useradd --no-create-home --home-dir /home/poolwright --shell /bin/bash --password '*' poolwright
chroot "${root}" chown -R poolwright: /home/poolwright
rm -f "${root}"/etc/ssh/ssh_host_*
chroot "${root}" ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
echo 0123456789abcdef0123456789abcdef >"${root}/etc/machine-id"
echo "this machine's log" >"${root}/var/log/syslog"
[[ "$2" != cos ]] || mount -o remount,ro "${root}"
exec chroot "${root}" /bin/bash -c 'while :; do
  /usr/bin/containerd >>/run/containerd.log 2>&1 &
  echo $! >/run/containerd.pid
  wait $!
done'
