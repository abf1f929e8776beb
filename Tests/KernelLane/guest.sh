#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# guest.sh [-d DIR] [-p PROGRAM]... [-o DIR] [-t SECONDS] IMAGE COMMAND: boots what image.sh made, in
# QEMU (TCG), with systemd and full cgroup v2, runs COMMAND in it, prints its output and ends with its
# exit code.
#
# What is in -d is at /lane, the working directory; programs are at /lane/bin, with the shared
# libraries that they need; what COMMAND leaves in /lane-out comes back to -o. /data is an ext4 disk.
# The image is never changed. There is no network.
set -euo pipefail
directory= seconds=900 output= programs=()
while getopts d:p:o:t: option; do
    case $option in
        d) directory=$OPTARG ;;
        p) programs+=("$OPTARG") ;;
        o) output=$OPTARG ;;
        t) seconds=$OPTARG ;;
        *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
image=$1
shift
command -v qemu-system-x86_64 >/dev/null ||
    { echo "guest.sh: qemu-system-x86_64 is missing: apt-get install qemu-system-x86" >&2; exit 69; }

work=$(mktemp -d /tmp/lane-guest.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lane/bin" "$work/lane/lib"
[ -z "$directory" ] || cp -a "$directory"/. "$work/lane/"
printf '%s\n' "$*" >"$work/lane/command"
for program in "${programs[@]}"; do
    strip -o "$work/lane/bin/$(basename "$program")" "$program" 2>/dev/null ||
        cp "$program" "$work/lane/bin/"
    # The C library is the image's own. A static program needs none.
    { ldd "$program" 2>/dev/null || true; } | sed -n 's|.*=> \(/[^ ]*\).*|\1|p' |
        sed -E '/\/lib(c|m|dl|rt|pthread)\./d' | while read -r library; do
            name=$(basename "$library")
            [ -e "$work/lane/lib/$name" ] ||
                strip -S -o "$work/lane/lib/$name" "$library" 2>/dev/null ||
                cp -L "$library" "$work/lane/lib/$name"
        done
done
tar -C "$work/lane" --format=ustar -cf "$work/in.tar" .
truncate -s %512 "$work/in.tar"
truncate -s 256M "$work/out.tar"
truncate -s 4G "$work/data"

set +e
# The console port writes to descriptor 3, our stdout behind a pipe: a plain file would be cut.
timeout "$seconds" qemu-system-x86_64 -accel tcg,thread=multi,tb-size=512 -cpu max -smp "${LANE_CPUS:-2}" \
    -m 2G -nodefaults -no-user-config -display none -no-reboot \
    -kernel "/boot/vmlinuz-$(cat "$image/kernel")" -initrd "$image/initrd.img" \
    -append "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off apparmor=0 psi=1
        systemd.unified_cgroup_hierarchy=1 systemd.unit=lane.target systemd.show_status=0
        systemd.mask=systemd-udev-trigger.service modules-load=virtio_console,virtio_rng" \
    -drive "if=virtio,format=raw,file=$image/root.img,snapshot=on,cache=unsafe" \
    -drive "if=virtio,format=raw,file=$work/in.tar,readonly=on" \
    -drive "if=virtio,format=raw,file=$work/out.tar,cache=unsafe" \
    -drive "if=virtio,format=raw,file=$work/data,cache=unsafe" \
    -serial "file:$work/console" -device virtio-serial-pci \
    -chardev file,id=lane,path=/dev/fd/3,append=on -device virtserialport,chardev=lane,name=lane \
    -device virtio-rng-pci 3>&1 </dev/null | cat
mkdir -p "$work/out"
tar -C "$work/out" -xf "$work/out.tar" 2>/dev/null
if [ ! -s "$work/out/exit" ]; then
    echo "guest.sh: the guest did not finish within $seconds s; its console:" >&2
    tail -n 20 "$work/console" >&2
    exit 125
fi
code=$(cat "$work/out/exit")
[ -z "$output" ] || { mkdir -p "$output" && cp -a "$work/out"/. "$output/"; }
exit "$code"
