#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# image.sh DIRECTORY: makes root.img and initrd.img for guest.sh: Debian 12 with systemd, Docker,
# Podman, containerd and node_exporter. Takes about three minutes and 800 MB. Needs root.
set -euo pipefail
output=$1
suite=bookworm
mkdir -p "$output"

need() { command -v "$1" >/dev/null || { echo "image.sh: $1 is missing: apt-get install $2" >&2; exit 69; }; }
need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need cpio cpio
need modprobe kmod
need busybox busybox-static
kernel=$(ls -v /boot/vmlinuz-*-cloud-amd64 /boot/vmlinuz-*-amd64 2>/dev/null | tail -n 1)
[ -n "$kernel" ] || { echo "image.sh: no kernel: apt-get install linux-image-cloud-amd64" >&2; exit 69; }
version=${kernel#/boot/vmlinuz-}

work=$(mktemp -d /tmp/lane-image.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"

# The guest's side: unpack what came on the second disk, run it, pack what it leaves on the third.
cat >"$work/lane" <<'GUEST'
#!/bin/sh
mkdir -p /lane /lane-out /data
tar -C /lane -xf /dev/vdb
mke2fs -q -t ext4 -E lazy_itable_init=1 /dev/vdd && mount /dev/vdd /data
while [ ! -e /dev/virtio-ports/lane ]; do sleep 0.1; done
export HOME=/root PATH=/lane/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LD_LIBRARY_PATH=/lane/lib
cd /lane
sh /lane/command >/dev/virtio-ports/lane 2>&1 </dev/null
echo $? >/lane-out/exit
tar -C /lane-out -cf /dev/vdc .
sync
echo b >/proc/sysrq-trigger
GUEST
cat >"$work/lane.service" <<'UNIT'
[Unit]
After=basic.target dbus.socket
Wants=dbus.socket
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lane
Delegate=yes
TimeoutStartSec=infinity
UNIT
cat >"$work/lane.target" <<'UNIT'
[Unit]
Requires=basic.target lane.service
After=basic.target lane.service
AllowIsolate=yes
UNIT
cat >"$work/hook" <<'HOOK'
#!/bin/sh
set -e
here=$(dirname "$0")
install -m 755 "$here/lane" "$1/usr/local/sbin/lane"
install -m 644 "$here/lane.service" "$here/lane.target" "$1/etc/systemd/system/"
echo lane >"$1/etc/hostname"
printf '/dev/root / ext4 defaults 0 0\n' >"$1/etc/fstab"
# Engines are started by the cases, so that they do not delay the others.
for unit in docker.service docker.socket containerd.service podman.service podman.socket \
    podman-restart.service podman-auto-update.timer apt-daily.timer apt-daily-upgrade.timer \
    fstrim.timer e2scrub_all.timer dpkg-db-backup.timer prometheus-node-exporter.service; do
    chroot "$1" systemctl disable "$unit" >/dev/null 2>&1 || true
done
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
HOOK
chmod +x "$work/hook"
mmdebstrap --mode=root --variant=minbase --format=directory \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/{doc,man,locale,info}/*' \
    --include=systemd,systemd-sysv,dbus,udev,kmod,iproute2,procps,iptables,e2fsprogs \
    --include=docker.io,podman,conmon,crun,containerd,runc,systemd-container,lxc \
    --include=busybox-static,curl,ca-certificates,quota,strace,python3-minimal \
    --include=systemd-journal-remote,prometheus-node-exporter \
    --customize-hook="$work/hook \"\$1\"" \
    "$suite" "$work/root"
mkdir -p "$work/root/lib/modules"
cp -a "/lib/modules/$version" "$work/root/lib/modules/"
rm -f "$output/root.img"
truncate -s 3G "$output/root.img"
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$work/root" "$output/root.img"

# The first file system: a busybox, the disk's modules, and the way on to systemd.
first=$work/first
mkdir -p "$first"/{bin,dev,proc,sys,new,modules}
cp "$(command -v busybox)" "$first/bin/busybox"
ln -s busybox "$first/bin/sh"
number=100
for module in virtio_pci virtio_blk ext4; do
    modprobe -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | awk '!seen[$0]++' | while read -r file; do
    number=$((number + 1))
    cp "$file" "$first/modules/$number.ko"
done
cat >"$first/init" <<'INIT'
#!/bin/sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
for module in /modules/*.ko; do $b insmod $module; done
while [ ! -b /dev/vda ]; do $b sleep 0.1; done
$b mount -t ext4 -o noatime /dev/vda /new
$b mount -t devtmpfs dev /new/dev
$b umount /proc /sys
exec $b switch_root /new /lib/systemd/systemd
INIT
chmod +x "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet) >"$output/initrd.img"
echo "$version" >"$output/kernel"
echo "image.sh: $output/root.img, $(du -sm "$output/root.img" | cut -f 1) MB, Linux $version"
