#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make.sh BOOT: makes the golden files of this directory anew, in a guest with Debian 12's docker.io,
# podman and systemd-journal-remote.
#
# BOOT boots such a guest: `BOOT -d DIR -o OUT -t SECONDS -- COMMAND` runs COMMAND in a copy of DIR
# and brings what it leaves in /rig/out to OUT.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
boot=$1
work=$(mktemp -d /tmp/golden.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/in" "$work/root/bin" "$work/root/tmp" "$work/root/proc" "$work/root/dev"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for name in sh cat echo sleep; do ln -s busybox "$work/root/bin/$name"; done
sh "$here/torture.sh" >"$work/root/torture"
tar -C "$work/root" -cf "$work/in/busybox.tar" .
cp "$here/guest.sh" "$work/in/"
"$boot" -d "$work/in" -o "$work/out" -t 800 -- 'sh ./guest.sh'
gzip -9nc "$work/root/torture" >"$here/torture.gz"
for name in docker-json.log docker-attrs.log docker-local.log docker-rotated.log podman-k8s.log \
    engines.journal; do
    gzip -9nc "$work/out/$name" >"$here/$name.gz"
done
cp "$work"/out/docker-rotated.log.*.gz "$here/"
chmod 644 "$here"/*.gz
