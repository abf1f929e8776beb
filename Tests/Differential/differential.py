#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks Ullage and Debian's Prometheus the same random queries over the same random samples.

    Tests/Differential/differential.py --program .build/debug/ullage --queries 10000 --seed 1

Prints each difference with what is needed to see it again, then the counts. Exit code 1 if there
was a difference. What it compares and what it avoids is in README.md.
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import time

import compare
import data
import servers
from expressions import Generator


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=".build/debug/ullage", help="the ullage to test")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--base", type=int, help="epoch seconds of the first sample")
    parser.add_argument("--only", type=int, help="ask the query of this number alone")
    parser.add_argument("--show", type=int, default=20, help="differences printed in full")
    parser.add_argument("--lookback", help="run two Prometheus, the second with this look-back: "
                        "shows that differences are found")
    parser.add_argument("--keep", action="store_true", help="keep the directory with the data")
    return parser.parse_args()


def query_of(number, seed, base):
    """The query of this number: path, parameters, expression."""
    rng = random.Random(f"{seed}/{number}")
    generator = Generator(rng, base, base + data.DURATION)
    is_range = rng.random() < 0.5
    expression = generator.query(is_range)
    parameters = {"query": expression.text}
    if not is_range:
        parameters["time"] = generator.moment()
        return "/api/v1/query", parameters, expression
    step = rng.choice([10, 20, 30, 60, 120, 300])
    parameters["start"] = generator.moment()
    # The end need not be a step, but is 7 seconds past a multiple of 10 like all times.
    parameters["end"] = parameters["start"] + step * rng.randint(0, 50) + rng.choice([0, 0, 20])
    parameters["step"] = step
    return "/api/v1/query_range", parameters, expression


class Counts:
    """What became of the queries."""

    def __init__(self):
        self.asked = self.ranges = self.exact = 0
        self.refused = self.empty = self.different = 0

    def add(self, path, expression, answer):
        self.asked += 1
        self.ranges += path.endswith("range")
        status, body = answer
        if status != 200:
            self.refused += 1
        elif not body["data"]["result"]:
            self.empty += 1
        elif expression.exact:
            self.exact += 1

    def __str__(self):
        return (f"{self.asked} queries ({self.ranges} over a range): {self.different} differences; "
                f"{self.asked - self.refused - self.empty} with a result, of which {self.exact} "
                f"compared to the bit; {self.empty} empty and {self.refused} refused by both")


def compare_all(options, ours, theirs, base):
    counts = Counts()
    numbers = range(options.queries) if options.only is None else [options.only]
    for number in numbers:
        path, parameters, expression = query_of(number, options.seed, base)
        answers = ours.ask(path, parameters), theirs.ask(path, parameters)
        counts.add(path, expression, answers[1])
        found = compare.difference(*answers, expression)
        if found:
            counts.different += 1
            if counts.different <= options.show:
                times = {k: v for k, v in parameters.items() if k != "query"}
                print(f"--seed {options.seed} --base {base} --only {number}: {times}\n"
                      f"  {expression.text}\n  {found}", flush=True)
    return counts


def main():
    options = arguments()
    # Recent, so that a store's retention keeps it, and on a whole hour.
    base = options.base or (int(time.time()) - 6 * 3600) // 3600 * 3600
    directory = tempfile.mkdtemp(prefix="ullage-differential-")
    running = []
    try:
        text = f"{directory}/samples.om"
        count = data.write_openmetrics(data.generate(options.seed, base), text)
        print(f"{count} samples, seed {options.seed}, base {base}", flush=True)
        theirs = servers.prometheus(directory, text)
        running.append(theirs)
        if options.lookback:
            other = f"{directory}/other"
            os.mkdir(other)
            ours = servers.prometheus(other, text, f"--query.lookback-delta={options.lookback}")
        else:
            ours = servers.ullage(directory, text, options.program)
        running.append(ours)
        for server in running:
            server.wait_until_ready()
        counts = compare_all(options, ours, theirs, base)
    finally:
        for server in running:
            server.stop()
        if options.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(counts)
    return 1 if counts.different else 0


if __name__ == "__main__":
    sys.exit(main())
