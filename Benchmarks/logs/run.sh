#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What storing and searching logs costs: a json-file of a Docker container of BYTES bytes (1 GB
# unless given) is there when the agent starts; measured is until it has stored the last line.
#
#   run.sh BUILD-DIRECTORY [BYTES]
#
# Needs a C compiler; rg and zstd are compared with when they are installed. The agent runs with its
# other duties (sampling every second), which are part of the figures.
set -eu
build=$(cd "$1" && pwd)
bytes=${2:-1000000000}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ullage-bench-XXXXXX")
agent=
trap '[ -z "$agent" ] || kill "$agent" 2>/dev/null || :; rm -rf "$work"' EXIT

cc -O2 -o "$work/generate" "$here/generate.c"
id=$(printf '%064d' 7)
log="$work/docker/containers/$id"
mkdir -p "$log"
records=$("$work/generate" "$bytes" 2>&1 >"$log/$id-json.log")
size=$(stat -c %s "$log/$id-json.log")
cat >"$log/config.v2.json" <<JSON
{"ID":"$id","Name":"/bench","Created":"2026-01-31T10:00:00Z","Config":{"Image":"bench"},
"State":{"Running":false,"StartedAt":"2026-01-31T10:00:00Z"},"LogPath":"$log/$id-json.log"}
JSON
echo '{"LogConfig":{"Type":"json-file"}}' >"$log/hostconfig.json"
cat >"$work/ullage.yaml" <<YAML
sampling: {interval: 1s}
discovery: {engines: [docker], docker_root: $work/docker}
logs: {pods: none, retention: 10y, max_size: 100GiB, max_size_per_container: 100GiB}
YAML
export ULLAGE_DATA_DIR="$work/data"

"$build/ullage" agent --config "$work/ullage.yaml" --listen 127.0.0.1:0 2>"$work/err" &
agent=$!
start=$(date +%s.%N)
stored=0
while [ "$stored" != "$records" ]; do
    kill -0 "$agent"
    sleep 0.5
    stored=$("$build/ullage" logs stats -o json 2>/dev/null |
        sed -n 's/.*"lines":\([0-9]*\).*/\1/p') || stored=0
done
end=$(date +%s.%N)
cpu=$(awk '{print ($14 + $15) / 100}' "/proc/$agent/stat")
rss=$(awk '/VmHWM/ {print $2 / 1024}' "/proc/$agent/status")
kill "$agent"
wait "$agent" || :
agent=
disk=$(cat "$work"/data/agent/logs/"$id"/* | wc -c)
awk -v s="$size" -v c="$cpu" -v a="$start" -v b="$end" -v r="$rss" -v d="$disk" 'BEGIN {
    printf "stored %.2f GB in %.1f s: %.0f MB/s, %.2f CPU-s/GB, %.0f MiB resident at most\n",
        s / 1e9, b - a, s / 1e6 / (b - a), c / (s / 1e9), r
    printf "%.1f MB on disk, 1/%.1f of the json-file\n", d / 1e6, s / d }'

# The best of three, in wall time.
seconds() {
    best=999999999
    for _ in 1 2 3; do
        from=$(date +%s%N)
        "$@" >/dev/null 2>&1 || :
        to=$(date +%s%N)
        took=$(((to - from) / 1000))
        [ $took -ge $best ] || best=$took
    done
    awk -v n="$*" -v t="$best" 'BEGIN { printf "%8.1f ms  %s\n", t / 1000, n }'
}
needle=$("$build/ullage" grep --no-names haystack | awk 'NR == 1 {print $1}')
cat "$log/$id-json.log" >/dev/null
seconds "$build/ullage" grep -c -w "$needle"
seconds "$build/ullage" grep -c "$needle"
! command -v rg >/dev/null || seconds rg -c "$needle" "$log/$id-json.log"
seconds "$build/ullage" grep -c 'took_ms":8[0-9][0-9]\}'
seconds "$build/ullage" grep -c '[A-Z][a-z]+: [A-Z][a-z]+ [a-z]+$'
if command -v zstd >/dev/null && command -v rg >/dev/null; then
    zstd -q -3 "$log/$id-json.log" -o "$work/log.zst"
    pipe() { zstd -dc "$work/log.zst" | rg -c "$2"; }
    seconds pipe 'zstd -dc | rg -c' 'took_ms\\":8[0-9][0-9]\}'
    seconds pipe 'zstd -dc | rg -c' '[A-Z][a-z]+: [A-Z][a-z]+ [a-z]+\\n"'
fi
seconds "$build/ullage" logs -n 100 bench
last=$("$build/ullage" logs -n 1 -o jsonl bench | sed -n 's/.*"time":"\([^"]*\)".*/\1/p')
seconds "$build/ullage" logs --since "$last" bench
