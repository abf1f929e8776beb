// SPDX-License-Identifier: Apache-2.0

/// A JSON document that somebody else wrote (RFC 8259). Reading is bounded in depth and never
/// traps; the caller bounds the size.
public enum JSONValue: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number.
    case number(Double)
    /// A text. Escapes are undone; half a surrogate pair is U+FFFD.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// An object; of members of one name the last counts.
    case object([String: JSONValue])

    /// Levels of lists and objects that are followed.
    public static let maxDepth = 64

    /// Reads one document; nil when the bytes are not one.
    public init?(_ bytes: [UInt8]) {
        var parser = Parser(bytes: bytes)
        guard let value = parser.value(depth: 0), parser.isAtEnd() else { return nil }
        self = value
    }

    /// A member of an object; `null` when there is none.
    public subscript(key: String) -> JSONValue {
        guard case .object(let members) = self else { return .null }
        return members[key] ?? .null
    }

    /// The text, if it is one.
    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The number as a whole one, if it is one.
    public var int: Int64? {
        guard case .number(let number) = self else { return nil }
        return Int64(exactly: number)
    }

    /// The truth value; nil for anything else.
    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements; empty for anything but a list.
    public var array: [JSONValue] {
        guard case .array(let values) = self else { return [] }
        return values
    }

    /// The members; empty for anything but an object.
    public var object: [String: JSONValue] {
        guard case .object(let members) = self else { return [:] }
        return members
    }

    /// The members that are texts.
    public var strings: [String: String] { object.compactMapValues(\.string) }
}

/// Recursive descent over the bytes.
private struct Parser {
    let bytes: [UInt8]
    var at = 0

    private var current: UInt8 { at < bytes.count ? bytes[at] : 0 }

    private mutating func skipBlanks() {
        while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
    }

    mutating func isAtEnd() -> Bool {
        skipBlanks()
        return at == bytes.count
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func value(depth: Int) -> JSONValue? {
        guard depth <= JSONValue.maxDepth else { return nil }
        skipBlanks()
        switch current {
        case UInt8(ascii: "{"): return object(depth: depth)
        case UInt8(ascii: "["): return array(depth: depth)
        case UInt8(ascii: "\""): return text().map { .string($0) }
        case UInt8(ascii: "t"): return word("true", .bool(true))
        case UInt8(ascii: "f"): return word("false", .bool(false))
        case UInt8(ascii: "n"): return word("null", .null)
        default: return number()
        }
    }

    private mutating func word(_ literal: StaticString, _ value: JSONValue) -> JSONValue? {
        let end = at + literal.utf8CodeUnitCount
        guard end <= bytes.count,
            literal.withUTF8Buffer({ $0.elementsEqual(bytes[at..<end]) })
        else { return nil }
        at = end
        return value
    }

    private mutating func number() -> JSONValue? {
        let start = at
        while at < bytes.count, at - start < 64, "+-.0123456789eE".utf8.contains(bytes[at]) {
            at += 1
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let value = Double(text), value.isFinite, !text.hasPrefix("+") else { return nil }
        return .number(value)
    }

    private mutating func array(depth: Int) -> JSONValue? {
        at += 1
        var values: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { return nil }
        }
    }

    private mutating func object(depth: Int) -> JSONValue? {
        at += 1
        var members: [String: JSONValue] = [:]
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipBlanks()
            guard current == UInt8(ascii: "\""), let name = text(), take(UInt8(ascii: ":")),
                let value = value(depth: depth + 1)
            else { return nil }
            members[name] = value
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { return nil }
        }
    }

    private mutating func text() -> String? {
        at += 1
        var result: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
            case UInt8(ascii: "\\"): guard escape(into: &result) else { return nil }
            case 0..<0x20: return nil
            default: result.append(byte)
            }
        }
        return nil
    }

    private mutating func escape(into result: inout [UInt8]) -> Bool {
        let byte = current
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0c)
        case UInt8(ascii: "n"): result.append(0x0a)
        case UInt8(ascii: "r"): result.append(0x0d)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"):
            guard var unit = hex() else { return false }
            if unit & 0xfc00 == 0xd800, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
                bytes[at + 1] == UInt8(ascii: "u")
            {
                let before = at
                at += 2
                guard let low = hex() else { return false }
                if low & 0xfc00 == 0xdc00 {
                    unit = 0x10000 + (unit & 0x3ff) << 10 + low & 0x3ff
                } else {
                    at = before
                }
            }
            result += String(Unicode.Scalar(unit).map(Character.init) ?? "\u{fffd}").utf8
        default: return false
        }
        return true
    }

    private mutating func hex() -> UInt32? {
        guard at + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[at..<(at + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        at += 4
        return value
    }
}
