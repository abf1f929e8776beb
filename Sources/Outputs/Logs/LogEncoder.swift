// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The lines of one output of one container, as a sink knows them. Used by one thread.
final class ShippedStream {
    /// What it is called at the sink.
    let labels: Labels
    /// The container's id, which with an entry's sequence identifies it for ever.
    let id: String
    /// What the encoder made of the labels, once.
    var prepared: [UInt8] = []
    /// What the encoder has for this stream in the request so far.
    var pending: [UInt8] = []

    init(labels: Labels, id: String) {
        self.labels = labels
        self.id = id
    }
}

/// Writes log lines in one protocol. Used by one thread.
protocol LogEncoder: AnyObject {
    /// Headers of every request.
    var headers: [(name: String, value: String)] { get }
    /// Bytes of the request so far.
    var count: Int { get }
    /// Begins a request.
    func begin()
    /// Adds a line.
    func add(_ entry: LogEntry, of stream: ShippedStream)
    /// Ends the request; gives its body, and how many bytes it has before compression.
    func finish() -> (body: [UInt8], rawBytes: Int)
    /// What an answer means, when the protocol says more than the status code.
    var judge: HTTPJudge { get }
}

extension LogEncoder {
    var judge: HTTPJudge { HTTPCarrier.standardVerdict }
}

/// How a body is compressed.
public enum BodyCompression: String, CaseIterable, Hashable, Sendable {
    /// Not at all.
    case none
    /// RFC 1952.
    case gzip

    /// The body and the `Content-Encoding`; as it is when there is no memory.
    func apply(_ body: [UInt8]) -> (body: [UInt8], encoding: String?) {
        guard self == .gzip, let packed = Gzip.compress(body) else { return (body, nil) }
        return (packed, "gzip")
    }
}

/// Times as log protocols write them.
enum LogTime {
    /// RFC 3339 in UTC with so many digits after the second.
    static func append(_ nanoseconds: Int64, digits: Int, to output: inout [UInt8]) {
        let (second, rest) = (
            nanoseconds >= 0
                ? nanoseconds / 1_000_000_000 : (nanoseconds - 999_999_999) / 1_000_000_000,
            ((nanoseconds % 1_000_000_000) + 1_000_000_000) % 1_000_000_000
        )
        let day = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let clock = second - day * 86_400
        let (year, month, date) = civil(day)
        two(Int(year / 100), &output)
        two(Int(year % 100), &output)
        for (mark, value) in [
            (UInt8(ascii: "-"), month), (UInt8(ascii: "-"), date),
            (UInt8(ascii: "T"), clock / 3600),
            (UInt8(ascii: ":"), clock / 60 % 60), (UInt8(ascii: ":"), clock % 60),
        ] {
            output.append(mark)
            two(Int(value), &output)
        }
        if digits > 0 {
            output.append(UInt8(ascii: "."))
            var scale: Int64 = 100_000_000
            for _ in 0..<digits {
                output.append(UInt8(0x30 + rest / scale % 10))
                scale /= 10
            }
        }
        output.append(UInt8(ascii: "Z"))
    }

    private static func two(_ value: Int, _ output: inout [UInt8]) {
        output.append(UInt8(0x30 + value / 10 % 10))
        output.append(UInt8(0x30 + value % 10))
    }

    /// The date of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date
    /// algorithms", civil_from_days).
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * part + 2) / 5 + 1
        )
    }
}

/// Valid UTF-8 out of what a container wrote.
enum LogText {
    static func isUTF8(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil }
    }

    /// The bytes, with U+FFFD for what is no UTF-8.
    static func utf8(_ bytes: [UInt8]) -> [UInt8] {
        isUTF8(bytes) ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8)
    }
}
