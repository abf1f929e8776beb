#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""series_queries.py END WINDOW STEP NAME=PORT ...: the same queries to servers with the same data.

Prints the smallest latency of each in milliseconds, and the last one's as a share of the others'.
Answers must be of one size, else the line says so.
"""
import json
import re
import socket
import sys
import time
import urllib.parse

REPEATS = 30
QUERIES = [
    ("instant selector", 0, "container_memory_current_bytes"),
    ("rate", 1, "rate(container_cpu_usage_seconds_total[5m])"),
    ("sum by (rate)", 1, "sum by (slice) (rate(container_cpu_usage_seconds_total[5m]))"),
    ("topk(rate)", 1, "topk(5, rate(container_net_rx_bytes_total[5m]))"),
    ("histogram_quantile", 1,
     "histogram_quantile(0.99, sum by (le) (rate(http_request_seconds_bucket[5m])))"),
    ("avg_over_time", 1, "avg_over_time(container_memory_current_bytes[5m])"),
    ("regex matcher", 1,
     'sum by (name) (rate(container_io_write_bytes_total{name=~"(nginx|redis|postgres)-.*[13579]"}[5m]))'),
    ("binary operator", 1,
     "container_memory_current_bytes / on(id) group_left() container_memory_limit_bytes > 0.5"),
    ("count of all series", 0, 'count({__name__=~"container_.+",slice!=""})'),
    ("single series", 1, 'container_memory_current_bytes{name="app-3"}'),
]


class Client:
    """A connection that is kept open. Of its own, for Python's takes as long as a small query."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, request):
        self.socket.sendall(request)
        data = self.receive()
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is None:
            return self.chunks(body)
        parts, missing = [body], int(length.group(1)) - len(body)
        while missing > 0:
            parts.append(self.receive())
            missing -= len(parts[-1])
        return b"".join(parts)

    def chunks(self, data):
        while not data.endswith(b"0\r\n\r\n"):
            data += self.receive()
        body, at = [], 0
        while True:
            end = data.index(b"\r\n", at)
            size = int(data[at:end], 16)
            if size == 0:
                return b"".join(body)
            body.append(data[end + 2:end + 2 + size])
            at = end + 2 + size + 2

    def receive(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise SystemExit("a server closed its connection")
        return data


def ask(client, path):
    """The smallest latency in milliseconds, and how many series and points came."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    best = float("inf")
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        body = client.get(request)
        best = min(best, (time.perf_counter() - start) * 1000)
    answer = json.loads(body)
    if answer["status"] != "success":
        raise SystemExit(f"{path}: {answer}")
    result = answer["data"]["result"]
    return best, (len(result), sum(len(one.get("values", [0])) for one in result))


def main():
    end, window, step = (int(x) for x in sys.argv[1:4])
    servers = [one.split("=") for one in sys.argv[4:]]
    names = [name for name, _ in servers]
    shares = [f"/{name}" for name in names[:-1]]
    print(f"{'query, ms':22s}" + "".join(f"{name:>16s}" for name in names + shares))
    for title, is_range, query in QUERIES:
        # The first is VictoriaMetrics' word for "no answers from the cache".
        parameters = {"nocache": 1, "query": query}
        if is_range:
            path = "/api/v1/query_range?"
            parameters.update(start=end - window, end=end, step=step)
        else:
            path = "/api/v1/query?"
            parameters.update(time=end)
        found = []
        for _, port in servers:
            found.append(ask(Client(int(port)), path + urllib.parse.urlencode(parameters)))
        times = [one[0] for one in found]
        line = "".join(f"{one:16.2f}" for one in times)
        line += "".join(f"{times[-1] / one:16.2f}" for one in times[:-1])
        sizes = {one[1] for one in found}
        note = "" if len(sizes) == 1 else "  (series, points: " + ", ".join(
            f"{one[1][0]}, {one[1][1]}" for one in found) + ")"
        print(f"{title:22s}{line}{note}", flush=True)


main()
