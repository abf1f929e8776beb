// SPDX-License-Identifier: Apache-2.0

public import Model

/// Reads records of Docker's json-file format. Keys may come in any order; unknown ones are passed
/// over.
public enum JSONFileParser {
    /// The record of one line without its newline, and the text of its time; nil when the line is
    /// damaged.
    public static func parse(_ line: UnsafeRawBufferPointer) -> (record: LogRecord, time: String)? {
        var scanner = Scanner(line)
        var log: [UInt8]?
        var stream = LogStream.stdout
        var time: [UInt8] = []
        guard scanner.skip(0x7b) else { return nil }
        while !scanner.skip(0x7d) {
            guard let key = scanner.string(), scanner.skip(0x3a) else { return nil }
            if key == Array("attrs".utf8) {
                guard scanner.skipValue(depth: 0) else { return nil }
            } else {
                guard let value = scanner.string() else { return nil }
                if key == Array("log".utf8) { log = value }
                if key == Array("stream".utf8) {
                    stream = value == Array("stderr".utf8) ? .stderr : .stdout
                }
                if key == Array("time".utf8) { time = value }
            }
            _ = scanner.skip(0x2c)
        }
        guard var bytes = log, scanner.isAtEnd else { return nil }
        let text = String(decoding: time, as: UTF8.self)
        guard let nanoseconds = TimeExpression.rfc3339(text) else { return nil }
        let isPartial = bytes.last != 0x0a
        if !isPartial { bytes.removeLast() }
        return (
            LogRecord(timestamp: nanoseconds, stream: stream, isPartial: isPartial, bytes: bytes),
            text
        )
    }

    /// Just enough of JSON (RFC 8259).
    private struct Scanner {
        private let bytes: UnsafeRawBufferPointer
        private var at = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        var isAtEnd: Bool { at == bytes.count }

        mutating func skip(_ byte: UInt8) -> Bool {
            while at < bytes.count, bytes[at] == 0x20 { at += 1 }
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        /// Passes over an object of strings, which is what `attrs` is.
        mutating func skipValue(depth: Int) -> Bool {
            guard skip(0x7b) else { return string() != nil }
            guard depth < 4 else { return false }
            while !skip(0x7d) {
                guard string() != nil, skip(0x3a), skipValue(depth: depth + 1) else { return false }
                _ = skip(0x2c)
            }
            return true
        }

        mutating func string() -> [UInt8]? {
            guard skip(0x22) else { return nil }
            var result: [UInt8] = []
            while at < bytes.count {
                let byte = bytes[at]
                at += 1
                if byte == 0x22 { return result }
                if byte < 0x20 { return nil }
                if byte != 0x5c {
                    result.append(byte)
                } else if !escape(into: &result) {
                    return nil
                }
            }
            return nil
        }

        private mutating func escape(into result: inout [UInt8]) -> Bool {
            guard at < bytes.count else { return false }
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
            case UInt8(ascii: "u"):
                guard var code = hexadecimal() else { return false }
                if (0xd800..<0xdc00).contains(code), at + 1 < bytes.count, bytes[at] == 0x5c,
                    bytes[at + 1] == UInt8(ascii: "u")
                {
                    at += 2
                    guard let low = hexadecimal() else { return false }
                    code = 0x10000 &+ (code &- 0xd800) << 10 &+ (low &- 0xdc00)
                }
                result += Unicode.Scalar(code).map { Array(String($0).utf8) } ?? [0xef, 0xbf, 0xbd]
            default: return false
            }
            return true
        }

        private mutating func hexadecimal() -> UInt32? {
            guard at + 4 <= bytes.count else { return nil }
            defer { at += 4 }
            return UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
        }
    }
}
