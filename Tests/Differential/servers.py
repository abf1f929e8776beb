# SPDX-License-Identifier: Apache-2.0
"""The two servers that are compared, on free loopback ports, and a client of their API."""
import http.client
import json
import os
import socket
import subprocess
import time
import urllib.parse


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A Prometheus API: asked over one connection that is kept."""

    def __init__(self, name, address, process=None):
        self.name = name
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.process = process
        self.connection = None

    def ask(self, path, parameters):
        """HTTP status and the decoded JSON."""
        body = urllib.parse.urlencode(parameters)
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
                self.connection.request("POST", path, body, {
                    "Content-Type": "application/x-www-form-urlencoded"})
                response = self.connection.getresponse()
                return response.status, json.loads(response.read())
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt == 2:
                    raise

    def wait_until_ready(self, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process and self.process.poll() is not None:
                break
            try:
                if self.ask("/api/v1/query", {"query": "1"})[0] == 200:
                    return
            except (http.client.HTTPException, OSError, ValueError):
                pass
            time.sleep(0.05)  # the poll interval of a deadline loop
        raise SystemExit(f"{self.name} did not become ready")

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")


def prometheus(directory, text, *arguments):
    """Debian's Prometheus over blocks made from an OpenMetrics file."""
    data = os.path.join(directory, "prometheus")
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", text, data)
    config = os.path.join(directory, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {}\n")
    address = f"127.0.0.1:{free_port()}"
    with open(os.path.join(directory, "prometheus.log"), "wb") as log:
        process = subprocess.Popen([
            "prometheus", "--config.file", config, "--storage.tsdb.path", data,
            "--web.listen-address", address, "--storage.tsdb.retention.time", "3650d",
            *arguments], stdout=log, stderr=log)
    return Server("Prometheus", address, process)


def ullage(directory, text, program):
    """An agent over a store into which the same file was imported."""
    data = os.path.join(directory, "ullage")
    run(program, "storage", "import", "--data-dir", data, text)
    config = os.path.join(directory, "ullage.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("sampling:\n  interval: 1m\n")
    address = f"127.0.0.1:{free_port()}"
    with open(os.path.join(directory, "ullage.log"), "wb") as log:
        process = subprocess.Popen([
            program, "agent", "--config", config, "--data-dir", data, "--listen", address],
            stdout=log, stderr=log)
    return Server("Ullage", address, process)
