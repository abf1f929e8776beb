// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The lines of one stream that a request brings.
struct PushedStream {
    /// One line.
    struct Line {
        /// Nanoseconds since the Unix epoch; 0 when the sender gave none.
        var time: Int64 = 0
        /// The text; of protocol buffers a part of the request's body.
        var text: ArraySlice<UInt8> = []
        /// What the sender says beside the text.
        var attributes: [Label] = []
    }

    var labels: [Label] = []
    var lines: [Line] = []
}

/// A request of Loki's push API
/// (https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs), read within bounds.
struct LokiPushReader {
    private let limits: ReceiveLimits
    private var lines = 0
    private var streams: [PushedStream] = []

    private init(_ limits: ReceiveLimits) { self.limits = limits }

    private mutating func count() throws(ReceiveError) {
        lines += 1
        guard lines <= limits.records else { throw Self.tooMany(limits) }
    }

    static func tooMany(_ limits: ReceiveLimits) -> ReceiveError {
        .tooLarge("the request has more than \(limits.records) lines: send smaller batches")
    }

    private mutating func begin() throws(ReceiveError) {
        guard streams.count < limits.streams * 10 else {
            throw .tooLarge("the request has more than \(limits.streams * 10) streams")
        }
    }

    // MARK: Protocol buffers

    /// Reads a `logproto.PushRequest`.
    static func protobuf(
        _ message: [UInt8], _ limits: ReceiveLimits
    ) throws(ReceiveError) -> [PushedStream] {
        var request = LokiPushReader(limits)
        do {
            var reader = ProtobufReader(message[...])
            while let (field, value) = try reader.next() {
                guard field == 1, case .bytes(let bytes) = value else { continue }
                try request.addStream(bytes)
            }
        } catch {
            throw (error as? ReceiveError) ?? .malformed("the body is not a logproto.PushRequest")
        }
        return request.streams
    }

    private mutating func addStream(_ bytes: ArraySlice<UInt8>) throws {
        try begin()
        var stream = PushedStream()
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let text)):
                guard let labels = StreamSelector.labels(text, limit: limits.labels) else {
                    throw ReceiveError.malformed(
                        "a stream's labels are not written as {name=\"value\", ...}, or are more "
                            + "than \(limits.labels)")
                }
                stream.labels = labels
            case (2, .bytes(let entry)):
                try count()
                stream.lines.append(try line(entry))
            default: continue
            }
        }
        streams.append(stream)
    }

    private func line(_ bytes: ArraySlice<UInt8>) throws -> PushedStream.Line {
        var line = PushedStream.Line()
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let time)): line.time = try Self.time(time)
            case (2, .bytes(let text)): line.text = text
            case (3, .bytes(let pair)) where line.attributes.count < limits.labels:
                line.attributes.append(try Self.pair(pair))
            default: continue
            }
        }
        return line
    }

    /// `google.protobuf.Timestamp`, in nanoseconds.
    private static func time(_ bytes: ArraySlice<UInt8>) throws -> Int64 {
        var (seconds, rest) = (Int64(0), Int64(0))
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let bits)): seconds = Int64(bitPattern: bits)
            case (2, .varint(let bits)): rest = Int64(bitPattern: bits)
            default: continue
            }
        }
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(rest)
        guard !overflow, !carry else {
            throw ReceiveError.malformed("the time of a line is none: \(seconds) s")
        }
        return sum
    }

    private static func pair(_ bytes: ArraySlice<UInt8>) throws -> Label {
        var pair = Label(name: "", value: "")
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let text)): pair.name = String(decoding: text, as: UTF8.self)
            case (2, .bytes(let text)): pair.value = String(decoding: text, as: UTF8.self)
            default: continue
            }
        }
        return pair
    }

    // MARK: JSON

    /// Reads `{"streams": [{"stream": {...}, "values": [["time", "line", {...}], ...]}]}`.
    static func json(
        _ document: [UInt8], _ limits: ReceiveLimits
    ) throws(ReceiveError) -> [PushedStream] {
        guard let root = JSONValue(document), case .array(let streams) = root["streams"] else {
            throw .malformed("the body is not a JSON object with a list `streams`")
        }
        var request = LokiPushReader(limits)
        for one in streams { try request.addStream(one) }
        return request.streams
    }

    private mutating func addStream(_ one: JSONValue) throws(ReceiveError) {
        try begin()
        var stream = PushedStream()
        guard case .object(let labels) = one["stream"], case .array(let values) = one["values"]
        else { throw .malformed("a stream needs the object `stream` and the list `values`") }
        for (name, value) in labels {
            guard let text = value.string else {
                throw .malformed("the label \(name.prefix(64)) of a stream is not a text")
            }
            stream.labels.append(Label(name: name, value: text))
        }
        stream.labels.sort()
        for value in values {
            try count()
            let parts = value.array
            guard parts.count >= 2, let digits = parts[0].string, let time = Int64(digits),
                let text = parts[1].string
            else {
                throw .malformed(
                    "each of `values` must be [\"NANOSECONDS\", \"LINE\"], both in quotes")
            }
            var line = PushedStream.Line(time: time, text: Array(text.utf8)[...])
            if parts.count > 2 {
                line.attributes = parts[2].strings.prefix(limits.labels)
                    .map { Label(name: $0.key, value: $0.value) }.sorted()
            }
            stream.lines.append(line)
        }
        streams.append(stream)
    }
}

