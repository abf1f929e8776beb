#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults of the network, of the disk and of certificates, one sink for each, all of one agent:

    Tests/Shipping/faults.py --ullage .build/debug/ullage

    partition  the link to the sink goes down while it sends, and comes back
    full       the file system of the cursor is full, the agent is killed meanwhile, and there is room
    expired    the certificate has expired, and is renewed
    slow       the sink reads and answers a byte a second, and is replaced
    name       the sink's name cannot be resolved, and then can
    proxy      nginx with TLS, a client's certificate and a password stands before the sink
    plain      nothing is wrong: what happens to the others must not delay it

Each line must arrive, in order; twice at most those of one request for each answer that was lost.
Runs in namespaces of its own, which needs root."""
import argparse, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time

from receive import Agent, check, eventually, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 10


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Receiver:
    def __init__(self, work, name, port=0, inside=None, *more):
        self.file, self.records = f"{work}/{name}.port", f"{work}/{name}.records"
        if os.path.exists(self.file):
            os.unlink(self.file)
        command = [sys.executable, "-B", f"{HERE}/receiver.py", "--port-file", self.file,
                   "--records", self.records, "--port", str(port), *more]
        if inside:
            command = ["nsenter", "-t", str(inside), "-n"] + command
        self.process = subprocess.Popen(command)
        end = time.time() + 20
        while not os.path.exists(self.file) and time.time() < end:
            time.sleep(0.02)  # the poll interval of a deadline loop
        with open(self.file, encoding="utf-8") as file:
            self.port = int(file.read())

    def stop(self):
        self.process.kill()
        self.process.wait()


def numbers(work, name):
    """The numbers of the lines that arrived."""
    try:
        with open(f"{work}/{name}.records", encoding="utf-8") as file:
            return [int(json.loads(line)["object"]["message"].split()[1]) for line in file]
    except FileNotFoundError:
        return []


class Slow:
    """Reads a byte a second and sends one back."""
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.trickle, args=[connection], daemon=True).start()

    def trickle(self, connection):
        self.taken += 1
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        try:
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n":
                connection.recv(1)
                connection.sendall(bytes([byte]))
                time.sleep(1)  # being slow is what this receiver is for
        except OSError:
            pass


def certificate(work, name, *more):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", f"{work}/{name}.key", "-out", f"{work}/{name}.crt", "-subj",
        f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,DNS:sink.test", *more)


def expired(work):
    """A certificate of the key of `valid` whose time was in 2020."""
    with open(f"{work}/ca.conf", "w", encoding="utf-8") as file:
        file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={work}/index\nserial={work}/serial\n"
                   f"new_certs_dir={work}\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n"
                   "[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost\n")
    open(f"{work}/index", "w").close()
    with open(f"{work}/serial", "w") as file:
        file.write("01\n")
    run("openssl", "req", "-new", "-key", f"{work}/valid.key", "-subj", "/CN=valid", "-out",
        f"{work}/expired.csr")
    run("openssl", "ca", "-batch", "-config", f"{work}/ca.conf", "-selfsign", "-keyfile",
        f"{work}/valid.key", "-in", f"{work}/expired.csr", "-startdate", "200101000000Z",
        "-enddate", "200201000000Z", "-out", f"{work}/expired.crt")


def nginx(work, behind):
    port = free_port()
    run("sh", "-c", f"printf 'edge:%s\\n' \"$(openssl passwd -apr1 geheim)\" > {work}/htpasswd")
    with open(f"{work}/nginx.conf", "w", encoding="utf-8") as file:
        file.write(f"""
