// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Model

/// Writes MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md).
struct MessagePack {
    private(set) var bytes: [UInt8] = []

    mutating func list(_ count: Int) { head(count, small: 0x90, 15, wide: 0xdc) }
    mutating func map(_ count: Int) { head(count, small: 0x80, 15, wide: 0xde) }

    private mutating func head(_ count: Int, small: UInt8, _ limit: Int, wide: UInt8) {
        if count <= limit {
            bytes.append(small | UInt8(count))
        } else if count <= 0xffff {
            bytes.append(wide)
            big(UInt64(count), 2)
        } else {
            bytes.append(wide + 1)
            big(UInt64(count), 4)
        }
    }

    mutating func text(_ string: String) {
        var string = string
        string.withUTF8 { text(UnsafeRawBufferPointer($0)) }
    }

    mutating func text(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { text($0) }
    }

    mutating func text(_ text: UnsafeRawBufferPointer) {
        switch text.count {
        case 0..<32: bytes.append(0xa0 | UInt8(text.count))
        case 32...0xff: bytes += [0xd9, UInt8(text.count)]
        case 0x100...0xffff:
            bytes.append(0xda)
            big(UInt64(text.count), 2)
        default:
            bytes.append(0xdb)
            big(UInt64(text.count), 4)
        }
        bytes.append(contentsOf: text)
    }

    mutating func integer(_ value: Int) {
        bytes.append(0xcf)
        big(UInt64(value), 8)
    }

    mutating func raw(_ more: [UInt8]) { bytes += more }
    mutating func raw(_ more: ArraySlice<UInt8>) { bytes += more }

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Fluentd's time with nanoseconds: extension 0 of eight bytes.
    mutating func eventTime(_ nanoseconds: Int64) {
        bytes += [0xd7, 0x00]
        big(UInt64(truncatingIfNeeded: nanoseconds / 1_000_000_000), 4)
        big(UInt64(truncatingIfNeeded: nanoseconds % 1_000_000_000), 4)
    }

    private mutating func big(_ value: UInt64, _ count: Int) {
        for i in (0..<count).reversed() {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(i * 8)))
        }
    }
}

/// Fluentd's Forward protocol, mode Forward, one message a request with a chunk that is acknowledged
/// (https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1).
final class ForwardEncoder: LogEncoder {
    private let tag: String
    private var entries = MessagePack()
    private var entryCount = 0
    private var random = SystemRandomNumberGenerator()

    init(tag: String) { self.tag = tag }

    let headers: [(name: String, value: String)] = []

    var count: Int { entries.bytes.count }

    func begin() {
        entries.removeAll()
        entryCount = 0
    }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        entryCount += 1
        if stream.prepared.isEmpty {
            var members = MessagePack()
            for label in stream.labels.pairs {
                members.text(label.name)
                members.text(label.value)
            }
            stream.prepared = members.bytes
        }
        entries.list(2)
        entries.eventTime(entry.timestamp)
        let hasLevel = entry.level != .unknown
        entries.map(stream.labels.pairs.count + 1 + (hasLevel ? 1 : 0) + (entry.isGap ? 1 : 0))
        entries.text("log")
        LogText.withUTF8(entry.bytes) { entries.text($0) }
        if hasLevel {
            entries.text("level")
            entries.text(entry.level.name)
        }
        if entry.isGap {
            entries.text("gap")
            entries.text("true")
        }
        entries.raw(stream.prepared)
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var message = MessagePack()
        message.list(3)
        message.text(tag)
        message.list(entryCount)
        message.raw(entries.bytes)
        message.map(2)
        message.text("size")
        message.integer(entryCount)
        message.text("chunk")
        message.text(
            ForwardStream.base64((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }))
        return (message.bytes, message.bytes.count)
    }
}

/// The handshake and the acknowledgements of Forward.
final class ForwardStream: StreamProtocol {
    private let sharedKey: Secret?
    private let user: String
    private let password: Secret?
    private let host: String

    init(sharedKey: Secret?, user: String, password: Secret?, host: String) {
        self.sharedKey = sharedKey
        self.user = user
        self.password = password
        self.host = host
    }

