#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make.sh [IMAGE]: makes the golden files of this directory anew, in a guest with Debian 12's docker.io,
# podman and systemd-journal-remote (../image.sh makes the image).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
image=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/ullage-lane}
[ -e "$image/root.img" ] || "$here/../image.sh" "$image"
work=$(mktemp -d /tmp/golden.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/in" "$work/root/bin" "$work/root/tmp" "$work/root/proc" "$work/root/dev"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for name in sh cat echo sleep; do ln -s busybox "$work/root/bin/$name"; done
sh "$here/torture.sh" >"$work/root/torture"
tar -C "$work/root" -cf "$work/in/busybox.tar" .
cp "$here/guest.sh" "$here/cri.py" "$work/in/"
"$here/../guest.sh" -d "$work/in" -o "$work/out" -t 800 "$image" 'sh ./guest.sh'
gzip -9nc "$work/root/torture" >"$here/torture.gz"
for name in docker-json.log docker-attrs.log docker-local.log docker-rotated.log podman-k8s.log \
    containerd-cri.log engines.journal; do
    gzip -9nc "$work/out/$name" >"$here/$name.gz"
done
cp "$work"/out/docker-rotated.log.*.gz "$here/"
chmod 644 "$here"/*.gz
