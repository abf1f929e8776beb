// SPDX-License-Identifier: Apache-2.0

import Codecs

/// Walks over JSON in place, without making a tree of it: a line's members become labels as they
/// are met, and numbers stay as they are written. Bounded in depth; never traps.
struct JSONScanner {
    /// What a value is.
    enum Kind { case string, number, bool, null, object, array }

    private let bytes: UnsafeRawBufferPointer
    private(set) var at: Int

    init(_ bytes: UnsafeRawBufferPointer, at: Int = 0) {
        self.bytes = bytes
        self.at = at
    }

    private mutating func skipBlanks() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0a, 0x0d: at += 1
            default: return
            }
        }
    }

    private mutating func takes(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    /// Whether nothing but blanks is left.
    mutating func isAtEnd() -> Bool {
        skipBlanks()
        return at == bytes.count
    }

    /// What the value that comes next is, by its first byte.
    mutating func kind() -> Kind? {
        skipBlanks()
        guard at < bytes.count else { return nil }
        return switch bytes[at] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "-"), 0x30...0x39: .number
        default: nil
        }
    }

    /// Passes over one value and gives its place; nil when there is none.
    mutating func skipValue(depth: Int = 0) -> Range<Int>? {
        guard depth <= JSONValue.maxDepth, let kind = kind() else { return nil }
        let start = at
        switch kind {
        case .string: guard string() != nil else { return nil }
        case .number:
            while at < bytes.count, Self.isNumberByte(bytes[at]) { at += 1 }
        case .bool: guard word("true") || word("false") else { return nil }
        case .null: guard word("null") else { return nil }
        case .object:
            let isWhole = members { scanner, _ in scanner.skipValue(depth: depth + 1) != nil }
            guard isWhole else { return nil }
        case .array:
            let isWhole = elements { scanner, _ in scanner.skipValue(depth: depth + 1) != nil }
            guard isWhole else { return nil }
        }
        return start..<at
    }

    private static func isNumberByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func word(_ literal: StaticString) -> Bool {
        let end = at + literal.utf8CodeUnitCount
        guard end <= bytes.count,
            literal.withUTF8Buffer({ $0.elementsEqual(bytes[at..<end]) })
        else { return false }
        at = end
        return true
    }

    /// Passes over a string and gives the place of what is between its quotes.
    mutating func string() -> Range<Int>? {
        guard takes(UInt8(ascii: "\"")) else { return nil }
        let start = at
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                return start..<(at - 1)
            case UInt8(ascii: "\\"): at += 2
            case 0..<0x20: return nil
            default: at += 1
            }
        }
        return nil
    }

    /// Passes over an object, whose members `body` must pass over; false when it is none or `body`
    /// says so.
    mutating func members(_ body: (inout JSONScanner, Range<Int>) -> Bool) -> Bool {
        guard takes(UInt8(ascii: "{")) else { return false }
        if takes(UInt8(ascii: "}")) { return true }
        while true {
            guard let name = string(), takes(UInt8(ascii: ":")), body(&self, name) else {
                return false
            }
            if takes(UInt8(ascii: "}")) { return true }
            guard takes(UInt8(ascii: ",")) else { return false }
        }
    }

    /// The same of a list.
    mutating func elements(_ body: (inout JSONScanner, Int) -> Bool) -> Bool {
        guard takes(UInt8(ascii: "[")) else { return false }
        if takes(UInt8(ascii: "]")) { return true }
        var index = 0
        while true {
            guard body(&self, index) else { return false }
            index += 1
            if takes(UInt8(ascii: "]")) { return true }
            guard takes(UInt8(ascii: ",")) else { return false }
        }
    }

    /// The text of a string between its quotes, escapes undone.
    func text(_ range: Range<Int>) -> String {
        let raw = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
        // With its quotes; a text that cannot be read is shown as it is.
        let quoted = Array(bytes[(range.lowerBound - 1)..<(range.upperBound + 1)])
        return JSONValue(quoted)?.string ?? String(decoding: raw, as: UTF8.self)
    }

    /// A value as a label has it: the text of a string, all else as it is written.
    func label(_ range: Range<Int>) -> String {
        if bytes[range.lowerBound] == UInt8(ascii: "\"") {
            return text((range.lowerBound + 1)..<(range.upperBound - 1))
        }
        return String(decoding: bytes[range], as: UTF8.self)
    }
}
