#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Agents that send to an agent, and a Prometheus that does, over TLS and with a password; requests
written by an encoder of its own; and those that must be refused.

    Tests/Shipping/receive.py --ullage .build/debug/ullage [--prometheus /usr/bin/prometheus]

Exits with 0 when everything that was sent can be queried, and nothing else."""
import argparse, base64, gzip, http.client, json, os, signal, socket, ssl, struct, subprocess
import sys, tempfile, time, urllib.parse, urllib.request

START = time.time()


def check(condition, what):
    if not condition:
        print(f"FAILED after {time.time() - START:.1f} s: {what}")
        sys.exit(1)
    print(f"ok {time.time() - START:5.1f} s  {what}")


def eventually(body, what, seconds=40):
    end = time.time() + seconds
    found = None
    while time.time() < end:
        try:
            found = body()
            if found is True:
                break
        except (OSError, ValueError, KeyError, IndexError, http.client.HTTPException) as error:
            found = error
        time.sleep(0.1)
    check(found is True, f"{what}" + ("" if found is True else f": {found}"))


# --- encoders of our own -------------------------------------------------------------------------
def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fixed64(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def snappy(data):
    """A block of literals."""
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 60):
        piece = data[at:at + 60]
        out.append((len(piece) - 1) << 2)
        out += piece
    return bytes(out)


def write1(labels, samples):
    series = b"".join(field(1, field(1, n) + field(2, v)) for n, v in labels)
    series += b"".join(field(2, field(1, float(v)) + field(2, t)) for t, v in samples)
    return field(1, series)


def write2(labels, samples, histogram=False):
    symbols = [""]
    refs = b""
    for pair in labels:
        for text in pair:
            if text not in symbols:
                symbols.append(text)
            refs += varint(symbols.index(text))
    series = field(1, refs)
    series += b"".join(field(2, field(1, float(v)) + field(2, t)) for t, v in samples)
    if histogram:
        series += field(3, b"")
    return b"".join(field(4, s) for s in symbols) + field(5, series)


def loki(labels, lines):
    stream = field(1, labels)
    for nanos, text in lines:
        stamp = field(1, nanos // 10**9) + field(2, nanos % 10**9)
        stream += field(2, field(1, stamp) + field(2, text))
    return field(1, stream)


def otlp(attributes, lines):
    resource = b"".join(field(1, field(1, k) + field(2, field(1, v))) for k, v in attributes)
    records = b"".join(
        field(2, fixed64(1, t) + field(2, 17) + field(5, field(1, text))) for t, text in lines)
    return field(1, field(1, resource) + field(2, records))


# --- processes -----------------------------------------------------------------------------------
def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Agent:
    def __init__(self, options, work, name, text):
        self.port = free_port()
        self.config = f"{work}/{name}.yaml"
        self.data = f"{work}/{name}"
        self.command = [options.ullage, "agent", "--config", self.config, "--data-dir", self.data,
                        "--listen", f"127.0.0.1:{self.port}"]
        self.log = open(f"{work}/{name}.log", "ab")
        with open(self.config, "w") as file:
            file.write(text)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=self.log, stdout=self.log)
        eventually(lambda: "ready" in self.get("/-/ready"), f"{self.config} is ready")

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}?{query}", timeout=10) as answer:
            return answer.read().decode()

    def query(self, text, **more):
        return json.loads(self.get("/api/v1/query", query=text, **more))["data"]["result"]

    def samples(self, text, at):
        """Every sample of a range selector, by labels."""
        found = {}
        for one in self.query(text, time=at):
            labels = {k: v for k, v in one["metric"].items() if k not in ("host", "sink")}
            found[tuple(sorted(labels.items()))] = [tuple(p) for p in one["values"]]
        return found

    def lines(self, selector):
        data = json.loads(self.get("/loki/api/v1/query_range", query=selector, limit=5000,
                                   start=int((time.time() - 3600) * 1e9), direction="forward"))
        return [line for s in data["data"]["result"] for line in s["values"]]


def sink(name, kind, path, port, extra=""):
    return (f"  - {{name: {name}, type: {kind}, url: \"https://localhost:{port}{path}\", "
            f"basic_auth: {{username: edge, password_file: {WORK}/password}}, "
            f"tls: {{ca_file: {WORK}/cert.pem}}, external_labels: {{host: {name}}}, "
            f"batch: {{max_age: 200ms}}, from: oldest{extra}}}\n")


def post(port, path, body, headers, auth="edge:geheim", token=None):
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=20, context=ssl.create_default_context(
            cafile=f"{WORK}/cert.pem"))
    if token:
        headers = headers | {"Authorization": f"Bearer {token}"}
    elif auth:
        code = base64.b64encode(auth.encode()).decode()
        headers = headers | {"Authorization": f"Basic {code}"}
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace"), dict(answer.getheaders())
    finally:
        connection.close()


PROTO = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
V2 = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
      "Content-Encoding": "snappy"}
JSON = {"Content-Type": "application/json"}


def own_requests(central, port):
    now = int(time.time() * 1000)
    status, _, _ = post(port, "/api/v1/write", snappy(write1(
        [("__name__", "py_total"), ("a", "ü")], [(now - 2000, 1), (now - 1000, 2)])), PROTO)
    check(status == 204, f"remote write 1.0 is answered with {status}")
    body = snappy(write2([("__name__", "py_bytes"), ("a", "b")], [(now - 2000, 5), (now, 6)]))
    status, _, headers = post(port, "/api/v1/write", body, V2, auth=None, token="marke")
    wrote = headers.get("X-Prometheus-Remote-Write-Samples-Written")
    check((status, wrote) == (204, "2"), f"remote write 2.0 is answered with {status}, {wrote}")
    status, _, headers = post(port, "/api/v1/write", body, V2)
    check(status == 204, "the same again is taken, and does no harm")
    status, text, headers = post(port, "/api/v1/write", snappy(write2(
        [("__name__", "py_bytes"), ("a", "b")], [(now - 1000, 7)], histogram=True)), V2)
    wrote = headers.get("X-Prometheus-Remote-Write-Samples-Written")
    check((status, wrote) == (400, "1") and "histogram" in text, f"a histogram: {status} {text!r}")
    found = central.query('py_bytes[1m]')[0]["values"]
    check([v for _, v in found] == ["5", "7", "6"], f"a late sample is in its place: {found}")
    check(central.query("py_bytes") != [], "a series is found by an instant query")
    marker = b"\x09" + struct.pack("<Q", 0x7FF0000000000002) + field(2, now + 1)
    series = write1([("__name__", "py_bytes"), ("a", "b")], [])
    body = field(1, series[2:] + field(2, marker))
    status, text, _ = post(port, "/api/v1/write", snappy(body), PROTO)
    check(status == 204 and central.query("py_bytes") == [], f"a stale marker ends it: {text}")

    nanos = now * 10**6
    lines = [(nanos, "eins"), (nanos + 1, "zwei ü")]
    status, text, _ = post(port, "/loki/api/v1/push", snappy(loki('{py="loki"}', lines)), PROTO)
    check(status == 204, f"Loki's protocol buffers: {status} {text}")
    document = json.dumps({"streams": [{"stream": {"py": "json"}, "values": [
        [str(t), text, {"level": "error"}] for t, text in lines]}]}).encode()
    status, text, _ = post(port, "/loki/api/v1/push", gzip.compress(document),
                           JSON | {"Content-Encoding": "gzip"})
    check(status == 204, f"Loki's JSON: {status} {text}")
    status, text, _ = post(port, "/v1/logs", otlp([("py", "otlp")], lines),
                           {"Content-Type": "application/x-protobuf"})
    check((status, text) == (200, ""), f"OTLP's protocol buffers: {status} {text}")
    document = json.dumps({"resourceLogs": [{"resource": {"attributes": [
        {"key": "py", "value": {"stringValue": "otlpjson"}}]}, "scopeLogs": [{"logRecords": [
            {"timeUnixNano": str(t), "body": {"stringValue": x}} for t, x in lines]}]}]}).encode()
    status, text, _ = post(port, "/v1/logs", document, JSON)
    check((status, text) == (200, "{}"), f"OTLP's JSON: {status} {text}")
    for name in ["loki", "json", "otlp", "otlpjson"]:
        found = [tuple(x[:2]) for x in central.lines(f'{{py="{name}"}}')]
        check(found == [(str(t), text) for t, text in lines], f"the lines of {name}: {found}")


def refused(port):
    good = snappy(write1([("__name__", "py_bad")], [(1, 1)]))
    now = int(time.time() * 1000)
    cases = [
        ("nobody", 401, good, PROTO, "/api/v1/write", {"auth": None}),
        ("a wrong password", 401, good, PROTO, "/api/v1/write", {"auth": "edge:falsch"}),
        ("a wrong name", 401, good, PROTO, "/api/v1/write", {"auth": "egde:geheim"}),
        ("a wrong token", 401, good, PROTO, "/loki/api/v1/push", {"token": "falsch"}),
        ("a sample of 1970", 400, good, PROTO, "/api/v1/write", {}),
        ("a sample of tomorrow", 400, snappy(write1([("__name__", "py_bad")], [(now + 86400000, 1)])),
         PROTO, "/api/v1/write", {}),
        ("no name", 400, snappy(write1([("a", "b")], [(now, 1)])), PROTO, "/api/v1/write", {}),
        ("not snappy", 400, b"hello", PROTO, "/api/v1/write", {}),
        ("not protobuf", 400, snappy(b"\xff\xff\xff"), PROTO, "/api/v1/write", {}),
        ("a bomb", 413, varint(1 << 31) + b"\0a", PROTO, "/api/v1/write", {}),
        ("a gzip bomb", 413, gzip.compress(b" " * (64 << 20)),
         JSON | {"Content-Encoding": "gzip"}, "/loki/api/v1/push", {}),
        ("a large body", 413, b"x" * (5 << 20), PROTO, "/loki/api/v1/push", {}),
        ("an unknown encoding", 415, b"x", PROTO | {"Content-Encoding": "br"}, "/api/v1/write", {}),
        ("an unknown type", 415, b"x", {"Content-Type": "text/plain"}, "/v1/logs", {}),
        ("JSON that is none", 400, b"{", JSON, "/loki/api/v1/push", {}),
        ("nested JSON", 400, b"[" * 100000, JSON, "/v1/logs", {}),
    ]
    for what, wanted, body, headers, path, more in cases:
        status, text, _ = post(port, path, body, headers, **more)
        check(status == wanted and "geheim" not in text, f"{what}: {status} {text.strip()[:90]!r}")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        try:
            answer = plain.recv(100)
        except ConnectionError:
            answer = b""
        check(not answer.startswith(b"HTTP"), "without TLS there is no answer")


def main():
    global WORK
    parser = argparse.ArgumentParser()
    parser.add_argument("--ullage", required=True)
    parser.add_argument("--prometheus", default="/usr/bin/prometheus")
    options = parser.parse_args()
    options.ullage = os.path.abspath(options.ullage)
    processes = []
    with tempfile.TemporaryDirectory(prefix="ullage-receive-") as WORK:
        try:
            run(options, processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def run(options, processes):
    with open(f"{WORK}/password", "w") as file:
        file.write("geheim\n")
    with open(f"{WORK}/token", "w") as file:
        file.write("marke\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", f"{WORK}/key.pem", "-out", f"{WORK}/cert.pem", "-days", "2",
         "-subj", "/CN=central", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True)
    port = free_port()
    central = Agent(options, WORK, "central", f"""
