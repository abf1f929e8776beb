#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BIN_DIR: the cases that need full cgroup v2, with the built programs, in a guest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
lane=$(mktemp -d /tmp/kernel-lane-files.XXXXXX)
trap 'rm -rf "$lane"' EXIT
strip -o "$lane/ullage" "$bin/ullage"
strip -o "$lane/ullage-shim" "$bin/ullage-shim"
cp "$here/cases.sh" "$lane/"
cp "$here/../../config/rules.d/containers.yaml" "$lane/"
"$here/boot.sh" -t 600 -d "$lane" sh /lane/cases.sh
