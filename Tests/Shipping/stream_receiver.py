#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TCP receiver of syslog with octet counting, RELP and Forward, for Ullage's tests: appends each
record as a JSON line to a file. Reads by itself, without Ullage's code.

stream_receiver.py PROTOCOL --port-file FILE --records FILE [--drop N] [--shared-key KEY]
                   [--user NAME --password WORD] [--tls CERT KEY]

--drop N closes the connection after N records, once, before it acknowledges them."""
import argparse
import hashlib
import json
import os
import socketserver
import ssl
import threading

import wire


class Handler(socketserver.StreamRequestHandler):
    def take(self, record):
        server = self.server
        with server.lock:
            server.taken += 1
            server.records.write(json.dumps(record) + "\n")
            server.records.flush()
            if server.drop and server.taken == server.drop:
                server.drop = 0
                raise ConnectionResetError
        return True

    def handle(self):
        try:
            getattr(self, self.server.protocol)()
        except (ConnectionError, ValueError, IndexError):
            pass

    def word(self, end=b" "):
        word = b""
        while True:
            byte = self.rfile.read(1)
            if not byte:
                raise ConnectionError
            if byte == end:
                return word
            word += byte

    def syslog(self):
        while True:
            length = int(self.word())
            self.take({"message": self.rfile.read(length).decode("utf-8", "replace")})

    def relp(self):
        while True:
            number, command, length = self.word(), self.word(), int(self.word())
            data = self.rfile.read(length)
            if self.rfile.read(1) != b"\n":
                raise ValueError("frame")
            if command == b"open":
                answer = b"200 OK\nrelp_version=0\ncommands=syslog"
            else:
                self.take({"message": data.decode("utf-8", "replace")})
                answer = b"200 OK"
            self.wfile.write(b"%s rsp %d %s\n" % (number, len(answer), answer))

    def value(self):
        while True:
            try:
                value, end = wire.msgpack(self.buffer)
                if end <= len(self.buffer):
                    self.buffer = self.buffer[end:]
                    return value
            except IndexError:
                pass
            more = self.connection.recv(65536)
            if not more:
                raise ConnectionError
            self.buffer += more

    def forward(self):
        self.buffer = b""
        if self.server.key:
            self.handshake()
        while True:
            tag, entries, options = self.value()
            assert options["size"] == len(entries)
            for when, record in entries:
                kind, data = when
                assert kind == 0
                record["tag"] = tag
                record["time"] = int.from_bytes(data[:4], "big") * 10**9 + int.from_bytes(
                    data[4:], "big")
                self.take({"object": record})
            chunk = options["chunk"].encode()
            self.wfile.write(b"\x81\xa3ack" + bytes([0xA0 | len(chunk)]) + chunk)

    def handshake(self):
        nonce, auth = b"n" * 16, b"a" * 16
        helo = b"\x92\xa4HELO\x83\xa5nonce\xc4\x10" + nonce + b"\xa4auth"
        helo += (b"\xc4\x10" + auth if self.server.user else b"\xa0") + b"\xa9keepalive\xc3"
        self.wfile.write(helo)
        ping, host, salt, digest, user, password = self.value()
        salt = salt if isinstance(salt, bytes) else salt.encode("utf-8", "surrogateescape")
        key = self.server.key.encode()
        good = hashlib.sha512(salt + host.encode() + nonce + key).hexdigest() == digest
        if self.server.user:
            mine = hashlib.sha512(
                auth + self.server.user.encode() + self.server.password.encode()).hexdigest()
            good = good and user == self.server.user and password == mine
        answer = hashlib.sha512(salt + b"me" + nonce + key).hexdigest().encode()
        self.wfile.write(
            b"\x95\xa4PONG" + (b"\xc3\xa0" if good else b"\xc2\xa5wrong") + b"\xa2me\xd9\x80" + answer)
        if ping != "PING" or not good:
            raise ConnectionError


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    context = None

    def get_request(self):
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        return connection, address

    def handle_error(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("protocol", choices=["syslog", "relp", "forward"])
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--records", required=True)
    parser.add_argument("--drop", type=int, default=0)
    parser.add_argument("--shared-key", default="")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--tls", nargs=2)
    arguments = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    server.protocol = arguments.protocol
    server.lock = threading.Lock()
    server.taken, server.drop = 0, arguments.drop
    server.key, server.user = arguments.shared_key, arguments.user
    server.password = arguments.password
    server.records = open(arguments.records, "a", encoding="utf-8")
    if arguments.tls:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(*arguments.tls)
    with open(arguments.port_file + ".new", "w", encoding="utf-8") as file:
        file.write(str(server.server_address[1]))
    os.rename(arguments.port_file + ".new", arguments.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
