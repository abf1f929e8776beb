#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP receiver for what Ullage ships: decodes each request with wire.py, appends each record as a
JSON line to a file, and answers as a script of faults tells it.

receiver.py --port-file FILE --records FILE [--faults WORDS] [--tls CERT KEY]

Faults, one a request, then none: a status (`500`, `429:1` with Retry-After), `reset` (the connection
is reset in mid-body), `half` (half an answer), `slow` (the request is read a byte a time for a
while), `garbage` (an answer that is no HTTP), `lost` (the records are kept, the answer is not sent),
`lying` (a Content-Length beyond the body).
"""
import argparse
import gzip
import http.server
import json
import os
import socket
import ssl
import struct
import threading
import time

import wire


def remote_write(body):
    for number, value in wire.fields(wire.snappy(body)):
        if number != 1:
            continue
        series = wire.message(value)
        labels = {}
        for pair in series.get(1, []):
            pair = wire.message(pair)
            labels[wire.text(pair, 1)] = wire.text(pair, 2)
        assert list(labels) == sorted(labels), "labels are not sorted"
        for sample in series.get(2, []):
            sample = wire.message(sample)
            yield {"labels": labels, "time": wire.signed(sample[2][0]),
                   "bits": sample.get(1, [bytes(8)])[0][::-1].hex()}


def remote_write_2(body):
    request = wire.message(wire.snappy(body))
    symbols = [one.decode() for one in request[4]]
    assert symbols[0] == ""
    for value in request.get(5, []):
        series = wire.message(value)
        refs = wire.packed(series[1][0])
        labels = {symbols[refs[i]]: symbols[refs[i + 1]] for i in range(0, len(refs), 2)}
        metadata = wire.message(series[5][0])
        for sample in series.get(2, []):
            sample = wire.message(sample)
            yield {"labels": labels, "time": wire.signed(sample[2][0]),
                   "bits": sample.get(1, [bytes(8)])[0][::-1].hex(), "type": metadata.get(1, [0])[0],
                   "help": symbols[metadata.get(3, [0])[0]]}


def attributes(message, number):
    result = {}
    for pair in message.get(number, []):
        pair = wire.message(pair)
        result[wire.text(pair, 1)] = wire.text(wire.message(pair[2][0]), 1)
    return result


def otlp_metrics(body):
    for resource in wire.message(body).get(1, []):
        for scope in wire.message(resource).get(2, []):
            for metric in wire.message(scope).get(2, []):
                metric = wire.message(metric)
                kind = 7 if 7 in metric else 5
                data = wire.message(metric[kind][0])
                for point in data.get(1, []):
                    point = wire.message(point)
                    labels = attributes(point, 7)
                    labels["__name__"] = wire.text(metric, 1)
                    bits = point[4][0][::-1].hex() if 4 in point else "7ff0000000000002"
                    yield {"labels": labels, "time": struct.unpack("<Q", point[3][0])[0] // 10**6,
                           "bits": bits, "sum": kind == 7}


def loki(body, content_type):
    if "json" in content_type:
        for stream in json.loads(body)["streams"]:
            for value in stream["values"]:
                yield {"labels": stream["stream"], "time": int(value[0]), "line": value[1],
                       "more": value[2] if len(value) > 2 else {}}
        return
    for stream in wire.message(wire.snappy(body)).get(1, []):
        stream = wire.message(stream)
        for entry in stream.get(2, []):
            entry = wire.message(entry)
            when = wire.message(entry[1][0])
            more = {}
            for pair in entry.get(3, []):
                pair = wire.message(pair)
                more[wire.text(pair, 1)] = wire.text(pair, 2)
            yield {"labels": wire.text(stream, 1),
                   "time": when.get(1, [0])[0] * 10**9 + when.get(2, [0])[0],
                   "line": wire.text(entry, 2), "more": more}


def otlp_logs(body, content_type):
    if "json" in content_type:
        for resource in json.loads(body)["resourceLogs"]:
            labels = {a["key"]: a["value"]["stringValue"]
                      for a in resource["resource"]["attributes"]}
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    yield {"labels": labels, "time": int(record["timeUnixNano"]),
                           "line": record["body"]["stringValue"],
                           "more": {"severity": record.get("severityNumber", 0)}}
        return
    for resource in wire.message(body).get(1, []):
        resource = wire.message(resource)
        labels = attributes(wire.message(resource[1][0]), 1)
        for scope in resource.get(2, []):
            for record in wire.message(scope).get(2, []):
                record = wire.message(record)
                yield {"labels": labels, "time": struct.unpack("<Q", record[1][0])[0],
                       "line": wire.text(wire.message(record[5][0]), 1),
                       "more": {"severity": record.get(2, [0])[0]}}


def lines(body, content_type):
    text = body.decode()
    objects = json.loads(text) if content_type == "application/json" else [
        json.loads(line) for line in text.splitlines()]
    for one in objects:
        yield {"object": one}


def bulk(body):
    assert body.endswith(b"\n")
    parts = [json.loads(line) for line in body.decode().splitlines()]
    for action, document in zip(parts[::2], parts[1::2]):
        yield {"id": action["create"]["_id"], "index": action["create"]["_index"],
               "object": document}


def records(path, headers, body):
    kind = headers.get("Content-Type", "")
    if path.startswith("/api/v1/write"):
        return remote_write_2(body) if "write.v2" in kind else remote_write(body)
    if path.startswith("/v1/metrics"):
        return otlp_metrics(body)
    if path.startswith("/loki"):
        return loki(body, kind)
    if path.startswith("/v1/logs"):
        return otlp_logs(body, kind)
    if path.startswith("/_bulk"):
        return bulk(body)
    return lines(body, kind)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def fault(self):
        with self.server.lock:
            return self.server.faults.pop(0) if self.server.faults else ""

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def do_POST(self):
        fault = self.fault()
        length = int(self.headers["Content-Length"])
        if fault == "reset":
            self.rfile.read(length // 2)
            return self.reset()
        if fault == "slow":
            for _ in range(20):
                self.rfile.read(1)
                time.sleep(0.02)
            length -= 20
            self.rfile.read(length)
            return self.answer(503)
        body = self.rfile.read(length)
        if fault[:1].isdigit() and fault != "204":
            status, _, after = fault.partition(":")
            return self.answer(int(status), after)
        if fault == "garbage":
            self.wfile.write(b"\x00\xff no protocol at all\r\n\r\n")
            self.close_connection = True
            return None
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        taken = list(records(self.path, self.headers, body))
        with self.server.lock:
            for record in taken:
                self.server.records.write(json.dumps(record) + "\n")
            self.server.records.flush()
            self.server.seen.write(json.dumps(
                {"path": self.path, "headers": dict(self.headers), "bytes": length}) + "\n")
            self.server.seen.flush()
        if fault == "lost":
            return self.reset()
        if fault == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            self.close_connection = True
            return None
        if fault == "lying":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nshort")
            self.close_connection = True
            return None
        return self.answer(200 if self.path.startswith("/_bulk") else 204, records=len(taken))

    def answer(self, status, after="", records=0):
        self.send_response(status)
        body = b""
        if self.path.startswith("/_bulk") and status == 200:
            body = b'{"took":1,"errors":false,"items":[]}'
        if after:
            self.send_header("Retry-After", after)
        if "write.v2" in self.headers.get("Content-Type", ""):
            self.send_header("X-Prometheus-Remote-Write-Samples-Written", str(records))
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--records", required=True)
    parser.add_argument("--faults", default="")
    parser.add_argument("--tls", nargs=2)
    arguments = parser.parse_args()
    server = http.server.ThreadingHTTPServer((arguments.host, arguments.port), Handler)
    server.daemon_threads = True
    server.lock = threading.Lock()
    server.faults = arguments.faults.split()
    server.records = open(arguments.records, "a", encoding="utf-8")
    server.seen = open(arguments.records + ".requests", "a", encoding="utf-8")
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(arguments.port_file + ".new", "w", encoding="utf-8") as file:
        file.write(str(server.server_address[1]))
    os.rename(arguments.port_file + ".new", arguments.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
