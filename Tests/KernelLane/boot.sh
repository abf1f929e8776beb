#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# boot.sh [-d DIR] [-t SECONDS] COMMAND: boots Debian's kernel in QEMU (TCG) with full cgroup v2, runs
# COMMAND in it with DIR at /lane, prints its output and ends with its exit code.
#
# There is no disk image: the root file system is a busybox and DIR. Shared libraries that programs
# in DIR need are copied along. A small ext4 disk is mounted at /data, so that block I/O is real.
set -euo pipefail
directory= seconds=300
while getopts d:t: option; do
    case $option in d) directory=$OPTARG ;; t) seconds=$OPTARG ;; *) exit 64 ;; esac
done
shift $((OPTIND - 1))

need() { command -v "$1" >/dev/null || { echo "boot.sh: $1 is missing: apt-get install $2" >&2; exit 69; }; }
need qemu-system-x86_64 qemu-system-x86
need cpio cpio
need modprobe kmod
need busybox busybox-static
need mke2fs e2fsprogs
kernel=$(ls -v /boot/vmlinuz-*-cloud-amd64 /boot/vmlinuz-*-amd64 2>/dev/null | tail -n 1)
[ -n "$kernel" ] || { echo "boot.sh: no kernel: apt-get install linux-image-cloud-amd64" >&2; exit 69; }
version=${kernel#/boot/vmlinuz-}

work=$(mktemp -d /tmp/kernel-lane.XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,etc,data,lane,modules,lib,lib64}
cp "$(command -v busybox)" "$root/bin/busybox"
printf '%s\n' "$*" >"$root/command"
if [ -n "$directory" ]; then
    cp -a "$directory"/. "$root/lane/"
    find "$directory" -type f -perm -u+x -exec sh -c 'ldd "$1" 2>/dev/null' _ {} \; |
        grep -o '/[^ ]*' | sort -u | while read -r library; do
            mkdir -p "$root$(dirname "$library")"
            [ -e "$root$library" ] || strip -S -o "$root$library" "$library" 2>/dev/null ||
                cp -L "$library" "$root$library"
        done
fi
number=100
for module in virtio_pci virtio_console virtio_blk overlay ext4; do
    modprobe -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | awk '!seen[$0]++' | while read -r file; do
    number=$((number + 1))
    cp "$file" "$root/modules/$number.ko"
done

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
# The kernel lets nobody pivot away from the initial file system, as containers do: move to a tmpfs.
if [ "$1" != moved ]; then
    mkdir /new
    mount -t tmpfs root /new
    for entry in /*; do [ "$entry" = /new ] || cp -a "$entry" /new/; done
    mount -t devtmpfs dev /new/dev
    exec switch_root /new /init moved
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs tmp /run
mount -t tmpfs tmp /tmp
for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up
mount -t ext4 /dev/vda /data
port=
while [ -z "$port" ]; do
    for device in /sys/class/virtio-ports/*; do
        [ "$(cat "$device/name" 2>/dev/null)" = lane ] && port=/dev/${device##*/}
    done
done
cd /lane
sh /command >"$port" 2>&1 </dev/null
echo "lane-exit $?" >/dev/ttyS0
# A reset throws away what the serial port has not sent yet.
sleep 2
echo b >/proc/sysrq-trigger
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initrd"
truncate -s 256M "$work/disk"
mke2fs -q -t ext4 -E lazy_itable_init=1 "$work/disk"

set +e
# The console port writes to descriptor 3, our stdout behind a pipe: a plain file would be cut.
timeout "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2G \
    -nodefaults -no-user-config -display none -no-reboot -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off psi=1 cgroup_no_v1=all" \
    -drive "if=virtio,format=raw,file=$work/disk,cache=unsafe" \
    -serial "file:$work/console" -device virtio-serial-pci \
    -chardev file,id=lane,path=/dev/fd/3,append=on \
    -device virtserialport,chardev=lane,name=lane 3>&1 </dev/null | cat
code=$(sed -n 's/^lane-exit \([0-9]*\).*/\1/p' "$work/console")
if [ -z "$code" ]; then
    echo "boot.sh: the guest did not finish within $seconds s; its console:" >&2
    tail -n 20 "$work/console" >&2
    code=125
fi
exit "$code"
