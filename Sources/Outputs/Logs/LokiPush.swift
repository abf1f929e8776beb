// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// What is sent with a line beside its text: level, sequence's marks.
private func metadata(_ entry: LogEntryView) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    if entry.level != .unknown { pairs.append(("level", entry.level.name)) }
    if entry.isPartial { pairs.append(("partial", "true")) }
    if entry.isGap { pairs.append(("gap", "true")) }
    return pairs
}

/// Loki's push API in protocol buffers (`logproto.PushRequest`), one snappy block. The level is
/// structured metadata, so that it makes no streams.
final class LokiProtobufEncoder: LogEncoder {
    private var lines = StreamedLines()

    let headers: [(name: String, value: String)] = [("Content-Type", "application/x-protobuf")]

    var count: Int { lines.count }

    func begin() { lines.begin() }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        lines.add(to: stream) { pending in
            LogText.withUTF8(entry.bytes) { append($0, entry, to: &pending) }
        }
    }

    private func append(
        _ text: UnsafeRawBufferPointer, _ entry: LogEntryView, to pending: inout [UInt8]
    ) {
        let (seconds, nanoseconds) = (
            entry.timestamp / 1_000_000_000, entry.timestamp % 1_000_000_000
        )
        var time = ProtobufWriter()
        time.varint(1, UInt64(bitPattern: seconds))
        if nanoseconds != 0 { time.varint(2, UInt64(bitPattern: nanoseconds)) }
        var more = ProtobufWriter()
        for (name, value) in metadata(entry) {
            var pair = ProtobufWriter()
            pair.string(1, name)
            pair.string(2, value)
            more.message(3, pair)
        }
        let length =
            2 + time.bytes.count + 1 + Varint.length(text.count) + text.count + more.bytes.count
        pending.append(0x12)
        Varint.append(UInt64(length), to: &pending)
        pending.append(0x0a)
        pending.append(UInt8(time.bytes.count))
        pending += time.bytes
        pending.append(0x12)
        Varint.append(UInt64(text.count), to: &pending)
        pending.append(contentsOf: text)
        pending += more.bytes
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var request: [UInt8] = []
        for stream in lines.streams {
            if stream.prepared.isEmpty {
                var writer = ProtobufWriter()
                writer.string(1, Self.selector(stream.labels))
                stream.prepared = writer.bytes
            }
            request.append(0x0a)
            Varint.append(
                UInt64(stream.prepared.count + stream.pending.count), to: &request)
            request += stream.prepared
            request += stream.pending
        }
        return (Snappy.compress(request), request.count)
    }

    /// Labels as Loki writes them: `{a="b", c="d"}`, quoted as Go does.
    static func selector(_ labels: Labels) -> String {
        let pairs = labels.pairs.map { label in
            var quoted: [UInt8] = []
            for byte in label.value.utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): quoted += [UInt8(ascii: "\\"), byte]
                case 0x0a: quoted += "\\n".utf8
                case 0x09: quoted += "\\t".utf8
                case 0x0d: quoted += "\\r".utf8
                case 0..<0x20, 0x7f:
                    let digits = Array("0123456789abcdef".utf8)
                    quoted += "\\x".utf8
                    quoted += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                default: quoted.append(byte)
                }
            }
            return label.name + "=\"" + String(decoding: quoted, as: UTF8.self) + "\""
        }
        return "{" + pairs.joined(separator: ", ") + "}"
    }
}

/// Loki's push API in JSON.
final class LokiJSONEncoder: LogEncoder {
    private var lines = StreamedLines()
    private let compression: BodyCompression

    init(_ compression: BodyCompression) { self.compression = compression }

    var headers: [(name: String, value: String)] {
        [("Content-Type", "application/json")]
            + (compression == .gzip ? [("Content-Encoding", "gzip")] : [])
    }

    var count: Int { lines.count }

    func begin() { lines.begin() }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        lines.add(to: stream, separator: UInt8(ascii: ",")) { pending in
            pending += "[\"\(entry.timestamp)\",".utf8
            JSONText.append(entry.bytes, to: &pending)
            let pairs = metadata(entry)
            if !pairs.isEmpty {
                pending += ",{".utf8
                pending +=
                    pairs.map { "\"\($0.name)\":\"\($0.value)\"" }
                    .joined(separator: ",").utf8
                pending.append(UInt8(ascii: "}"))
            }
            pending.append(UInt8(ascii: "]"))
        }
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var request: [UInt8] = Array("{\"streams\":[".utf8)
        for (order, stream) in lines.streams.enumerated() {
            if order > 0 { request.append(UInt8(ascii: ",")) }
            request += "{\"stream\":{".utf8
            LogJSON.appendMembers(stream.labels, to: &request)
            request += "},\"values\":[".utf8
            request += stream.pending
            request += "]}".utf8
        }
        request += "]}".utf8
        return (compression.apply(request).body, request.count)
    }
}
