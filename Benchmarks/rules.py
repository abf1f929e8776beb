#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Equal rules over equal series in Prometheus and in Ullage: CPU of evaluating them every 15 s.

Prometheus scrapes what this program serves and is measured twice, with the rules and without them; the
difference is theirs. Ullage's engine runs in `rules-bench`, over a store that is filled alike.

    Benchmarks/rules.py --bench .build/release/rules-bench --rules 1000 --containers 100
"""
import argparse
import http.server
import os
import subprocess
import tempfile
import threading
import time
import urllib.request

INTERVAL = 15
METRICS = [
    ("container_cpu_usage_seconds_total", lambda c, t: t * 10 * (c + 1) / 200),
    ("container_memory_working_set_bytes", lambda c, t: (c + 1) * 1e6 + (t * 7 + c) % 50 * 4096),
    ("container_spec_memory_limit_bytes", lambda c, t: 2e8),
    ("container_threads", lambda c, t: 4 + (t + c) % 9),
    ("container_network_receive_bytes_total", lambda c, t: t * 1000 * (c + 1)),
    ("container_fs_writes_bytes_total", lambda c, t: t * 4096 * (c + 1)),
    ("container_oom_events_total", lambda c, t: 0),
    ("container_cpu_cfs_throttled_seconds_total", lambda c, t: t * 0.01 * c),
]


def rules(count):
    """Half of them alerts over all containers, a few of which fire; a third totals, the rest per container."""
    kinds = [
        lambda i: ("alert", "container_memory_working_set_bytes / container_spec_memory_limit_bytes"
                            f" > 0.{44 + i % 5}"),
        lambda i: ("record", "sum by (image) (rate(container_cpu_usage_seconds_total[5m]))"),
        lambda i: ("alert", f"rate(container_cpu_usage_seconds_total[5m]) > 0.{40 + i % 20}"),
        lambda i: ("record", "rate(container_network_receive_bytes_total[2m])"),
        lambda i: ("alert", f"increase(container_oom_events_total[10m]) > {i % 3}"),
        lambda i: ("record", "sum(container_memory_working_set_bytes) by (image)"),
    ]
    lines = ["groups:"]
    for i in range(count):
        if i % 20 == 0:
            lines += [f"- name: group{i // 20}", f"  interval: {INTERVAL}s", "  rules:"]
        kind, expression = kinds[i % len(kinds)](i)
        name = f"Alert{i}" if kind == "alert" else f"bench:rule{i}"
        lines += [f"  - {kind}: {name}", f"    expr: {expression}"]
        if kind == "alert":
            lines += ["    for: 1m", "    labels: {severity: page}",
                      "    annotations: {summary: '{{ $labels.name }} is at {{ $value | humanize }}'}"]
    return "\n".join(lines) + "\n"


class Metrics(http.server.BaseHTTPRequestHandler):
    containers = 100
    started = time.time()

    def do_GET(self):
        tick = int((time.time() - self.started) / 10) + 1
        lines = []
        for name, value in METRICS:
            for c in range(self.containers):
                lines.append(f'{name}{{name="web-{c}",id="id{c}",image="app:{c % 7}"}} {value(c, tick)}')
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prometheus(directory, port, target, rule_file, warm, seconds):
    """CPU seconds of one evaluation round's time, everything included."""
    config = os.path.join(directory, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"global: {{scrape_interval: 10s, evaluation_interval: {INTERVAL}s}}\n"
                   f"rule_files: [{rule_file or ''}]\nscrape_configs:\n- job_name: bench\n"
                   f"  static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n")
    data = os.path.join(directory, "data-" + ("rules" if rule_file else "none"))
    process = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
         f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(warm)
        before = cpu(process.pid)
        time.sleep(seconds)
        spent = cpu(process.pid) - before
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        failed = sum(float(line.split()[-1]) for line in text.splitlines()
                     if line.startswith("prometheus_rule_evaluation_failures_total{"))
        return spent / seconds * INTERVAL, failed
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm", type=int, default=75)
    options = parser.parse_args()
    Metrics.containers = options.containers
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "rules.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(rules(options.rules))
        output = subprocess.run(
            [options.bench, path, str(options.containers), "40", os.path.join(directory, "store")],
            check=True, capture_output=True, text=True).stdout
        print(output, end="")
        ours = float(output.split()[-1])
        target = server.server_address[1]
        without, _ = prometheus(directory, 29090, target, None, options.warm, options.seconds)
        with_rules, failed = prometheus(directory, 29090, target, path, options.warm, options.seconds)
    theirs = with_rules - without
    print(f"{options.rules} rules every {INTERVAL} s over {options.containers} containers, CPU of a round:")
    print(f"  ullage      {ours * 1000:7.1f} ms  {ours / INTERVAL * 100:5.2f} % of a core")
    print(f"  prometheus  {theirs * 1000:7.1f} ms  {theirs / INTERVAL * 100:5.2f} % of a core"
          f"  ({with_rules * 1000:.1f} with rules, {without * 1000:.1f} without; {failed:.0f} failures)")
    print(f"  ratio       {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
