// SPDX-License-Identifier: Apache-2.0

import Model

/// One record in a file of Docker's `local` driver (`daemon/logger/local` in moby): its length as
/// four bytes, the greatest first, a message of protocol buffers, and the length again.
enum LocalFrame {
    /// What stands at a place of a file.
    enum Found: Equatable {
        /// A whole frame, with its message.
        case whole(message: Range<Int>, end: Int)
        /// The beginning of a frame, or of what looks like one.
        case incomplete
        /// No frame begins here.
        case damaged
    }

    /// Bytes of a message at most; Docker itself reads none above 1,000,000.
    static let limit = 1 << 20

    /// What stands at `at`.
    static func find(_ bytes: UnsafeRawBufferPointer, at: Int) -> Found {
        guard bytes.count - at >= 4 else { return at < bytes.count ? .incomplete : .damaged }
        let length = number(bytes, at)
        guard length > 0, length <= limit else { return .damaged }
        guard bytes.count - at >= length + 8 else { return .incomplete }
        guard number(bytes, at + 4 + length) == length else { return .damaged }
        return .whole(message: (at + 4)..<(at + 4 + length), end: at + length + 8)
    }

    /// Where the next frame is that can be read, after a place at which one seems to begin that is not
    /// whole; nil when there is none.
    static func next(_ bytes: UnsafeRawBufferPointer, after start: Int) -> Int? {
        var text: [UInt8] = []
        return ((start + 1)..<max(start + 1, bytes.count)).first {
            guard case .whole(let message, _) = find(bytes, at: $0) else { return false }
            return parse(.init(rebasing: bytes[message]), into: &text) != nil
        }
    }

    /// Reads a message: the fields of `LogEntry` in moby's entry.proto. The line's bytes are
    /// appended to `text`. Nil when it is no such message.
    static func parse(
        _ message: UnsafeRawBufferPointer, into text: inout [UInt8]
    ) -> RecordParser.Record? {
        var fields = Fields(bytes: message)
        var record = RecordParser.Record(timestamp: 0, stream: .stdout, isPartial: false)
        var (isPart, isLast, hasTime, hasSource) = (false, false, false, false)
        while let field = fields.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let source)):
                hasSource = true
                if source.elementsEqual("stderr".utf8) { record.stream = .stderr }
            case (2, .number(let time)):
                hasTime = true
                record.timestamp = Int64(bitPattern: time)
            case (3, .bytes(let line)): text.append(contentsOf: line)
            case (4, .number(let flag)): isPart = flag != 0
            case (5, .bytes(let metadata)):
                var parts = Fields(bytes: metadata)
                while let part = parts.next() {
                    if case (1, .number(let flag)) = (part.number, part.value) {
                        isLast = flag != 0
                    }
                }
                guard parts.isAtEnd else { return nil }
            default: break
            }
        }
        guard fields.isAtEnd, hasTime, hasSource else { return nil }
        record.isPartial = isPart && !isLast
        return record
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self).bigEndian)
    }

    /// The fields of a message, read where they lie.
    private struct Fields {
        enum Value {
            case number(UInt64)
            case bytes(UnsafeRawBufferPointer)
        }

        let bytes: UnsafeRawBufferPointer
        private var at = 0

        init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        /// Whether everything was read, and nothing was wrong.
        var isAtEnd: Bool { at == bytes.count }

        mutating func next() -> (number: UInt64, value: Value)? {
            let start = at
            guard at < bytes.count, let tag = varint(), let value = value(tag & 7) else {
                at = min(at, start)
                return nil
            }
            return (tag >> 3, value)
        }

        private mutating func value(_ wireType: UInt64) -> Value? {
            switch wireType {
            case 0: return varint().map { .number($0) }
            case 1: return skip(8)
            case 2: return varint().flatMap { Int(exactly: $0) }.flatMap { skip($0) }
            case 5: return skip(4)
            default: return nil
            }
        }

        private mutating func skip(_ count: Int) -> Value? {
            guard count <= bytes.count - at else { return nil }
            defer { at += count }
            return .bytes(.init(rebasing: bytes[at..<(at + count)]))
        }

        private mutating func varint() -> UInt64? {
            var result: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard at < bytes.count else { return nil }
                let byte = bytes[at]
                at += 1
                result |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return result }
            }
            return nil
        }
    }
}
