#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to read a container's json-file, store it and send it to an HTTP sink on loopback,
beside rsyslog, which reads and sends the same file over TCP.

    Benchmarks/ship/logs.py BUILD-DIRECTORY [--bytes 1e9] [--type http] [--backlog] [--no-rsyslog]

With --backlog the sink is down until everything is stored. Needs a C compiler. CPU is that of the
agent, its sampling every 10 s included, from its start until the sink has the last line."""
import argparse, json, os, signal, socket, subprocess, sys, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CONTAINER = "7".rjust(64, "0")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def usage(pid):
    """CPU seconds and the peak and present resident MiB of a process."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return cpu, *(int(status[k].split()[0]) / 1024 for k in ("VmHWM", "VmRSS"))


class Sink:
    def __init__(self, program, port, *more):
        self.process = subprocess.Popen([program, str(port), *more], stdout=subprocess.PIPE,
                                        text=True)
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.01)

    def counts(self):
        self.process.send_signal(signal.SIGUSR1)
        return [int(word) for word in self.process.stdout.readline().split()]


def wait(process, done, every=0.25):
    """Waits until `done`; the largest resident size seen."""
    largest = 0
    while not done():
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        largest = max(largest, usage(process.pid)[2])
        time.sleep(every)
    return largest


def report(name, size, began, process, sink, what=""):
    cpu, peak, _ = usage(process.pid)
    took = time.time() - began
    requests, sent, lines = sink.counts()
    print(f"{name}: {size / 1e6 / took:.0f} MB/s, {cpu / (size / 1e9):.2f} CPU-s/GB, "
          f"{peak:.0f} MiB resident at most, {lines} lines in {requests} requests of "
          f"{sent / max(requests, 1) / 1e6:.2f} MB{what}", flush=True)


def ullage(options, work, records, size):
    log = f"{work}/docker/containers/{CONTAINER}"
    port = free_port()
    config = f"{work}/ullage.yaml"
    with open(config, "w") as file:
        file.write(f"""
sampling: {{interval: 10s}}
discovery: {{engines: [docker], docker_root: {work}/docker}}
logs: {{pods: none, retention: 10y, max_size: 64GiB, max_size_per_container: 64GiB}}
ship:
  - {{name: bench, type: {options.type}, url: "http://127.0.0.1:{port}/", from: oldest,
      max_backoff: 1s{options.more}}}
""")
    listen = f"127.0.0.1:{free_port()}"
    command = [f"{options.build}/ullage", "agent", "--config", config, "--data-dir",
               f"{work}/data", "--listen", listen]
    began = time.time()
    sink = None if options.backlog else Sink(f"{work}/sink", port)
    agent = subprocess.Popen(command, stderr=open(f"{work}/err", "w"))
    try:
        if options.backlog:
            def is_stored():
                text = subprocess.run(
                    [f"{options.build}/ullage", "logs", "stats", "-o", "json"], text=True,
                    capture_output=True, env={"ULLAGE_DATA_DIR": f"{work}/data"}).stdout
                return f'"lines":{records}' in text.replace(" ", "")
            wait(agent, is_stored, 3)
            cpu, peak, now = usage(agent.pid)
            print(f"stored with the sink down: {cpu / (size / 1e9):.2f} CPU-s/GB, {peak:.0f} MiB "
                  f"at most, {now:.0f} now", flush=True)
            before, began = cpu, time.time()
            sink = Sink(f"{work}/sink", port)
        def is_sent():
            if not os.path.exists(f"{work}/data/agent/ullage.sock"):
                return False
            with urllib.request.urlopen(f"http://{listen}/api/v1/ship/status") as answer:
                return json.load(answer)["data"][0]["records"] >= records
        largest = wait(agent, is_sent)
        report(f"ullage, {options.type}", size, began, agent, sink,
               f"; {largest:.0f} MiB while sending")
        if options.backlog:
            print(f"of it sending: {(usage(agent.pid)[0] - before) / (size / 1e9):.2f} CPU-s/GB")
    finally:
        agent.terminate()
        agent.wait()
        if sink:
            sink.process.kill()
            sink.process.wait()


def rsyslog(options, work, records, size):
    port = free_port()
    sink = Sink(f"{work}/sink", port, "raw")
    os.makedirs(f"{work}/rsyslog")
    config = f"{work}/rsyslog.conf"
    with open(config, "w") as file:
        file.write(f"""
global(workDirectory="{work}/rsyslog")
module(load="imfile" mode="inotify")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1024")
input(type="imfile" file="{work}/docker/containers/{CONTAINER}/{CONTAINER}-json.log" tag="bench:"
      ruleset="out")
template(name="raw" type="string" string="%msg%\\n")
ruleset(name="out") {{ action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp"
    template="raw" queue.type="LinkedList" queue.size="100000") }}
""")
    began = time.time()
    process = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", config, "-i",
                                f"{work}/rsyslog.pid"])
    try:
        wait(process, lambda: sink.counts()[2] >= records)
        report("rsyslog, omfwd TCP", size, began, process, sink)
    finally:
        process.terminate()
        process.wait()
        sink.process.kill()
        sink.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--bytes", type=float, default=1e9)
    parser.add_argument("--type", default="http")
    parser.add_argument("--more", default="compression: none", help="more keys of the sink, as `key: value, ...`")
    parser.add_argument("--backlog", action="store_true")
    parser.add_argument("--no-rsyslog", action="store_true")
    options = parser.parse_args()
    options.more = ", " + options.more if options.more else ""
    with tempfile.TemporaryDirectory(prefix="ullage-ship-") as work:
        for name, source in [("sink", f"{HERE}/sink.c"), ("generate", f"{HERE}/../logs/generate.c")]:
            subprocess.run(["cc", "-O2", "-o", f"{work}/{name}", source], check=True)
        log = f"{work}/docker/containers/{CONTAINER}"
        os.makedirs(log)
        with open(f"{log}/{CONTAINER}-json.log", "w") as file:
            made = subprocess.run([f"{work}/generate", str(int(options.bytes))], stdout=file,
                                  stderr=subprocess.PIPE, text=True, check=True)
        records = int(made.stderr)
        size = os.path.getsize(f"{log}/{CONTAINER}-json.log")
        with open(f"{log}/config.v2.json", "w") as file:
            file.write(f"""{{"ID":"{CONTAINER}","Name":"/bench","Created":"2026-01-31T10:00:00Z",
"Config":{{"Image":"bench"}},"State":{{"Running":false,"StartedAt":"2026-01-31T10:00:00Z"}},
"LogPath":"{log}/{CONTAINER}-json.log"}}""")
        with open(f"{log}/hostconfig.json", "w") as file:
            file.write('{"LogConfig":{"Type":"json-file"}}')
        print(f"{size / 1e9:.2f} GB, {records} records; load average {os.getloadavg()[0]:.1f}")
        ullage(options, work, records, size)
        if not options.no_rsyslog:
            rsyslog(options, work, records, size)


if __name__ == "__main__":
    main()
