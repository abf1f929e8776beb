#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sampling.sh BIN_DIR [CONTAINERS...]: what sampling costs for each container and second, beside a C
# program that makes the same reads, and what a line of /metrics costs; for 10, 100 and 1000 containers
# unless said otherwise. A container is a cgroup (in each hierarchy) with a sleeping process, in a
# network namespace of its own when NETWORK=1. Needs root and a C compiler.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd -P)
shift
[ $# -gt 0 ] || set -- 10 100 1000
ticks=${TICKS:-240}
work=$(mktemp -d /tmp/ullage-sampling.XXXXXX)
mounts=$(awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /(,|^)(cpu|cpuacct|memory|pids|blkio)(,|$)/) { print $2 }' /proc/mounts)
pids=()

cleanup() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    for mount in $mounts; do
        find "$mount/ullage-bench" -depth -mindepth 1 -type d -exec rmdir {} + 2>/dev/null || true
        rmdir "$mount/ullage-bench" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT

cc -O2 -o "$work/reads" "$here/sampling/reads.c"
cc -O2 -shared -fPIC -o "$work/interpose.so" "$here/sampling/interpose.c" -ldl
ulimit -n "$(ulimit -Hn)"
for mount in $mounts; do
    mkdir -p "$mount/ullage-bench"
    # On a host with v2 alone the controllers must be handed down.
    if [ -e "$mount/cgroup.subtree_control" ]; then
        for at in "$mount" "$mount/ullage-bench"; do
            for controller in $(cat "$at/cgroup.controllers"); do
                echo "+$controller" >"$at/cgroup.subtree_control" 2>/dev/null || true
            done
        done
    fi
done
number=0
for wanted in "$@"; do
    while [ $number -lt "$wanted" ]; do
        for mount in $mounts; do mkdir -p "$mount/ullage-bench/c$number"; done
        if [ "${NETWORK:-0}" = 1 ]; then unshare -n sleep 100000 & else sleep 100000 & fi
        pids+=($!)
        for mount in $mounts; do echo $! >"$mount/ullage-bench/c$number/cgroup.procs"; done
        echo "/ullage-bench/c$number $!" >>"$work/list"
        number=$((number + 1))
    done
    "$work/reads" "$work/list" "$ticks" >"$work/c"
    "$bin/sampling-bench" "$work/list" "$ticks" "$work/store$wanted" >"$work/ours"
    LD_PRELOAD="$work/interpose.so" "$bin/sampling-bench" "$work/list" 60 "$work/counted$wanted" >"$work/counted"
    again=$("$work/reads" "$work/list" "$ticks" | awk '/^reads_us/ { print $2 }')
    awk -v again="$again" '
        { value[$1] = $2 }
        /ns_per_line/ { line[++lines] = $0 }
        END {
            c = (value["reads_us_per_container"] + again) / 2
            printf "%s containers, %s samples each\n", value["containers"], value["samples_per_container"]
            printf "  the C loop, before and after  %8.2f %8.2f us a container, %s reads\n",
                value["reads_us_per_container"], again, value["reads_per_container"]
            printf "  sampling                      %8.2f us a container, %.2f times that\n",
                value["sampling_us_per_container"], value["sampling_us_per_container"] / c
            printf "  appending to the store        %8.2f us a container\n", value["appending_us_per_container"]
            printf "  memory of a series            %8d bytes\n", value["memory_bytes_per_series"]
            for (i = 1; i <= lines; i++) print "  /metrics " line[i]
        }' "$work/c" "$work/ours"
    awk '/^(reads|allocations)_per/ { print "  counted: " $0 } / allocations / { print "  counted: " $0 }' "$work/counted"
done