/// Labels as Loki's protocol writes them: `{a="b", c="d"}`, quoted as Go does.
enum StreamSelector {
    /// The labels; nil when the text is not so, or there are more than `limit`.
    static func labels(_ text: ArraySlice<UInt8>, limit: Int) -> [Label]? {
        var scanner = Scanner(rest: text)
        guard scanner.take("{") else { return nil }
        var labels: [Label] = []
        if scanner.take("}") { return scanner.isAtEnd ? labels : nil }
        while labels.count < limit {
            let name = scanner.name()
            guard !name.isEmpty, scanner.take("="), let value = scanner.quoted() else { return nil }
            labels.append(Label(name: name, value: value))
            if scanner.take("}") { return scanner.isAtEnd ? labels : nil }
            guard scanner.take(",") else { return nil }
        }
        return nil
    }

    private struct Scanner {
        var rest: ArraySlice<UInt8>

        var isAtEnd: Bool {
            mutating get {
                skipBlanks()
                return rest.isEmpty
            }
        }

        private mutating func skipBlanks() {
            while let byte = rest.first, byte == 0x20 || byte == 0x09 { rest.removeFirst() }
        }

        mutating func take(_ mark: Unicode.Scalar) -> Bool {
            skipBlanks()
            guard rest.first == UInt8(ascii: mark) else { return false }
            rest.removeFirst()
            return true
        }

        mutating func name() -> String {
            skipBlanks()
            let name = rest.prefix { $0 > 0x20 && $0 != UInt8(ascii: "=") }
            rest = rest.dropFirst(name.count)
            return String(decoding: name, as: UTF8.self)
        }

        mutating func quoted() -> String? {
            skipBlanks()
            guard let quote = rest.popFirst() else { return nil }
            if quote == UInt8(ascii: "`") {
                guard let end = rest.firstIndex(of: quote) else { return nil }
                defer { rest = rest[(end + 1)...] }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            guard quote == UInt8(ascii: "\"") else { return nil }
            var value: [UInt8] = []
            while let byte = rest.popFirst() {
                if byte == quote { return String(decoding: value, as: UTF8.self) }
                if byte == UInt8(ascii: "\\") {
                    guard escape(into: &value) else { return nil }
                } else {
                    value.append(byte)
                }
            }
            return nil
        }

        private mutating func escape(into value: inout [UInt8]) -> Bool {
            guard let byte = rest.popFirst() else { return false }
            switch byte {
            case UInt8(ascii: "n"): value.append(0x0a)
            case UInt8(ascii: "t"): value.append(0x09)
            case UInt8(ascii: "r"): value.append(0x0d)
            case UInt8(ascii: "a"): value.append(0x07)
            case UInt8(ascii: "b"): value.append(0x08)
            case UInt8(ascii: "f"): value.append(0x0c)
            case UInt8(ascii: "v"): value.append(0x0b)
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): value.append(byte)
            case UInt8(ascii: "x"):
                guard let code = number(2, radix: 16) else { return false }
                value.append(UInt8(code))
            case UInt8(ascii: "u"), UInt8(ascii: "U"):
                guard let code = number(byte == UInt8(ascii: "u") ? 4 : 8, radix: 16),
                    let scalar = Unicode.Scalar(code)
                else { return false }
                value += String(scalar).utf8
            case UInt8(ascii: "0")...UInt8(ascii: "3"):
                guard let code = number(2, radix: 8) else { return false }
                value.append(UInt8(UInt32(byte - 0x30) * 64 + code))
            default: return false
            }
            return true
        }

        private mutating func number(_ digits: Int, radix: UInt32) -> UInt32? {
            var value: UInt32 = 0
            for _ in 0..<digits {
                guard let byte = rest.popFirst(),
                    let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix
                else { return nil }
                value = value &* radix &+ UInt32(digit)
            }
            return value
        }
    }
}
