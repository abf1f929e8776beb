// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Model

/// How a log file's lines are made.
public enum LogFormat: Hashable, Sendable {
    /// Docker's json-file, and Ullage's own.
    case jsonFile
    /// The container runtime interface's: `TIME STREAM P|F TEXT`; Podman's k8s-file too.
    case cri
    /// Frames of Docker's `local` driver, which is its cache for drivers that cannot be read too.
    case local
    /// Lines as they are. Their time is that of the file's last change.
    case plain
}

/// Reads records of log files. What is usual is read without allocating; used by one thread.
public struct RecordParser {
    /// What a record says beside its text.
    public struct Record: Equatable {
        /// Nanoseconds since the epoch.
        public var timestamp: Int64
        /// Which output it was written to.
        public var stream: LogStream
        /// Whether the line goes on in the next record of its stream.
        public var isPartial: Bool
    }

    /// The text of the record parsed last, without its newline.
    public private(set) var text: [UInt8] = []
    /// The time that lines without one get, in nanoseconds since the epoch.
    var plainTime: Int64 = 0
    private let format: LogFormat
    private var clock = RecordClock()

    /// A parser of one format.
    public init(_ format: LogFormat) { self.format = format }

    /// Reads a line without its newline, or the message of a frame; nil when it is no record.
    public mutating func parse(_ line: UnsafeRawBufferPointer) -> Record? {
        text.removeAll(keepingCapacity: true)
        switch format {
        case .plain:
            text.append(contentsOf: line)
            if text.last == 0x0d { text.removeLast() }
            return Record(timestamp: plainTime, stream: .stdout, isPartial: false)
        case .cri: return cri(line)
        case .local: return LocalFrame.parse(line, into: &text)
        case .jsonFile: return docker(line) ?? anyJSON(line)
        }
    }

    /// A record as Docker writes it: the keys in their order, no `attrs`.
    private mutating func docker(_ line: UnsafeRawBufferPointer) -> Record? {
        guard line.starts(with: Self.prefix), let base = line.baseAddress else { return nil }
        var at = Self.prefix.count
        let end = line.count
        while true {
            guard at < end, let quote = memchr(base + at, 0x22, end - at) else { return nil }
            let stop = UnsafeRawPointer(quote) - base
            guard let slash = memchr(base + at, 0x5c, stop - at) else {
                text.append(contentsOf: UnsafeRawBufferPointer(rebasing: line[at..<stop]))
                at = stop
                break
            }
            let escape = UnsafeRawPointer(slash) - base
            text.append(contentsOf: UnsafeRawBufferPointer(rebasing: line[at..<escape]))
            at = escape + 1
            guard at < end, unescape(line, &at) else { return nil }
        }
        let rest = UnsafeRawBufferPointer(rebasing: line[at...])
        let stream: LogStream
        if rest.starts(with: Self.stdout) {
            stream = .stdout
        } else if rest.starts(with: Self.stderr) {
            stream = .stderr
        } else {
            return nil
        }
        let time = UnsafeRawBufferPointer(rebasing: rest[Self.stdout.count...])
        guard time.count > 2, time[time.count - 1] == 0x7d, time[time.count - 2] == 0x22,
            let timestamp = clock.parse(.init(rebasing: time[..<(time.count - 2)]))
        else { return nil }
        return finish(timestamp, stream)
    }

