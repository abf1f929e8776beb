#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# progress.sh TITLE COMMAND...: runs COMMAND under a heading, shows its output, says how long it
# took, and ends with its exit code. With STEP_LIMIT=SECONDS in the environment, COMMAND and whatever it
# started in its process group are ended after that time; the code is 124 then, or 137 for what did
# not heed SIGTERM.
set -u
title=$1
shift
started=$SECONDS
printf '\n== %s\n' "$title"
if [ -n "${STEP_LIMIT:-}" ]; then
    timeout --kill-after 10 "$STEP_LIMIT" "$@" &
    # `timeout` has a process group of its own, which an interrupt at the terminal does not reach.
    trap 'kill -TERM $! 2>/dev/null; wait; exit 130' INT TERM
    wait $!
else
    "$@"
fi
code=$?
if [ $code -eq 0 ]; then
    printf -- '-- %s: done in %d s\n' "${title%% (*}" $((SECONDS - started))
elif [ $code -eq 124 ] && [ -n "${STEP_LIMIT:-}" ]; then
    printf -- '-- %s: FAILED, not done after %d s\n' "${title%% (*}" "$STEP_LIMIT" >&2
else
    printf -- '-- %s: FAILED with code %d after %d s\n' "${title%% (*}" $code $((SECONDS - started)) >&2
fi
exit $code
