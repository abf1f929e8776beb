#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What idle log files cost: CPU and memory of an agent with FILES (10,000) logs in which nothing
# happens for SECONDS (30), beside one with none. Sampling is set to its slowest, so that tailing is
# what is left.
#
#   idle.sh BUILD-DIRECTORY [FILES] [SECONDS]
set -eu
build=$(cd "$1" && pwd)
files=${2:-10000}
seconds=${3:-30}
work=$(mktemp -d "${TMPDIR:-/tmp}/ullage-bench-XXXXXX")
agent=
trap '[ -z "$agent" ] || kill "$agent" 2>/dev/null || :; rm -rf "$work"' EXIT
mkdir "$work/logs"

measure() {
    printf 'sampling: {interval: 1m}\ndiscovery: {engines: [docker], docker_root: %s}\nlogs: {pods: none, files: ["%s/logs/*/*.log"]}\n' \
        "$work/docker" "$work" >"$work/ullage.yaml"
    "$build/ullage" agent --config "$work/ullage.yaml" --data-dir "$work/data-$1" \
        --listen 127.0.0.1:0 2>>"$work/err" &
    agent=$!
    stored=-1
    while [ "$stored" -lt "$1" ]; do
        sleep 1
        stored=$(ls "$work/data-$1/agent/logs" 2>/dev/null | grep -c '^x-' || :)
    done
    sleep 5
    before=$(awk '{print $14 + $15}' "/proc/$agent/stat")
    sleep "$seconds"
    after=$(awk '{print $14 + $15}' "/proc/$agent/stat")
    memory=$(awk '/VmRSS/ {print $2 / 1024}' "/proc/$agent/status")
    open=$(ls "/proc/$agent/fd" | wc -l)
    awk -v n="$1" -v c=$((after - before)) -v s="$seconds" -v m="$memory" -v o="$open" 'BEGIN {
        printf "%6d idle files: %.2f %% of a core, %.0f MiB resident, %d descriptors\n",
            n, c / s, m, o }'
    kill "$agent"
    wait "$agent" || :
    agent=
}

measure 0
i=0
while [ $i -lt "$files" ]; do
    directory="$work/logs/$((i / 100))"
    mkdir -p "$directory"
    echo "a line of log $i" >"$directory/$i.log"
    i=$((i + 1))
done
measure "$files"
