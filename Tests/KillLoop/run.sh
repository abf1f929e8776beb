#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A container writes numbered lines as fast as it can into a log that rotates all the time, while
# its agent is killed with SIGKILL at random moments: no line may be lost, none may be there twice.
#
#   run.sh BUILD-DIRECTORY [KILLS] [SEED]
#
# KILLS is 20 unless given; the issue's bar is 200. Needs root and a static busybox. Prints what it
# counted; exits with 1 when a line is missing or doubled.
set -eu
build=$(cd "$1" && pwd)
kills=${2:-20}
seed=${3:-1}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/ullage-kill-XXXXXX)
export ULLAGE_DATA_DIR="$work/data"
agent=
clean() {
    [ -z "$agent" ] || kill -9 "$agent" 2>/dev/null || :
    "$build/ullage" rm -f writer >/dev/null 2>&1 || :
    rm -rf "$work"
}
trap clean EXIT

mkdir -p "$work/rootfs/bin"
cp /bin/busybox "$work/rootfs/bin/busybox"
ln -s busybox "$work/rootfs/bin/sh"
cp "$here/writer.sh" "$work/rootfs/writer.sh"
printf 'sampling: {interval: 1s}\ndiscovery: {engines: [docker]}\n' >"$work/ullage.yaml"

start() {
    "$build/ullage" agent --config "$work/ullage.yaml" --listen 127.0.0.1:0 2>>"$work/agent.err" &
    agent=$!
}

start
"$build/ullage" run -d --name writer --log-opt max-size=2m --log-opt max-file=400 \
    --log-opt compress=true --rootfs "$work/rootfs" -- /bin/sh /writer.sh >/dev/null
id=$("$build/ullage" inspect writer | sed -n 's/^ *"id" *: *"\([0-9a-f]*\)".*/\1/p' | head -1)

done=0
while [ $done -lt "$kills" ]; do
    # 0 to 0.6 seconds, by a generator that a seed repeats.
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    sleep "0.$(printf '%03d' $((seed / 65536 % 600)))"
    kill -9 "$agent"
    wait "$agent" 2>/dev/null || :
    start
    done=$((done + 1))
done

# The container's own root is an overlay; what it sees of /stop is made through its process.
pid=$("$build/ullage" inspect writer | sed -n 's/^ *"pid" *: *\([0-9]*\).*/\1/p' | head -1)
: >"/proc/$pid/root/stop"
python3 "$here/check.py" "$build/ullage" "$work/data" "$id" "$kills"
