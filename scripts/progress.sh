#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# progress.sh TITLE COMMAND...: runs COMMAND under a heading, shows its output, says how long it
# took, and ends with its exit code. With LIMIT=SECONDS in the environment, COMMAND and whatever it
# started in its process group are ended after that time, and the code is 124.
set -u
title=$1
shift
started=$SECONDS
printf '\n== %s\n' "$title"
if [ -n "${LIMIT:-}" ]; then
    timeout --kill-after 10 "$LIMIT" "$@" &
    # `timeout` has a process group of its own, which an interrupt at the terminal does not reach.
    trap 'kill -TERM $! 2>/dev/null; wait; exit 130' INT TERM
    wait $!
else
    "$@"
fi
code=$?
if [ $code -eq 0 ]; then
    printf -- '-- %s: done in %d s\n' "${title%% (*}" $((SECONDS - started))
elif [ $code -eq 124 ] && [ -n "${LIMIT:-}" ]; then
    printf -- '-- %s: FAILED, not done after %d s\n' "${title%% (*}" "$LIMIT" >&2
else
    printf -- '-- %s: FAILED with code %d after %d s\n' "${title%% (*}" $code $((SECONDS - started)) >&2
fi
exit $code
