#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# engines.sh BIN_DIR [IMAGE_DIR] [OUTPUT]: Docker, Podman, containerd, systemd, nspawn and LXC of
# Debian 12 in a guest with full cgroup v2, and the agent beside them; then compares what the agent
# says with the engines' own tools, the cgroup files and node_exporter. Makes the guest's image first
# where there is none (three minutes; root and a Debian mirror are needed); ten minutes without.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
image=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/ullage-lane}
output=${3:-}
[ -e "$image/root.img" ] && [ -e "$image/kernel" ] || "$here/image.sh" "$image"
lane=$(mktemp -d /tmp/lane-engines.XXXXXX)
trap 'rm -rf "$lane"' EXIT
[ -n "$output" ] || output=$lane/output
mkdir -p "$lane/in"
cp "$here/engines-guest.sh" "$lane/in/"
"$here/guest.sh" -t "${LANE_SECONDS:-1800}" -d "$lane/in" -o "$output" -p "$bin/ullage" -p "$bin/ullage-shim" \
    "$image" sh /lane/engines-guest.sh
"$here/engines.py" "$output"