sampling: {{interval: 2s}}
receive:
  listen: 127.0.0.1:{port}
  tls: {{cert_file: {WORK}/cert.pem, key_file: {WORK}/key.pem}}
  senders:
    - basic_auth: {{username: edge, password_file: {WORK}/password}}
    - bearer_token_file: {WORK}/token
""")
    processes.append(central.process)
    own_requests(central, port)
    refused(port)

    log = open(f"{WORK}/app.log", "w")
    edge = Agent(options, WORK, "edge", f"""
sampling: {{interval: 1s}}
logs: {{files: ["{WORK}/app.log"]}}
ship:
""" + sink("one", "remote_write", "/api/v1/write", port)
        + sink("two", "remote_write", "/api/v1/write", port, ", version: \"2.0\"")
        + sink("loki", "loki", "/loki/api/v1/push", port)
        + sink("json", "loki", "/loki/api/v1/push", port, ", encoding: json")
        + sink("otlp", "otlp_logs", "/v1/logs", port)
        + sink("otlpjson", "otlp_logs", "/v1/logs", port, ", encoding: json"))
    processes.append(edge.process)
    with open(f"{WORK}/prometheus.yml", "w") as file:
        file.write(f"""
global: {{scrape_interval: 1s, external_labels: {{host: prometheus}}}}
scrape_configs: [{{job_name: edge, static_configs: [{{targets: ["127.0.0.1:{edge.port}"]}}]}}]
remote_write:
  - url: https://localhost:{port}/api/v1/write
    basic_auth: {{username: edge, password_file: {WORK}/password}}
    tls_config: {{ca_file: {WORK}/cert.pem}}
    queue_config: {{batch_send_deadline: 500ms}}