    private static let prefix = Array(#"{"log":""#.utf8)
    private static let stdout = Array(#"","stream":"stdout","time":""#.utf8)
    private static let stderr = Array(#"","stream":"stderr","time":""#.utf8)

    /// The escapes Docker uses; others are left to the general parser.
    private mutating func unescape(_ line: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
        let byte = line[at]
        at += 1
        switch byte {
        case 0x6e: text.append(0x0a)
        case 0x72: text.append(0x0d)
        case 0x74: text.append(0x09)
        case 0x22, 0x5c: text.append(byte)
        case 0x75:
            guard at + 4 <= line.count else { return false }
            var code: UInt32 = 0
            for i in at..<(at + 4) {
                let digit = line[i]
                switch digit {
                case 0x30...0x39: code = code << 4 | UInt32(digit - 0x30)
                case 0x61...0x66: code = code << 4 | UInt32(digit - 0x57)
                case 0x41...0x46: code = code << 4 | UInt32(digit - 0x37)
                default: return false
                }
            }
            at += 4
            if code < 0x80 {
                text.append(UInt8(code))
            } else if let scalar = Unicode.Scalar(code) {
                text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                // Half of a pair: the general parser puts them together.
                return false
            }
        default: return false
        }
        return true
    }

    private mutating func anyJSON(_ line: UnsafeRawBufferPointer) -> Record? {
        guard let record = JSONFileParser.parse(line)?.record else { return nil }
        text = record.bytes
        return Record(
            timestamp: record.timestamp, stream: record.stream, isPartial: record.isPartial)
    }

    /// Docker's text ends in a newline unless the line goes on.
    private mutating func finish(_ timestamp: Int64, _ stream: LogStream) -> Record {
        let isPartial = text.last != 0x0a
        if !isPartial { text.removeLast() }
        return Record(timestamp: timestamp, stream: stream, isPartial: isPartial)
    }

    private mutating func cri(_ line: UnsafeRawBufferPointer) -> Record? {
        guard let first = line.firstIndex(of: 0x20),
            let timestamp = clock.parse(.init(rebasing: line[..<first]))
        else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: line[(first + 1)...])
        // `stdout` and `stderr` have six letters; the tags follow, separated by colons.
        guard rest.count >= 8, rest[6] == 0x20, rest[7] == 0x46 || rest[7] == 0x50 else {
            return nil
        }
        let stream: LogStream
        if rest.starts(with: Self.names.out) {
            stream = .stdout
        } else if rest.starts(with: Self.names.error) {
            stream = .stderr
        } else {
            return nil
        }
        let tags = rest[7...].firstIndex(of: 0x20) ?? rest.count
        if tags < rest.count { text.append(contentsOf: rest[(tags + 1)...]) }
        return Record(timestamp: timestamp, stream: stream, isPartial: rest[7] == 0x50)
    }

    private static let names = (out: Array("stdout".utf8), error: Array("stderr".utf8))
}

/// Reads times of RFC 3339. Two records of one second share the reading of date and clock.
struct RecordClock {
    private var known = [UInt8](repeating: 0, count: 19)
    private var seconds: Int64 = 0

    /// Nanoseconds since the epoch; nil for what is no time.
    mutating func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text.count >= 20 else { return nil }
        if !text.starts(with: known) {
            let prefix = String(decoding: text[..<19], as: UTF8.self)
            guard let time = TimeExpression.rfc3339(prefix + "Z") else { return nil }
            known = Array(text[..<19])
            seconds = time / 1_000_000_000
        }
        var at = 19
        var nanoseconds: Int64 = 0
        if text[at] == 0x2e {
            at += 1
            var place: Int64 = 100_000_000
            while at < text.count, text[at] &- 0x30 < 10 {
                nanoseconds += Int64(text[at] - 0x30) * place
                place /= 10
                at += 1
            }
        }
        guard at < text.count else { return nil }
        var offset: Int64 = 0
        if text[at] != 0x5a && text[at] != 0x7a {
            guard text.count == at + 6, text[at] == 0x2b || text[at] == 0x2d,
                text[at + 3] == 0x3a
            else { return nil }
            var digits: [Int64] = []
            for i in [at + 1, at + 2, at + 4, at + 5] {
                guard text[i] &- 0x30 < 10 else { return nil }
                digits.append(Int64(text[i] - 0x30))
            }
            offset = (digits[0] * 10 + digits[1]) * 3600 + (digits[2] * 10 + digits[3]) * 60
            if text[at] == 0x2d { offset = -offset }
        } else if at + 1 != text.count {
            return nil
        }
        return (seconds - offset) * 1_000_000_000 + nanoseconds
    }
}