    /// With a shared key the server speaks first: HELO, PING, PONG.
    func begin(_ connection: StreamConnection) throws {
        guard let sharedKey else { return }
        let hello = try connection.receive(Self.value)
        guard case .list(let parts) = hello, parts.first == .text(Array("HELO".utf8)),
            parts.count > 1, case .map(let options) = parts[1]
        else { throw ShipError("the server does not say HELO, as one with a shared key does") }
        let nonce = options["nonce"]?.bytes ?? []
        let auth = options["auth"]?.bytes ?? []
        let key = Array(try sharedKey.read().utf8)
        let salt = (0..<16).map { _ in UInt8.random(in: 0...255) }
        var ping = MessagePack()
        ping.list(6)
        ping.text("PING")
        ping.text(host)
        ping.text(salt)
        ping.text(SHA512.hex(salt + Array(host.utf8) + nonce + key))
        if auth.isEmpty {
            ping.text("")
            ping.text("")
        } else {
            let secret = Array(try password?.read().utf8 ?? "".utf8)
            ping.text(user)
            ping.text(SHA512.hex(auth + Array(user.utf8) + secret))
        }
        try connection.send(ping.bytes)
        guard case .list(let pong) = try connection.receive(Self.value), pong.count >= 5,
            pong[0] == .text(Array("PONG".utf8))
        else { throw ShipError("the server does not answer PONG") }
        guard pong[1] == .bool(true) else {
            let reason = String(decoding: pong[2].bytes ?? [], as: UTF8.self)
            throw ShipError("the server refuses the key or the user: \(reason.prefix(200))")
        }
        let expected = SHA512.hex(salt + (pong[3].bytes ?? []) + nonce + key)
        guard pong[4].bytes == Array(expected.utf8) else {
            throw ShipError("the server does not know the shared key")
        }
    }

    func send(_ parcel: Parcel, on connection: StreamConnection) throws -> Verdict {
        try connection.send(parcel.body)
        // The chunk's name is the message's last text: 24 characters of base64.
        let chunk = Array(parcel.body.suffix(24))
        guard case .map(let answer) = try connection.receive(Self.value) else {
            throw ShipError("the acknowledgement is no map")
        }
        guard answer["ack"]?.bytes == chunk else {
            throw ShipError("the acknowledgement is of another chunk")
        }
        return .accepted
    }

    /// A value of MessagePack, as far as servers send them.
    enum Value: Equatable {
        case text([UInt8])
        case bool(Bool)
        case other
        case list([Value])
        case map([String: Value])

        var bytes: [UInt8]? {
            if case .text(let bytes) = self { return bytes }
            return nil
        }
    }

    /// The value at the start; nil when it is not whole.
    private static func value(_ bytes: [UInt8]) throws -> (count: Int, result: Value)? {
        var at = 0
        guard let value = try parse(bytes, &at, depth: 0) else { return nil }
        return (at, value)
    }

    private static func parse(_ bytes: [UInt8], _ at: inout Int, depth: Int) throws -> Value? {
        guard at < bytes.count else { return nil }
        guard depth < 8 else { throw ShipError("the answer is too deep") }
        let first = bytes[at]
        at += 1
        switch first {
        case 0x00...0x7f, 0xe0...0xff, 0xc0: return .other
        case 0xc2: return .bool(false)
        case 0xc3: return .bool(true)
        case 0x80...0x8f: return try map(bytes, &at, Int(first & 15), depth)
        case 0x90...0x9f: return try list(bytes, &at, Int(first & 15), depth)
        case 0xa0...0xbf: return text(bytes, &at, Int(first & 31))
        case 0xc4, 0xd9:
            guard at < bytes.count else { return nil }
            at += 1
            return text(bytes, &at, Int(bytes[at - 1]))
        case 0xc5, 0xda:
            guard at + 1 < bytes.count else { return nil }
            at += 2
            return text(bytes, &at, Int(bytes[at - 2]) << 8 | Int(bytes[at - 1]))
        case 0xcc, 0xd0: at += 1
        case 0xcd, 0xd1: at += 2
        case 0xce, 0xd2: at += 4
        case 0xcf, 0xd3: at += 8
        default: throw ShipError("the answer is not the Forward protocol")
        }
        return at <= bytes.count ? .other : nil
    }

    private static func text(_ bytes: [UInt8], _ at: inout Int, _ count: Int) -> Value? {
        guard at + count <= bytes.count else { return nil }
        defer { at += count }
        return .text(Array(bytes[at..<(at + count)]))
    }

    private static func list(
        _ bytes: [UInt8], _ at: inout Int, _ count: Int, _ depth: Int
    ) throws -> Value? {
        var values: [Value] = []
        for _ in 0..<count {
            guard let value = try parse(bytes, &at, depth: depth + 1) else { return nil }
            values.append(value)
        }
        return .list(values)
    }

    private static func map(
        _ bytes: [UInt8], _ at: inout Int, _ count: Int, _ depth: Int
    ) throws -> Value? {
        var values: [String: Value] = [:]
        for _ in 0..<count {
            guard let key = try parse(bytes, &at, depth: depth + 1),
                let value = try parse(bytes, &at, depth: depth + 1)
            else { return nil }
            values[String(decoding: key.bytes ?? [], as: UTF8.self)] = value
        }
        return .map(values)
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for at in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[at..<min(at + 3, bytes.count)]
            let word =
                part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32((3 - part.count) * 8)
            for i in 0..<4 {
                text.append(
                    i <= part.count
                        ? digits[Int(word >> UInt32(18 - i * 6) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