""")
    own = free_port()
    prometheus = subprocess.Popen(
        [options.prometheus, f"--config.file={WORK}/prometheus.yml",
         f"--storage.tsdb.path={WORK}/tsdb", f"--web.listen-address=127.0.0.1:{own}",
         "--log.level=error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes.append(prometheus)
    for number in range(500):
        log.write(f"{number} ERROR ü \"quoted\" {number * 7}\n")
        log.flush()
        if number % 100 == 50:
            time.sleep(0.3)
    eventually(lambda: len(edge.lines('{filename=~".*app.log"}')) == 500, "500 lines are stored")
    sent = [x[:2] for x in edge.lines('{filename=~".*app.log"}')]
    for name in ["loki", "json", "otlp", "otlpjson"]:
        def same(name=name):
            found = [x[:2] for x in central.lines(f'{{host="{name}"}}')]
            return found == sent or len(found)
        eventually(same, f"the lines of {name} are the same, in order")
    selector = '{__name__=~"ullage_.*|node_cpu.*"%s}[1h]'
    names = ["one", "two"]
    eventually(lambda: all(len(central.query(f'ullage_build_info{{host="{n}"}}[1h]')[0]["values"]) > 8
                           for n in names), "both versions bring samples")

    # The receiver is killed while they send, and comes back.
    central.process.send_signal(signal.SIGKILL)
    central.process.wait()
    time.sleep(2)
    central.start()
    processes.append(central.process)
    eventually(lambda: all(s["attempts"].get("retry", 0) > 0 for s in json.loads(
        edge.get("/api/v1/ship/status"))["data"] if s["type"] == "remote_write"),
        "the senders noticed")
    at = time.time() - 1
    wanted = edge.samples(selector % "", at)
    check(len(wanted) > 100, f"{len(wanted)} series to compare")
    for name in names:
        def same(name=name):
            found = central.samples(selector % f',host="{name}"', at)
            return found == wanted or (len(found), sum(map(len, found.values())),
                                       len(wanted), sum(map(len, wanted.values())))
        eventually(same, f"every sample of {name} is there, and no other")

    def prometheus_same():
        query = urllib.parse.urlencode({"query": '{__name__=~"ullage_.*",job="edge"}[1h]',
                                        "time": at})
        with urllib.request.urlopen(f"http://127.0.0.1:{own}/api/v1/query?{query}") as answer:
            wanted = {tuple(sorted(o["metric"].items())): o["values"]
                      for o in json.load(answer)["data"]["result"]}
        found = {tuple(sorted((k, v) for k, v in o["metric"].items() if k != "host")): o["values"]
                 for o in central.query('{__name__=~"ullage_.*",host="prometheus"}[1h]', time=at)}
        return len(wanted) > 50 and found == wanted or (len(found), len(wanted))
    eventually(prometheus_same, "Prometheus' own samples are the same", 60)

    verify = subprocess.run([options.ullage, "storage", "verify", "--data-dir", central.data],
                            capture_output=True, text=True)
    check(verify.returncode == 0, f"the store is sound: {verify.stdout}{verify.stderr}")
    eventually(lambda: 'ullage_receive_requests_total{protocol="remote_write",result="accepted"}'
               in central.get("/metrics"), "requests are counted")


if __name__ == "__main__":
    main()
