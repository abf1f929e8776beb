#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# logs.sh BIN_DIR [IMAGE_DIR]: in a guest with real engines, containers that log with each driver, and
# an agent that is killed while they do: each line has to be there once. Five minutes with an image.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
image=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/ullage-lane}
[ -e "$image/root.img" ] && [ -e "$image/kernel" ] || "$here/image.sh" "$image"
lane=$(mktemp -d /tmp/lane-logs.XXXXXX)
trap 'rm -rf "$lane"' EXIT
cp "$here/logs-guest.sh" "$lane/"
"$here/guest.sh" -d "$lane" -p "$bin/ullage" -p "$bin/ullage-shim" -t 900 "$image" sh ./logs-guest.sh
