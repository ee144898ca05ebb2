#!/usr/bin/env bash
# Boots a Debian with systemd in namespaces of its own, where it has a loopback and no other network.
#
# Usage: boot.sh ROOT
#
#   ROOT   the folder of the system, made by debootstrap
#
# Runs until systemd ends or is killed; all that it has started and mounted ends with it. For root.
set -Eeuo pipefail

if [[ ${2:-} != inside ]]; then
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child bash "$0" "$1" inside
fi

hostname vm
cd "$1"
mount --bind . .
cd "$PWD"
mount -t proc proc proc
mount -t sysfs sysfs sys
umount -R sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir -p host
pivot_root . host
umount -l /host
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=null --show-status=no
