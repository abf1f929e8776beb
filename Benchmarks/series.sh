#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# series.sh BIN_DIR [quick]: the series store beside Debian's prometheus and victoria-metrics, on
# equal data in one run: bytes on disk, query latencies through the HTTP API, and how they grow with
# ten times the series and ten times the range; before that what only the store can be asked: ingest,
# bytes written, memory, recovery. BIN_DIR has `ullage` and `series-bench`. With `quick` one data
# set. Needs 3 GB in TMPDIR.
set -euo pipefail

bin=$(cd "$1" && pwd -P)
quick=${2:-}
here=$(cd "$(dirname "$0")" && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/ullage-series.XXXXXX")
prometheus_port=19860
victoria_port=19861
ullage_port=19862
pids=()

cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait "${pids[@]}" 2>/dev/null || true
    pids=()
}
wait_for() {
    for _ in $(seq 300); do curl -sf -o /dev/null "$1" && return; sleep 0.1; done
    echo "no answer from $1" >&2
    exit 1
}
bytes() { du -sb --apparent-size "$@" | awk '{ sum += $1 } END { print sum }'; }

echo "== the store alone: series-bench"
for interval in 1000 10000; do
    ticks=$((interval == 1000 ? 3600 : 2160))
    echo "interval ${interval} ms:"
    "$bin/series-bench" ingest "$work/ingest-$interval" 60 "$ticks" "$interval"
done
echo "1,000 containers at 1 s, for memory and CPU:"
"$bin/series-bench" ingest "$work/many" 1000 650 1000
rm -rf "$work/many"
echo "killed with 16 M samples in the journal:"
"$bin/series-bench" pending "$work/pending" 1000 390 >/dev/null 2>&1 || true
"$bin/series-bench" open "$work/pending"
rm -rf "$work/pending"

# dataset NAME CONTAINERS TICKS WINDOW: 10 s data up to a minute ago, in all three, then the queries.
dataset() {
    local name=$1 containers=$2 ticks=$3 window=$4
    local end start dir samples
    end=$(($(date +%s) / 10 * 10 - 60))
    start=$((end - (ticks - 1) * 10))
    dir=$work/$name
    mkdir -p "$dir"
    "$bin/series-bench" generate "$containers" "$ticks" 10000 "$start" >"$dir/data.om"
    samples=$(grep -vc '^#' "$dir/data.om")
    echo
    echo "== $name: $containers containers, $ticks ticks of 10 s, $samples samples"

    promtool tsdb create-blocks-from openmetrics "$dir/data.om" "$dir/prometheus" >/dev/null 2>&1
    printf 'scrape_configs: []\n' >"$dir/prometheus.yml"
    prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/prometheus" \
        --storage.tsdb.retention.time=100d --web.listen-address="127.0.0.1:$prometheus_port" \
        >"$dir/prometheus.log" 2>&1 &
    pids+=($!)
    local servers=("prometheus=$prometheus_port")

    if command -v victoria-metrics >/dev/null; then
        victoria-metrics -storageDataPath="$dir/victoria" -retentionPeriod=100d \
            -httpListenAddr="127.0.0.1:$victoria_port" -search.latencyOffset=0s \
            >"$dir/victoria.log" 2>&1 &
        pids+=($!)
        wait_for "http://127.0.0.1:$victoria_port/health"
        # Its import takes milliseconds, and no comments.
        grep -v '^#' "$dir/data.om" | sed 's/$/000/' | split -l 400000 --filter \
            "curl -sf --data-binary @- http://127.0.0.1:$victoria_port/api/v1/import/prometheus"
        curl -sf "http://127.0.0.1:$victoria_port/internal/force_flush"
        curl -sf "http://127.0.0.1:$victoria_port/internal/force_merge"
        sleep 5
        servers+=("victoriametrics=$victoria_port")
    fi

    local before
    mkdir -p "$dir/ullage"
    /usr/bin/time -f 'ullage storage import: %U s user, %S s system' \
        "$bin/ullage" storage import --data-dir "$dir/ullage" "$dir/data.om" >/dev/null
    rm "$dir/data.om"
    before=$(bytes "$dir/ullage/agent/series")
    printf 'sampling:\n  interval: 1m\n' >"$dir/ullage.yaml"
    "$bin/ullage" agent --config "$dir/ullage.yaml" --data-dir "$dir/ullage" \
        --listen "127.0.0.1:$ullage_port" >"$dir/ullage.log" 2>&1 &
    pids+=($!)
    servers+=("ullage=$ullage_port")
    wait_for "http://127.0.0.1:$ullage_port/-/ready"
    wait_for "http://127.0.0.1:$prometheus_port/-/ready"

    printf 'bytes a sample on disk:'
    printf ' prometheus %s' "$(awk "BEGIN { printf \"%.3f\", $(bytes "$dir"/prometheus/01*) / $samples }")"
    if [ -d "$dir/victoria" ]; then
        printf '  victoriametrics %s' \
            "$(awk "BEGIN { printf \"%.3f\", $(bytes "$dir/victoria/data" "$dir/victoria/indexdb") / $samples }")"
    fi
    printf '  ullage %s\n' "$(awk "BEGIN { printf \"%.3f\", $before / $samples }")"
    python3 "$here/series_queries.py" "$end" "$window" 60 "${servers[@]}"
    stop
    rm -rf "$dir"
}

dataset base 60 2160 21000
[ -n "$quick" ] && exit 0
dataset small 6 2160 21000
dataset ten-times-the-range 6 21600 210000
