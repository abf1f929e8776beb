#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""prometheus.py --program BIN_DIR/ullage: Debian's Prometheus scrapes a real agent in each format.

A container has labels with everything that text formats trip over; the agent exports them. A proxy
of one path for each format passes its own Accept header on, since Prometheus would always choose the
same. Prometheus must take every sample without a word, and give back each label as it was.
"""
import argparse
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

FORMATS = {
    "text004": "text/plain;version=0.0.4",
    "text100": "text/plain;version=1.0.0;escaping=underscores",
    "openmetrics001": "application/openmetrics-text;version=0.0.1",
    "openmetrics100": "application/openmetrics-text;version=1.0.0",
}
CORPUS = [
    "plain", "back\\slash", "quo\"te", "new\nline", "\\n", "\\", "\"", "}", "{a=\"b\"} 1", "# TYPE x counter",
    "# EOF", "tab\tbed", "\x1b[31mred", "é", "e\u0301", "日本", "🦀", "\r\n", "a,b", "=", " ", "\u202eright",
    "\u2028", "x" * 4000,
]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def get(address, accept=None):
    request = urllib.request.Request(address, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["Content-Type"], answer.read()


def wait(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = condition()
            if found:
                return found
        except OSError:
            pass
        time.sleep(0.1)  # the poll interval of a deadline loop
    sys.exit(f"prometheus.py: gave up waiting: {what}")


def proxy(agent):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kind, body = get(f"http://127.0.0.1:{agent}/metrics", FORMATS[self.path.strip("/")])
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    program = str(Path(parser.parse_args().program).resolve())
    work = Path(tempfile.mkdtemp(prefix="ullage-scrapes."))
    data, processes = work / "data", []
    agent, server = free_port(), free_port()

    def ullage(*arguments):
        command, *rest = arguments
        return subprocess.run(
            [program, command, "--data-dir", data, *rest], check=True, stdout=subprocess.DEVNULL)

    try:
        rootfs = work / "rootfs" / "bin"
        rootfs.mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), rootfs / "busybox")
        (rootfs / "sleep").symlink_to("busybox")
        names = [f"k{i}" for i in range(len(CORPUS))]
        (work / "ullage.yaml").write_text(json.dumps(
            {"sampling": {"interval": "1s"}, "containers": {"labels": names}}))
        processes.append(subprocess.Popen(
            [program, "agent", "--config", work / "ullage.yaml", "--data-dir", data, "--listen",
             f"127.0.0.1:{agent}"], stderr=(work / "agent.log").open("w")))
        labels = [part for name, value in zip(names, CORPUS) for part in ("--label", f"{name}={value}")]
        ullage("run", "-d", "--name", "odd", *labels, "--rootfs", str(work / "rootfs"), "--", "/bin/sleep", "1000")
        wait("the container's series", lambda: b'name="odd"' in get(f"http://127.0.0.1:{agent}/metrics")[1])
        through = proxy(agent)
        jobs = [{"job_name": name, "metrics_path": f"/{name}",
                 "static_configs": [{"targets": [f"127.0.0.1:{through}"]}]} for name in FORMATS]
        (work / "prometheus.yml").write_text(json.dumps(
            {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
        log = work / "prometheus.log"
        processes.append(subprocess.Popen(
            ["prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/tsdb",
             f"--web.listen-address=127.0.0.1:{server}"], stderr=log.open("w")))

        def query(text):
            answer = json.loads(get(f"http://127.0.0.1:{server}/api/v1/query?query=" + urllib.parse.quote(text))[1])
            return answer["data"]["result"]

        wait("scrapes", lambda: len(query("count_over_time(up[1m]) > 3")) == len(FORMATS))
        failures = []
        for name in FORMATS:
            kind, body = get(f"http://127.0.0.1:{agent}/metrics", FORMATS[name])
            served = sum(1 for line in body.split(b"\n") if line and not line.startswith(b"#"))
            one = f'{{job="{name}"}}'
            if query(f"min_over_time(up{one}[1m])")[0]["value"][1] != "1":
                failures.append(f"{name}: a scrape failed")
            scraped = float(query(f"scrape_samples_scraped{one}")[0]["value"][1])
            if abs(scraped - served) > served / 20:
                failures.append(f"{name}: {served} samples served, {scraped} scraped")
            found = query(f'container_last_seen{{job="{name}",name="odd"}}')
            metric = found[0]["metric"] if found else {}
            for label, value in zip(names, CORPUS):
                if metric.get(f"container_label_{label}") != value:
                    failures.append(f"{name}: {value!r} came back as {metric.get(f'container_label_{label}')!r}")
            print(f"{name}: {kind}: {int(scraped)} samples")
        # Its own start is warned about in no other words than these.
        told = [line for line in log.read_text().splitlines() if "level=warn" in line or "level=error" in line]
        failures += told
        print("\n".join(failures))
        print(f"{len(FORMATS) * (len(CORPUS) + 2) + 1 - len(failures)} passed, {len(failures)} failed")
        return 1 if failures else 0
    finally:
        try:
            ullage("rm", "-f", "odd")
        except subprocess.CalledProcessError:
            pass
        for process in reversed(processes):
            process.terminate()
            process.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
