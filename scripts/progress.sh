#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# progress.sh TITLE COMMAND...: runs COMMAND under a heading, shows its output, says how long it
# took, and ends with its exit code.
set -u
title=$1
shift
started=$SECONDS
printf '\n== %s\n' "$title"
"$@"
code=$?
if [ $code -eq 0 ]; then
    printf -- '-- %s: done in %d s\n' "${title%% (*}" $((SECONDS - started))
else
    printf -- '-- %s: FAILED with code %d after %d s\n' "${title%% (*}" $code $((SECONDS - started)) >&2
fi
exit $code