master_process off; daemon off; pid {work}/nginx.pid; error_log {work}/nginx.err; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {work}/nb; proxy_temp_path {work}/np;
  fastcgi_temp_path {work}/nf; uwsgi_temp_path {work}/nu; scgi_temp_path {work}/ns;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {work}/valid.crt; ssl_certificate_key {work}/valid.key;
    ssl_client_certificate {work}/client.crt; ssl_verify_client on;
    auth_basic ullage; auth_basic_user_file {work}/htpasswd;
    location / {{ proxy_pass http://127.0.0.1:{behind}; }}
  }}
}}
""")
    return subprocess.Popen(["/usr/sbin/nginx", "-c", f"{work}/nginx.conf", "-p", work,
                             "-e", f"{work}/nginx.err"]), port


class Rig:
    def __init__(self, options, work):
        self.work = work
        self.written = 0
        self.others = []
        # A namespace at the other end of a cable.
        self.inside = subprocess.Popen(["unshare", "-n", "sleep", "100"])
        eventually(lambda: os.readlink(f"/proc/{self.inside.pid}/ns/net")
                   != os.readlink("/proc/self/ns/net"), "there is a namespace for the sink")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "ship0", "type", "veth", "peer", "name", "ship1", "netns",
            str(self.inside.pid))
        run("ip", "addr", "add", "192.0.2.1/30", "dev", "ship0")
        run("ip", "link", "set", "ship0", "up")
        for more in [["addr", "add", "192.0.2.2/30", "dev", "ship1"], ["link", "set", "ship1", "up"]]:
            run("nsenter", "-t", str(self.inside.pid), "-n", "ip", *more)
        certificate(work, "valid")
        certificate(work, "client")
        expired(work)
        self.sinks = {
            "plain": Receiver(work, "plain"),
            "partition": Receiver(work, "partition", 0, self.inside.pid, "--host", "192.0.2.2"),
            "full": Receiver(work, "full"),
            "expired": Receiver(work, "expired", 0, None, "--tls", f"{work}/expired.crt",
                                f"{work}/valid.key"),
            "slow": Slow(),
            "name": Receiver(work, "name"),
        }
        ports = {name: sink.port for name, sink in self.sinks.items()}
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        urls["partition"] = f"http://192.0.2.2:{ports['partition']}"
        urls["expired"] = f"https://localhost:{ports['expired']}"
        urls["name"] = f"http://sink.test:{ports['name']}"
        more = {"expired": f", tls: {{ca_file: {work}/trusted.crt}}"}
        with open(f"{work}/trusted.crt", "w", encoding="utf-8") as file:
            for name in ["valid", "expired"]:
                with open(f"{work}/{name}.crt", encoding="utf-8") as part:
                    file.write(part.read())
        if os.path.exists("/usr/sbin/nginx"):
            self.sinks["proxy"] = Receiver(work, "proxy")
            process, port = nginx(work, self.sinks["proxy"].port)
            self.others.append(process)
            urls["proxy"] = f"https://localhost:{port}"
            more["proxy"] = (
                f", tls: {{ca_file: {work}/valid.crt, cert_file: {work}/client.crt, "
                f"key_file: {work}/client.key}}, "
                "basic_auth: {username: edge, password: geheim}")
        os.makedirs(f"{work}/agent/agent/ship/full")
        run("mount", "-t", "tmpfs", "-o", "size=256k", "none", f"{work}/agent/agent/ship/full")
        shutil.copy("/etc/hosts", f"{work}/hosts")
        run("mount", "--bind", f"{work}/hosts", "/etc/hosts")
        self.file = open(f"{work}/app.log", "w", encoding="utf-8")
        sinks = "".join(
            f"  - {{name: {name}, type: http, url: \"{url}/any\", timeout: 2s, from: oldest, "
            f"max_backoff: 500ms, batch: {{max_records: {BATCH}, max_age: 0s}}"
            f"{more.get(name, '')}}}\n" for name, url in urls.items())
        self.agent = Agent(options, work, "agent", "sampling: {interval: 10s}\n"
                           f"logs: {{files: [\"{work}/app.log\"]}}\nship:\n{sinks}")

    def write(self, count):
        for number in range(self.written, self.written + count):
            self.file.write(f"line {number} {'x' * 50}\n")
        self.file.flush()
        self.written += count

    def status(self, name):
        return next(s for s in json.loads(self.agent.get("/api/v1/ship/status"))["data"]
                    if s["name"] == name)

    def error(self, name, *words):
        def is_told():
            last = self.status(name).get("lastError", "")
            return all(word in last for word in words) or last
        eventually(is_told, f"{name} says {' '.join(words)}")

    def arrived(self, name, repeated=0):
        def is_there():
            found = numbers(self.work, name)
            return len(set(found)) == self.written or \
                f"{len(set(found))}; {self.status(name).get('lastError')}"
        eventually(is_there, f"{name} gets all {self.written} lines")
        found = numbers(self.work, name)
        firsts = list(dict.fromkeys(found))
        check(firsts == sorted(firsts), f"{name} gets them in order")
        check(len(found) - self.written <= repeated * BATCH,
              f"{name} gets {len(found) - self.written} of them twice")

    def stop(self):
        for one in [self.agent.process, self.inside] + self.others:
            one.kill()
            one.wait()
        for sink in self.sinks.values():
            if isinstance(sink, Receiver):
                sink.stop()


def faults(rig):
    work = rig.work
    rig.write(50)
    for name in ["plain", "partition", "full"] + (["proxy"] if "proxy" in rig.sinks else []):
        rig.arrived(name)
    rig.error("expired", "CERTIFICATE_VERIFY_FAILED")
    rig.error("name", "sink.test", "cannot be resolved")
    rig.error("slow", "cannot reach")
    check("geheim" not in rig.agent.get("/api/v1/ship/status"), "no password is shown")

    run("ip", "link", "set", "ship0", "down")
    ballast = os.open(f"{work}/agent/agent/ship/full/ballast", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(ballast, b"x" * 4096):
            pass
    except OSError:
        os.close(ballast)
    rig.write(200)
    rig.arrived("plain")
    rig.error("partition", "cannot reach")
    rig.error("full", "No space left")
    before = len(set(numbers(work, "full")))
    check(before <= 50 + BATCH, "a cursor that cannot be written lets one request out at most")

    rig.agent.process.send_signal(signal.SIGKILL)
    rig.agent.process.wait()
    rig.write(40)
    rig.agent.start()
    rig.arrived("plain", 1)
    rig.error("full", "No space left")

    run("ip", "link", "set", "ship0", "up")
    os.unlink(f"{work}/agent/agent/ship/full/ballast")
    with open("/etc/hosts", "a", encoding="utf-8") as file:
        file.write("127.0.0.1 sink.test\n")
    port = rig.sinks["expired"].port
    rig.sinks["expired"].stop()
    rig.sinks["expired"] = Receiver(work, "expired", port, None, "--tls", f"{work}/valid.crt",
                                    f"{work}/valid.key")
    slow = rig.sinks["slow"]
    check(slow.taken > 1, f"the slow sink was tried {slow.taken} times")
    slow.listener.shutdown(socket.SHUT_RDWR)
    slow.listener.close()
    rig.sinks["slow"] = Receiver(work, "slow", slow.port)
    rig.write(30)
    # Lost answers: of the partition, and of each kill.
    for name, repeated in [("partition", 2), ("full", 2), ("expired", 1), ("slow", 1), ("name", 1),
                           ("plain", 1)]:
        rig.arrived(name, repeated)
    if "proxy" in rig.sinks:
        rig.arrived("proxy", 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ullage", required=True)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.ullage = os.path.abspath(options.ullage)
    if not options.inside:
        os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", sys.executable,
                              "-B", os.path.abspath(__file__), "--ullage", options.ullage,
                              "--inside"])
    with tempfile.TemporaryDirectory(prefix="ullage-faults-") as work:
        rig = Rig(options, work)
        try:
            faults(rig)
        finally:
            rig.stop()
            run("umount", f"{work}/agent/agent/ship/full")


if __name__ == "__main__":
    main()
