#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a backlog takes to a sink that is far away: each request is answered after a pause.

    Benchmarks/ship/latency.py BUILD-DIRECTORY [--pause 0.1] [--concurrency 1 4 16]

The logs of 32 containers are there when the agent starts, and go by Loki's protocol to a receiver that
reads and counts, and does nothing else."""
import argparse, http.server, json, os, socket, subprocess, tempfile, threading, time

CONTAINERS, LINES = 32, 20000

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.requests += 1
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
        time.sleep(self.server.pause)
        with self.server.lock:
            self.server.under_way -= 1
        self.send_response(204)
        self.end_headers()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def write_logs(root):
    for number in range(CONTAINERS):
        name = f"{number:064x}"
        directory = f"{root}/{name}"
        os.makedirs(directory)
        log = f"{directory}/{name}-json.log"
        with open(f"{directory}/config.v2.json", "w") as file:
            json.dump({"ID": name, "Name": f"/c{number}", "Created": "2026-01-31T10:00:00Z",
                       "Config": {"Image": "bench"}, "LogPath": log,
                       "State": {"Running": False, "StartedAt": "2026-01-31T10:00:00Z"}}, file)
        with open(f"{directory}/hostconfig.json", "w") as file:
            json.dump({"LogConfig": {"Type": "json-file"}}, file)
        with open(log, "w") as file:
            for line in range(LINES):
                moment = f"2026-01-31T10:{line // 1000:02}:{line // 20 % 50:02}.{line % 1000:03}000000Z"
                file.write(f'{{"log":"request {line} of {number} took {line % 97} ms\\n",'
                           f'"stream":"stdout","time":"{moment}"}}\n')


def run(build, work, pause, concurrency):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.lock, server.pause = threading.Lock(), pause
    server.requests = server.under_way = server.most = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    data = f"{work}/data-{concurrency}"
    config = f"{work}/ullage.yaml"
    with open(config, "w") as file:
        file.write(f"""sampling: {{interval: 5m}}
discovery: {{engines: [docker], docker_root: {work}/docker}}
logs: {{pods: none, retention: 10y}}
ship:
  - {{name: far, type: loki, url: "http://127.0.0.1:{server.server_address[1]}/", from: oldest,
      batch: {{max_records: 5000}}, concurrency: {concurrency}}}
""")
    listen = f"127.0.0.1:{free_port()}"
    agent = subprocess.Popen([f"{build}/ullage", "agent", "--config", config, "--data-dir", data,
                              "--listen", listen], stderr=subprocess.DEVNULL)
    began, last, changed = time.time(), 0, time.time()
    while time.time() - changed < 2 + 4 * pause or not last:
        time.sleep(0.01)
        if agent.poll() is not None:
            raise SystemExit("the agent ended")
        if server.requests != last:
            last, changed = server.requests, time.time()
    agent.terminate()
    agent.wait()
    server.shutdown()
    print(f"concurrency {concurrency:2}: {last} requests, at most {server.most} at once, "
          f"{changed - began:.2f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--pause", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ullage-far-") as work:
        write_logs(f"{work}/docker/containers")
        for concurrency in options.concurrency:
            run(os.path.abspath(options.build), work, options.pause, concurrency)


main()
