#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cri.py SOCKET IMAGE LOGS SCRIPT: runs SCRIPT in a container of a pod through containerd's CRI, as a
kubelet would, so that containerd writes the log below LOGS. Speaks gRPC by hand (curl has HTTP/2), as
Debian has no crictl; messages are those of cri-api's api.proto."""

import struct
import subprocess
import sys
import time

SOCKET, IMAGE, LOGS, SCRIPT = sys.argv[1:]


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    """The fields of a message: numbers and byte strings by field number."""
    at, found = 0, {}

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = read()
        if tag & 7 == 0:
            found[tag >> 3] = read()
        else:
            length = read()
            found[tag >> 3] = message[at:at + length]
            at += length
    return found


def call(method, message):
    answer = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", SOCKET, "-X", "POST",
         "-H", "content-type: application/grpc", "-H", "te: trailers", "-D", "/tmp/headers",
         "--data-binary", "@-", "http://localhost/runtime.v1.RuntimeService/" + method],
        input=b"\0" + struct.pack(">I", len(message)) + message, stdout=subprocess.PIPE, check=True)
    with open("/tmp/headers") as file:
        headers = file.read().lower()
    if "grpc-status:" in headers and "grpc-status: 0" not in headers:
        sys.exit(f"{method}: {headers}")
    return fields(answer.stdout[5:])


# The namespaces of the node: there is no network plugin here.
node = field(1, 2) + field(2, 1)
security = field(1, node)
metadata = field(1, "golden") + field(2, "0b5c") + field(3, "test")
sandbox = (
    field(1, metadata) + field(3, LOGS) + field(8, field(1, "") + field(2, security)))
pod = call("RunPodSandbox", field(1, sandbox))[1]
container = (
    field(1, field(1, "writer")) + field(2, field(1, IMAGE)) + field(3, "/bin/sh") + field(3, "-c")
    + field(3, SCRIPT) + field(11, "writer/0.log") + field(15, field(2, field(3, node))))
request = field(1, pod) + field(2, container) + field(3, sandbox)
identifier = call("CreateContainer", request)[1]
call("StartContainer", field(1, identifier))
for _ in range(300):
    # CONTAINER_EXITED is 2.
    status = fields(call("ContainerStatus", field(1, identifier))[1])
    if status.get(3) == 2:
        break
    time.sleep(0.2)  # the poll interval of a deadline loop
else:
    sys.exit("cri.py: the container has not ended within a minute")
call("StopPodSandbox", field(1, pod))
