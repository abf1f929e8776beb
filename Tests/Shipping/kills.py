#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills an agent with SIGKILL at random moments while it ships, and compares what arrived.

kills.py --program .build/debug/ullage [--kills 200] [--seed 1] [--concurrency 1]

The agent samples itself once a second and ships to receiver.py by OTLP, which fails now and then. At
the end every sample that the agent's own API has must have arrived, in order for each series, and
repeated no more often than a request was under way when it was killed or an answer was lost. Exit
status 1 when not."""
import argparse
import collections
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
STALE = "7ff0000000000002"


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise SystemExit("timed out")


def free_port(chance):
    """A port outside those that the kernel gives to clients: one that asks an ephemeral port of its own
    host while nobody listens may be connected to itself."""
    while True:
        port = chance.randrange(20000, 30000)
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) != 0:
                return port


def stored(port):
    """Every sample of a few series, by the agent's API."""
    query = '{__name__=~"process_start_time_seconds|node_load1|node_time_seconds"}[12h]'
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url) as answer:
        series = json.load(answer)["data"]["result"]
    return {(one["metric"]["__name__"], round(float(when) * 1000))
            for one in series for when, _ in one["values"]}


def arrived(path):
    """Times by series, in order of arrival, and how often each sample came."""
    order, counts = collections.defaultdict(list), collections.Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record["bits"] == STALE:
                continue
            key = (record["labels"]["__name__"], record["time"])
            if not counts[key]:
                order[key[0]].append(record["time"])
            counts[key] += 1
    return order, counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="ullage-kills-") as directory:
        port_file = directory + "/receiver.port"
        records = directory + "/records"
        # OTLP's 500 is for good, and would park what it answers.
        faults = " ".join(
            chance.choice(["502", "204", "204", "lost", "503"]) for _ in range(arguments.kills * 2))
        receiver = subprocess.Popen(
            [sys.executable, "-B", HERE + "/receiver.py", "--port-file", port_file, "--records",
             records, "--faults", faults],
            stderr=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(port_file))
        with open(port_file, encoding="utf-8") as file:
            port = int(file.read())
        config = directory + "/ullage.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""sampling: {{interval: 1s}}
ship:
  - name: s
    type: otlp_metrics
    url: http://127.0.0.1:{port}/v1/metrics
    match: ['{{__name__=~"process_start_time_seconds|node_load1|node_time_seconds"}}']
    from: oldest
    min_backoff: 10ms
    max_backoff: 200ms
    batch: {{max_age: 0s}}
    concurrency: {arguments.concurrency}
""")
        agent_port = free_port(random.Random())

        def start():
            return subprocess.Popen(
                [arguments.program, "agent", "--config", config, "--data-dir", directory + "/data",
                 "--listen", f"127.0.0.1:{agent_port}"], stderr=subprocess.DEVNULL)

        try:
            for number in range(arguments.kills):
                agent = start()
                time.sleep(chance.uniform(0.05, 2.5))
                agent.kill()
                agent.wait()
                print(f"\rkilled {number + 1} times", end="", file=sys.stderr)
            agent = start()
            missing = {None}

            def complete():
                nonlocal missing
                try:
                    have = stored(agent_port)
                    delivered = set(arrived(records)[1])
                except (OSError, http.client.HTTPException, ValueError):
                    # Not up yet, or a line that is being written.
                    return False
                newest = max((when for _, when in have), default=0)
                missing = {one for one in have if one[1] < newest - 2000} - delivered
                return len(have) > 3 and not missing

            try:
                wait_for(complete)
            finally:
                agent.terminate()
                agent.wait()
                order, counts = arrived(records)
                repeated = sum(counts.values()) - len(counts)
                sorted_ = all(times == sorted(times) for times in order.values())
                print(f"\n{arguments.kills} kills: {len(counts)} samples arrived, "
                      f"{len(missing)} missing, {repeated} repeated, in order: {sorted_}")
            sys.exit(0 if sorted_ and not missing else 1)
        finally:
            receiver.kill()


if __name__ == "__main__":
    main()
