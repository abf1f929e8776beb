#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# idle.sh BIN_DIR [SECONDS] [CONTAINERS]: an agent and Debian's prometheus-node-exporter on the same
# host in the same run, each scraped once a second: resident memory and CPU for each sample served.
# The agent also samples at 1 s and stores. Then the memory of one shim. Needs root.
set -euo pipefail

bin=$(cd "$1" && pwd -P)
seconds=${2:-60}
containers=${3:-10}
agent_port=19850
exporter_port=19851
data=$(mktemp -d /tmp/ullage-bench.XXXXXX)
ticks=$(getconf CLK_TCK)
pids=()

cleanup() {
    "$bin/ullage" rm -f --data-dir "$data" $("$bin/ullage" ps -aq --data-dir "$data") \
        >/dev/null 2>&1 || true
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$data"
}
trap cleanup EXIT

# CPU seconds a process has used, in clock ticks.
cpu() { awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
anon() { awk '/^RssAnon/ { print $2 }' "/proc/$1/status"; }
wait_for() { for _ in $(seq 200); do curl -sf "$1" >/dev/null && return; sleep 0.1; done; exit 1; }

mkdir -p "$data/rootfs/bin"
cp "$(command -v busybox)" "$data/rootfs/bin/busybox"
ln -s busybox "$data/rootfs/bin/sleep"

printf 'sampling:\n  interval: 1s\n' >"$data/ullage.yaml"
"$bin/ullage" agent --config "$data/ullage.yaml" --data-dir "$data" \
    --listen "127.0.0.1:$agent_port" >"$data/agent.log" 2>&1 &
agent=$!
pids+=("$agent")
prometheus-node-exporter --web.listen-address="127.0.0.1:$exporter_port" >/dev/null 2>&1 &
exporter=$!
pids+=("$exporter")
wait_for "http://127.0.0.1:$agent_port/-/ready"
wait_for "http://127.0.0.1:$exporter_port/metrics"

for i in $(seq "$containers"); do
    "$bin/ullage" run -d --data-dir "$data" --name "idle$i" --rootfs "$data/rootfs" \
        -- /bin/sleep 100000 >/dev/null
done
sleep 5

samples() { curl -s "http://127.0.0.1:$1/metrics" | grep -vc '^#'; }
agent_lines=$(samples $agent_port)
exporter_lines=$(samples $exporter_port)
agent_before=$(cpu "$agent")
exporter_before=$(cpu "$exporter")
for _ in $(seq "$seconds"); do
    curl -s -o /dev/null "http://127.0.0.1:$agent_port/metrics"
    curl -s -o /dev/null "http://127.0.0.1:$exporter_port/metrics"
    sleep 1
done
agent_cpu=$(($(cpu "$agent") - agent_before))
exporter_cpu=$(($(cpu "$exporter") - exporter_before))

row() { # name cpu_ticks samples_per_scrape pid
    awk -v name="$1" -v cpu="$2" -v lines="$3" -v hz="$ticks" -v s="$seconds" \
        -v rss="$(rss "$4")" -v anon="$(anon "$4")" 'BEGIN {
        printf "%-22s %8.1f %8.1f %9d %10.2f %12.2f %9.2f\n", name, rss / 1024, anon / 1024,
            lines, 100 * cpu / hz / s, 1e3 * cpu / hz / s, 1e6 * cpu / hz / s / lines }'
}
printf '%d s, %d idle containers, both scraped once a second; the agent samples and stores at 1 s\n' \
    "$seconds" "$containers"
printf '%-22s %8s %8s %9s %10s %12s %9s\n' process 'RSS MB' 'anon MB' samples 'CPU %' \
    'CPU ms/tick' 'us/sample'
row ullage "$agent_cpu" "$agent_lines" "$agent"
row node_exporter "$exporter_cpu" "$exporter_lines" "$exporter"

printf '\nper-container monitor\n'
shim=$(pgrep -f "$bin/ullage-shim" | head -n 1)
printf '%-22s %8s %8s\n' process 'RSS kB' 'anon kB'
printf '%-22s %8d %8d\n' ullage-shim "$(rss "$shim")" "$(anon "$shim")"
