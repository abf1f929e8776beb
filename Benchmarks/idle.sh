#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# idle.sh BIN_DIR [SECONDS] [CONTAINERS]: an agent, Debian's prometheus-node-exporter and, where it is
# installed, netdata on the same host in the same run, with idle containers: resident memory and CPU, of
# all processes of each. The agent samples and stores, at 1 s and then at 10 s; first nobody scrapes,
# then the agent and node_exporter are scraped at that interval. netdata collects and stores at 1 s all
# the time. Then the memory of one shim. Needs root.
set -euo pipefail

bin=$(cd "$1" && pwd -P)
seconds=${2:-60}
containers=${3:-10}
agent_port=19850
exporter_port=19851
netdata_port=19852
data=$(mktemp -d /tmp/ullage-bench.XXXXXX)
pids=()

cleanup() {
    # shellcheck disable=SC2046
    "$bin/ullage" rm -f --data-dir "$data" $("$bin/ullage" ps -aq --data-dir "$data") \
        >/dev/null 2>&1 || true
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$data"
}
trap cleanup EXIT

# A process and all that it started.
tree() { echo "$1"; for child in $(pgrep -P "$1"); do tree "$child"; done; }
# Milliseconds of processor time that a tree has used, its children that have ended included.
cpu() {
    local pid
    for pid in $(tree "$1"); do
        awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print ($12 + $13 + $14 + $15) * 1000 / hz }' \
            "/proc/$pid/stat" 2>/dev/null || true
    done | awk '{ sum += $1 } END { print sum + 0 }'
}
memory() { # field pid
    local pid
    for pid in $(tree "$2"); do
        awk -v field="$1:" '$1 == field { print $2 }' "/proc/$pid/status" 2>/dev/null || true
    done | awk '{ sum += $1 } END { print sum + 0 }'
}
wait_for() { for _ in $(seq 400); do curl -sf "$1" >/dev/null && return; sleep 0.1; done; exit 1; }
samples() { curl -s "http://127.0.0.1:$1/metrics" | grep -vc '^#'; }

mkdir -p "$data/rootfs/bin"
cp "$(command -v busybox)" "$data/rootfs/bin/busybox"
ln -s busybox "$data/rootfs/bin/sleep"
for i in $(seq "$containers"); do
    "$bin/ullage" run -d --data-dir "$data" --name "idle$i" --rootfs "$data/rootfs" \
        -- /bin/sleep 100000 >/dev/null
done

prometheus-node-exporter --web.listen-address="127.0.0.1:$exporter_port" >/dev/null 2>&1 &
exporter=$!
pids+=("$exporter")
netdata=
if command -v netdata >/dev/null; then
    mkdir -p "$data"/netdata/{cache,lib,log}
    cat >"$data/netdata/netdata.conf" <<CONF
[directories]
    cache = $data/netdata/cache
    lib = $data/netdata/lib
    log = $data/netdata/log
[global]
    run as user = root
[web]
    bind to = 127.0.0.1:$netdata_port
[cloud]
    enabled = no
CONF
    DO_NOT_TRACK=1 netdata -D -c "$data/netdata/netdata.conf" >/dev/null 2>&1 &
    netdata=$!
    pids+=("$netdata")
fi

row() { # name samples cpu_ms pid
    awk -v name="$1" -v samples="$2" -v cpu="$3" -v s="$seconds" -v rss="$(memory VmRSS "$4")" \
        -v anon="$(memory RssAnon "$4")" 'BEGIN {
            printf "%-34s %8.1f %8.1f %9s %8.2f\n", name, rss / 1024, anon / 1024, samples, cpu / s / 10 }'
}
measure() { # interval agent: scrapes when SCRAPE is set
    local before_agent before_exporter before_netdata end
    before_agent=$(cpu "$2")
    before_exporter=$(cpu "$exporter")
    [ -z "$netdata" ] || before_netdata=$(cpu "$netdata")
    end=$((SECONDS + seconds))
    while [ $SECONDS -lt $end ]; do
        if [ -n "${SCRAPE:-}" ]; then
            curl -s -o /dev/null "http://127.0.0.1:$agent_port/metrics"
            curl -s -o /dev/null "http://127.0.0.1:$exporter_port/metrics"
        fi
        sleep "$1"
    done
    row "ullage at $1 s${SCRAPE:+, scraped}" "$agent_samples" \
        "$(awk "BEGIN { print $(cpu "$2") - $before_agent }")" "$2"
    [ -z "${SCRAPE:-}" ] || row "node_exporter, scraped at $1 s" "$exporter_samples" \
        "$(awk "BEGIN { print $(cpu "$exporter") - $before_exporter }")" "$exporter"
    [ -z "$netdata" ] || row "netdata at 1 s" "-" \
        "$(awk "BEGIN { print $(cpu "$netdata") - $before_netdata }")" "$netdata"
}

wait_for "http://127.0.0.1:$exporter_port/metrics"
# netdata finds a hundred containers in about a minute.
[ -z "$netdata" ] || sleep "${NETDATA_WARM:-75}"
exporter_samples=$(samples $exporter_port)
printf '%d idle containers, %d s each; load %s\n' "$containers" "$seconds" "$(cut -d ' ' -f 1-3 /proc/loadavg)"
printf '%-34s %8s %8s %9s %8s\n' processes 'RSS MB' 'anon MB' samples 'CPU %'
for interval in 1 10; do
    printf 'sampling:\n  interval: %ss\n' "$interval" >"$data/ullage.yaml"
    "$bin/ullage" agent --config "$data/ullage.yaml" --data-dir "$data" \
        --listen "127.0.0.1:$agent_port" >"$data/agent.log" 2>&1 &
    agent=$!
    pids+=("$agent")
    wait_for "http://127.0.0.1:$agent_port/-/ready"
    sleep 15
    agent_samples=$(samples $agent_port)
    measure "$interval" "$agent"
    SCRAPE=1 measure "$interval" "$agent"
    kill "$agent"
    wait "$agent" || true
done

shim=$(pgrep -f "$bin/ullage-shim" | head -n 1)
printf '%-34s %5d kB %5d kB\n' 'ullage-shim' "$(memory VmRSS "$shim")" "$(memory RssAnon "$shim")"
printf 'load at the end %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
