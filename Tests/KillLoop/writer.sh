#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the container: numbered lines of several sizes on both outputs, until the file /stop is
# there. Each stream counts for itself.
out=0
err=0
pad=................................................................
while [ ! -e /stop ]; do
    i=0
    while [ $i -lt 40 ]; do
        echo "o $out $pad"
        out=$((out + 1))
        i=$((i + 1))
        echo "o $out"
        out=$((out + 1))
    done
    # So that an agent that is killed all the time, and a debug build, can still catch up.
    /bin/busybox usleep 20000
    echo "e $err $pad$pad$pad" >&2
    err=$((err + 1))
done
echo "o $out last"
echo "e $err last" >&2
