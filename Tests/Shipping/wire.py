# SPDX-License-Identifier: Apache-2.0
"""Decoders written from the public specifications, so that what Ullage sends is read by a program
that shares no line with it: protocol buffers (protobuf.dev/programming-guides/encoding), snappy's
block format (google/snappy, format_description.txt) and MessagePack (msgpack spec)."""
import struct


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def fields(data):
    """(number, value) of a message: int, or bytes for what has a length."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at:at + 8], at + 8
        elif kind == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        elif kind == 5:
            value, at = data[at:at + 4], at + 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(data):
            raise ValueError("cut short")
        yield number, value


def message(data):
    """A message's fields, each a list."""
    result = {}
    for number, value in fields(data):
        result.setdefault(number, []).append(value)
    return result


def text(fields_, number):
    return fields_[number][0].decode() if number in fields_ else ""


def packed(data):
    at, values = 0, []
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def double(data):
    return struct.unpack("<d", data)[0]


def snappy(data):
    """Decompresses one block."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                more = length - 59
                length = int.from_bytes(data[at:at + more], "little")
                at += more
            out += data[at:at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, offset = (tag >> 2 & 7) + 4, tag >> 5 << 8 | data[at]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little")
            at += width
        for _ in range(length):
            out.append(out[-offset])
    if len(out) != size:
        raise ValueError("length differs")
    return bytes(out)


def msgpack(data, at=0):
    """One value and where it ends."""
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    if first >= 0xE0:
        return first - 256, at
    if first < 0x90:
        return _map(data, at, first & 15)
    if first < 0xA0:
        return _list(data, at, first & 15)
    if first < 0xC0:
        return data[at:at + (first & 31)].decode("utf-8", "surrogateescape"), at + (first & 31)
    if first in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[first], at
    if first in (0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB):
        width = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}[first]
        length = int.from_bytes(data[at:at + width], "big")
        at += width
        value = data[at:at + length]
        return (value.decode("utf-8", "surrogateescape") if first >= 0xD9 else value), at + length
    if 0xCC <= first <= 0xD3:
        width = 1 << (first & 3)
        value = int.from_bytes(data[at:at + width], "big", signed=first >= 0xD0)
        return value, at + width
    if first == 0xD7:
        return (data[at], data[at + 1:at + 9]), at + 9
    if first in (0xDC, 0xDD):
        width = 2 if first == 0xDC else 4
        return _list(data, at + width, int.from_bytes(data[at:at + width], "big"))
    if first in (0xDE, 0xDF):
        width = 2 if first == 0xDE else 4
        return _map(data, at + width, int.from_bytes(data[at:at + width], "big"))
    raise ValueError(f"msgpack byte {first:#x}")


def _list(data, at, count):
    values = []
    for _ in range(count):
        value, at = msgpack(data, at)
        values.append(value)
    return values, at


def _map(data, at, count):
    values = {}
    for _ in range(count):
        key, at = msgpack(data, at)
        values[key], at = msgpack(data, at)
    return values, at
