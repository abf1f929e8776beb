#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# journal.sh BUILD [ENTRIES]: what reading and storing a journal of a container's lines costs, beside
# `journalctl -o cat` over the same. journald is Debian's, in a mount namespace of its own. Needs root
# and python3.
set -euo pipefail
build=$(cd "$1" && pwd) entries=${2:-300000}
if [ "${ULLAGE_JOURNAL_INSIDE:-}" != 1 ]; then
    export ULLAGE_JOURNAL_INSIDE=1
    exec unshare --mount --propagation private "$0" "$build" "$entries"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/ullage-journal-XXXXXX")
agent='' daemon=''
end() {
    for pid in $agent $daemon; do kill "$pid" 2>/dev/null || :; done
    wait 2>/dev/null || :
    umount "$work/journal" 2>/dev/null || :
    rm -rf "$work"
}
trap end EXIT
mkdir -p "$work/journal" "$work/docker/containers" /var/log/journal
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log
mount --bind "$work/journal" /var/log/journal
printf '[Journal]\nStorage=persistent\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\nSystemMaxUse=4G\n' \
    >/run/systemd/journald.conf.d/test.conf
/lib/systemd/systemd-journald 2>/dev/null &
daemon=$!
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
python3 - "$entries" <<'PY'
import socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for i in range(int(sys.argv[1])):
    journal.send((
        f"MESSAGE=time=2026-01-31T10:00:{i % 60:02d}Z level=info msg=\"order accepted\" id={i:08x}\n"
        f"PRIORITY=6\nCONTAINER_ID_FULL={7:064d}\nCONTAINER_ID={7:012d}\nCONTAINER_NAME=bench\n"
        f"CONTAINER_TAG=bench\nIMAGE_NAME=bench\nSYSLOG_IDENTIFIER=bench\nCONTAINER_LOG_ORDINAL={i}\n"
        "SYSLOG_TIMESTAMP=2026-01-31T10:00:00.123456789Z\nCONTAINER_LOG_EPOCH=e\n").encode())
PY
journalctl --sync
TIMEFORMAT="journalctl -o cat: %U s user, %S s system"
time journalctl -o cat CONTAINER_NAME=bench | wc -l

printf 'sampling: {interval: 1m}\ndiscovery: {engines: [docker], docker_root: %s}\nlogs: {pods: none, retention: 10y}\n' \
    "$work/docker" >"$work/ullage.yaml"
export ULLAGE_DATA_DIR=$work/data
"$build/ullage" agent --config "$work/ullage.yaml" --listen 127.0.0.1:0 2>"$work/err" &
agent=$!
start=$(date +%s.%N)
stored=0
while [ "${stored:-0}" -lt "$entries" ]; do
    kill -0 "$agent"
    sleep 0.2
    stored=$("$build/ullage" logs stats -o json bench 2>/dev/null |
        sed -n 's/.*"lines":\([0-9]*\).*/\1/p') || stored=0
done
awk -v n="$entries" -v a="$start" -v b="$(date +%s.%N)" -v m="$(awk '/VmHWM/ {print $2 / 1024}' "/proc/$agent/status")" \
    -v p="$(awk '/RssAnon/ {print $2 / 1024}' "/proc/$agent/status")" \
    -v c="$(awk '{print ($14 + $15) / 100}' "/proc/$agent/stat")" 'BEGIN {
    printf "ullage: %.0f entries/s, %.1f us of CPU an entry, %.0f MiB resident at most, pages of the journal included; %.0f MiB private\n",
        n / (b - a), c / n * 1e6, m, p }'
