// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Writes times as Docker prints them: RFC 3339 in UTC with nine digits after the second.
public struct LogClock {
    private var second = Int64.min
    private var text: [UInt8] = []

    /// A clock that has written nothing.
    public init() {}

    /// Appends a time in nanoseconds since the epoch.
    public mutating func append(_ time: Int64, to output: inout [UInt8]) {
        var (seconds, rest) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000_000) }
        if seconds != second || text.isEmpty {
            second = seconds
            text = Array(RFC3339.format(seconds * 1000).utf8.prefix(19))
        }
        output += text
        output.append(0x2e)
        var place: Int64 = 100_000_000
        while place > 0 {
            output.append(UInt8(0x30 + rest / place % 10))
            place /= 10
        }
        output.append(0x5a)
    }
}

extension LogLine {
    /// Appends the line as one JSON object and a newline. `line` is text, in which bytes that are no
    /// UTF-8 are U+FFFD; `bytes` is then there too and has them all, in hexadecimal digits.
    public func appendJSON(_ clock: inout LogClock, to output: inout [UInt8]) {
        var json = JSONWriter()
        swap(&json.bytes, &output)
        json.raw("{\"time\":\"")
        clock.append(entry.timestamp, to: &json.bytes)
        json.raw("\",\"ns\":\"")
        json.integer(entry.timestamp)
        json.raw("\",\"name\":")
        json.string(identity.name)
        json.raw(",\"id\":")
        json.string(identity.id)
        json.raw(",\"stream\":\"")
        json.bytes += entry.stream.name.utf8
        json.raw("\",\"level\":\"")
        json.bytes += entry.level.name.utf8
        json.raw("\",\"line\":")
        let text = String(decoding: entry.bytes, as: UTF8.self)
        json.string(text)
        if !text.utf8.elementsEqual(entry.bytes) {
            json.raw(",\"bytes\":\"")
            let digits = Array("0123456789abcdef".utf8)
            for byte in entry.bytes {
                json.bytes.append(digits[Int(byte >> 4)])
                json.bytes.append(digits[Int(byte & 15)])
            }
            json.raw("\"")
        }
        if entry.sequence >= 0 {
            json.raw(",\"sequence\":")
            json.integer(entry.sequence)
        }
        if entry.isPartial { json.raw(",\"partial\":true") }
        if entry.isGap { json.raw(",\"gap\":true") }
        if isContext { json.raw(",\"context\":true") }
        if startsGroup { json.raw(",\"group\":true") }
        json.raw("}\n")
        swap(&json.bytes, &output)
    }

    /// Reads what `appendJSON` wrote; nil for anything else.
    public init?(json bytes: [UInt8]) {
        guard let json = JSONValue(bytes), let time = json["ns"].string.flatMap({ Int64($0) }),
            let name = json["name"].string, let id = json["id"].string,
            let text = json["line"].string
        else { return nil }
        var line = Array(text.utf8)
        if let digits = json["bytes"].string { line = Self.unhex(digits) ?? line }
        let entry = LogEntry(
            timestamp: time, stream: json["stream"].string == "stderr" ? .stderr : .stdout,
            level: json["level"].string.flatMap { LogLevel(word: $0) } ?? .unknown,
            isPartial: json["partial"].bool ?? false, isGap: json["gap"].bool ?? false,
            bytes: line, sequence: json["sequence"].int ?? -1)
        self.init(entry, of: LogIdentity(id: id, name: name, createdAt: 0))
        isContext = json["context"].bool ?? false
        startsGroup = json["group"].bool ?? false
    }

    private static func unhex(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for i in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[i..<(i + 2)], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
