#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to send samples by remote write, and their bytes on the wire.

    Benchmarks/ship/samples.py BUILD-DIRECTORY [--ticks 2160] [--seconds 60]

First a store of 60 containers (2,456 series, 10 s apart, made by series-bench) is sent whole to a
sink on loopback: samples a CPU second of the agent, HTTP included. Then an agent that samples every
second sends what it takes, and Debian's prometheus scrapes it every second and sends that on: bytes
of all requests' bodies, metadata included, for each sample, of the same samples under the same
labels."""
import argparse, json, os, signal, socket, subprocess, sys, tempfile, time, urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from logs import Sink, free_port, usage, wait, HERE  # noqa: E402


def status(listen):
    with urllib.request.urlopen(f"http://{listen}/api/v1/ship/status") as answer:
        return json.load(answer)["data"][0]


def agent(options, work, data, listen, port, interval, more=""):
    config = f"{data}.yaml"
    with open(config, "w") as file:
        file.write(f"""
sampling: {{interval: {interval}}}
logs: {{enabled: false}}
store: {{retention: 10y, max_size: 16GiB}}
ship:
  - {{name: bench, type: remote_write, url: "http://127.0.0.1:{port}/"{more}}}
""")
    return subprocess.Popen(
        [f"{options.build}/ullage", "agent", "--config", config, "--data-dir", data, "--listen",
         listen], stderr=open(f"{data}.err", "w"))


def stored(options, work, version):
    data, listen, port = f"{work}/stored{version}", f"127.0.0.1:{free_port()}", free_port()
    os.makedirs(f"{data}/agent")
    made = subprocess.run([f"{options.build}/series-bench", "ingest", f"{data}/agent/series", "60",
                           str(options.ticks), "10000"], check=True, capture_output=True, text=True)
    wanted = 2456 * options.ticks * 0.99
    sink = Sink(f"{work}/sink", port)
    process = agent(options, work, data, listen, port, "5m",
                    f", from: oldest, version: \"{version}\", batch: {{max_records: 50000}}")
    try:
        def is_sent():
            return os.path.exists(f"{data}/agent/ullage.sock") and \
                status(listen)["records"] >= wanted
        largest = wait(process, is_sent, 0.1)
        cpu, peak, _ = usage(process.pid)
        state = status(listen)
        requests, sent, _ = sink.counts()
        print(f"remote write {version}: {state['records'] / cpu / 1e6:.2f} M samples a CPU second, "
              f"{sent / state['records']:.2f} bytes a sample, {requests} requests, "
              f"{state['records']} samples, {peak:.0f} MiB resident at most", flush=True)
    finally:
        process.terminate()
        process.wait()
        sink.process.kill()


def live(options, work):
    data, port, other = f"{work}/live", free_port(), free_port()
    listen, own = f"127.0.0.1:{free_port()}", free_port()
    sinks = [Sink(f"{work}/sink", port), Sink(f"{work}/sink", other)]
    process = agent(options, work, data, listen, port, "1s",
                    f", external_labels: {{instance: \"{listen}\", job: bench}}")
    with open(f"{work}/prometheus.yml", "w") as file:
        file.write(f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: bench, static_configs: [{{targets: ["{listen}"]}}]}}]
remote_write: [{{url: "http://127.0.0.1:{other}/"}}]
""")
    prometheus = subprocess.Popen(
        ["/usr/bin/prometheus", f"--config.file={work}/prometheus.yml",
         f"--storage.tsdb.path={work}/tsdb", f"--web.listen-address=127.0.0.1:{own}",
         "--log.level=error"])
    try:
        time.sleep(options.seconds)
        with urllib.request.urlopen(f"http://127.0.0.1:{own}/metrics") as answer:
            text = answer.read().decode()
        theirs = sum(float(line.split()[-1]) for line in text.splitlines()
                     if line.startswith("prometheus_remote_storage_samples_total"))
        mine = status(listen)
        for name, sink, samples in [("ullage", sinks[0], mine["records"]),
                                    ("prometheus", sinks[1], theirs)]:
            requests, sent, _ = sink.counts()
            print(f"{name}, every second: {sent / max(samples, 1):.2f} bytes a sample, "
                  f"{samples:.0f} samples in {requests} requests", flush=True)
    finally:
        for one in [process, prometheus]:
            one.terminate()
            one.wait()
        for sink in sinks:
            sink.process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--ticks", type=int, default=2160)
    parser.add_argument("--only-live", action="store_true")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ullage-ship-") as work:
        subprocess.run(["cc", "-O2", "-o", f"{work}/sink", f"{HERE}/sink.c"], check=True)
        for version in [] if options.only_live else ["1.0", "2.0"]:
            stored(options, work, version)
        live(options, work)


if __name__ == "__main__":
    main()
