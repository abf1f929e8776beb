#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh BIN_DIR [DATA_DIR]: an agent and three small containers, live, until Ctrl-C. Everything it
# makes is removed at the end, and what a killed run left behind is removed at the start.
set -euo pipefail

bin=$(cd "$1" && pwd -P)
data=${2:-/tmp/ullage-demo}
listen=127.0.0.1:9850
ullage="$bin/ullage"
export ULLAGE_DATA_DIR=$data

if [ "$(id -u)" != 0 ]; then
    echo "needs root, because it runs containers: sudo make run" >&2
    exit 77
fi

clean() {
    if [ -f "$data/agent.pid" ]; then
        pid=$(cat "$data/agent.pid")
        # Only our own agent: the number may belong to another program by now.
        if grep -qs "$data" "/proc/$pid/cmdline" 2>/dev/null; then
            kill "$pid" 2>/dev/null || true
            for _ in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
            kill -9 "$pid" 2>/dev/null || true
        fi
    fi
    # shellcheck disable=SC2046
    if [ -d "$data/containers" ]; then
        "$ullage" rm -f $("$ullage" ps -aq --no-trunc --filter engine=embedded) >/dev/null 2>&1 || true
    fi
    rm -rf "$data"
}
finish() {
    trap - EXIT INT TERM
    # What is left must go even when nobody reads the output any more.
    trap '' PIPE
    kill "${table:-}" 2>/dev/null || true
    printf '\nStopping the agent and removing the demo containers.\n' 2>/dev/null || true
    clean
    exit 0
}

clean
mkdir -p "$data/rootfs/bin" "$data/rootfs/tmp"
cp "$(command -v busybox)" "$data/rootfs/bin/busybox"
for name in sh sleep echo dd; do ln -sf busybox "$data/rootfs/bin/$name"; done
printf 'sampling:\n  interval: 2s\n' >"$data/ullage.yaml"
trap finish EXIT INT TERM PIPE

setsid "$ullage" agent --config "$data/ullage.yaml" --data-dir "$data" --listen "$listen" \
    >"$data/agent.log" 2>&1 &
echo $! >"$data/agent.pid"

run() { "$ullage" run -d --rootfs "$data/rootfs" "$@" >/dev/null; }
run --name burner --cpus 0.25 --memory 32m --pids-limit 16 -- /bin/sh -c 'while :; do :; done'
# Half a megabyte a second into memory, up to 56 of 64 MiB; then it begins anew.
run --name grower --memory 64m --pids-limit 16 -- /bin/sh -c '
    while :; do
        i=0
        while [ $i -lt 112 ]; do
            dd if=/dev/zero of=/dev/shm/$i bs=512k count=1 2>/dev/null
            i=$((i + 1)); sleep 1
        done
        busybox rm -f /dev/shm/*
    done'
run --name chatter --memory 16m --pids-limit 16 -- /bin/sh -c '
    i=0
    while :; do
        echo "request $i served in $((i % 90)) ms"; i=$((i + 1))
        [ $((i % 10)) = 0 ] && echo "request $i failed: upstream timed out" >&2
        sleep 0.1
    done'

for _ in $(seq 100); do
    "$ullage" stats --no-stream >/dev/null 2>&1 && break
    if ! kill -0 "$(cat "$data/agent.pid")" 2>/dev/null; then
        echo "the agent did not start:" >&2
        cat "$data/agent.log" >&2
        exit 1
    fi
    sleep 0.1
done
[ -t 1 ] && printf '\033[H\033[J'
cat <<T
Try in another terminal (Ctrl-C here ends the demo):

  export ULLAGE_DATA_DIR=$data PATH=$bin:\$PATH
  ullage ps
  ullage logs -f chatter
  ullage query 'rate(container_cpu_usage_seconds_total{name="burner"}[1m])'
  curl http://$listen/metrics

T
# In the background, so that a signal is acted upon at once.
"$ullage" stats --interval 2 &
table=$!
wait "$table"
