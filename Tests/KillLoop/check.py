#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Waits until the store has the last lines, then looks whether each line is there once, in order.

check.py ULLAGE DATA-DIRECTORY ID KILLS
"""
import subprocess
import sys
import time

ullage, data, container, kills = sys.argv[1:]


def stored():
    # Without an agent `ullage logs` would read the container's file as well; here there is one.
    out = subprocess.run(
        [ullage, "logs", "--data-dir", data, "-o", "jsonl", "--no-names", container],
        capture_output=True, check=True)
    return out.stdout.splitlines()


def check(lines):
    """What is wrong with the lines; None while the last ones are missing."""
    import json

    next_number = {"o": 0, "e": 0}
    ended = set()
    problems = []
    gaps = 0
    for raw in lines:
        entry = json.loads(raw)
        if "sequence" not in entry:
            return None, gaps, next_number  # read from the file, not yet stored
        if entry.get("gap"):
            gaps += 1
            problems.append("gap: " + entry["line"])
            continue
        words = entry["line"].split(" ")
        stream, number = words[0], int(words[1])
        if number != next_number[stream]:
            problems.append(f"{stream}: {number} where {next_number[stream]} was due")
        next_number[stream] = number + 1
        if words[-1] == "last":
            ended.add(stream)
    return (problems if len(ended) == 2 else None), gaps, next_number


deadline = time.monotonic() + 300
while True:
    problems, gaps, counts = check(stored())
    if problems is not None:
        break
    if time.monotonic() > deadline:
        sys.exit(f"after {kills} kills the last lines are missing; {counts} came")
    time.sleep(0.5)  # the poll interval of a deadline loop
print(f"{kills} kills: {counts['o']} lines of stdout, {counts['e']} of stderr, {gaps} gaps")
for problem in problems[:20]:
    print(problem)
print("lost or doubled" if problems else "each line once")
sys.exit(1 if problems else 0)
