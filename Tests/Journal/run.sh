#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD [KILLS]: containers that log to a real journald, and an agent that reads it and is
# killed KILLS times (5). journald is Debian's, run in a mount namespace of its own beside the host's.
set -euo pipefail
build=$(cd "$1" && pwd) kills=${2:-5}
journald=/lib/systemd/systemd-journald
[ "$(id -u)" = 0 ] && [ -x $journald ] || { echo "needs root and $journald (apt-get install systemd)" >&2; exit 69; }
if [ "${ULLAGE_JOURNAL_INSIDE:-}" != 1 ]; then
    export ULLAGE_JOURNAL_INSIDE=1
    exec unshare --mount --propagation private "$0" "$build" "$kills"
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
fail() { echo "FAILED: $*" >&2; tail -n 20 "$work/err" >&2; exit 1; }

mkdir -p "$work/journal" "$work/rootfs/bin" "$work/docker/containers" /var/log/journal
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log
mount --bind "$work/journal" /var/log/journal
if [ ! -s /etc/machine-id ]; then
    head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >/run/machine-id
    touch /etc/machine-id
    mount --bind /run/machine-id /etc/machine-id
fi
printf '[Journal]\nStorage=persistent\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n' \
    >/run/systemd/journald.conf.d/test.conf
start_journald() {
    $journald >>"$work/journald" 2>&1 &
    daemon=$!
    until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
}
start_journald

cp "$(command -v busybox)" "$work/rootfs/bin/busybox"
for name in sh seq echo; do ln -s busybox "$work/rootfs/bin/$name"; done
cat >"$work/ullage.yaml" <<YAML
sampling: {interval: 1s}
discovery: {engines: [docker], docker_root: $work/docker}
logs: {pods: none}
YAML
export ULLAGE_DATA_DIR=$work/data
start_agent() {
    "$build/ullage" agent --config "$work/ullage.yaml" --listen 127.0.0.1:0 2>>"$work/err" &
    agent=$!
}
run() { "$build/ullage" run -d --log-driver journald --rootfs "$work/rootfs" "$@" >/dev/null; }
lines() { "$build/ullage" logs "$@" 2>/dev/null; }
# Waits until a command says so, 30 seconds at most.
until_true() {
    for _ in $(seq 300); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.1
    done
    fail "never: $*"
}

echo "== each line once, over $kills kills of the agent"
start_agent
run --name writer --log-opt tag='{{.Name}}' --log-opt labels=team --label team=a \
    -- /bin/sh -c 'i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo "line $i"; busybox usleep 1000; done'
for _ in $(seq "$kills"); do
    sleep 1.$((RANDOM % 10))
    kill -9 "$agent"
    wait "$agent" 2>/dev/null || :
    start_agent
done
has_end() { lines -n 1 writer | grep -q '^line 6000$'; }
until_true has_end
lines writer | diff -q - <(seq -f 'line %g' 6000) >/dev/null || fail "lines are missing or twice"
journalctl -o json -n 1 CONTAINER_NAME=writer | grep -q '"TEAM":"a"' || fail "no label in the journal"

echo "== a long line in pieces, an empty one, both outputs"
run --name odd -- /bin/sh -c 'busybox head -c 40000 /dev/zero | busybox tr "\0" x; echo; echo; echo oops >&2'
complete() { [ "$("$build/ullage" logs odd 2>&1 | wc -c)" = 40007 ]; }
until_true complete
[ "$(lines odd | head -n 1 | wc -c)" = 40001 ] || fail "the pieces of a line are not together"

echo "== a journald that starts again loses nothing that is not told"
run --name steady \
    -- /bin/sh -c 'i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo "line $i"; busybox usleep 10000; done'
sleep 1
kill "$daemon"
wait "$daemon" || :
rm -f /run/systemd/journal/socket
start_journald
steady_end() { lines -n 1 steady | grep -q '^line 600$'; }
until_true steady_end
found=$(lines steady | grep -c '^line ')
# What is missing is said on stderr. What the old journald had taken off its socket and not written is.
told=$("$build/ullage" logs steady 2>&1 | sed -n 's/.*ullage: \([0-9]*\) records did not reach.*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
[ $((found + told)) = 600 ] || fail "$found lines and $told told of are not 600"

echo "== what was removed before it was read is a gap"
kill "$agent"
wait "$agent" || :
agent=''
run --name late -- /bin/sh -c 'busybox seq 1 3000'
sleep 1
journalctl --rotate --vacuum-size=1 >/dev/null 2>&1
run --name writer2 -- /bin/sh -c 'echo after'
start_agent
after() { lines writer2 | grep -q after; }
until_true after
loss() { "$build/ullage" query ullage_logs_journal_losses_total 2>/dev/null | grep -q '[1-9]'; }
until_true loss
echo "Everything passed."
