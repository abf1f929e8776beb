// SPDX-License-Identifier: Apache-2.0

/// A piece of an expression and where it is.
struct Token: Equatable {
    enum Kind: Equatable {
        case identifier(String)
        case string(String)
        case number(Double)
        case duration(Int64)
        case symbol(String)
        case end
    }

    var kind: Kind
    /// Byte offset of its first byte.
    var position: Int
}

/// Cuts an expression into tokens.
struct Lexer {
    private let bytes: [UInt8]
    private var at = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// All tokens, the last of which is `.end`.
    mutating func tokens() throws(QueryError) -> [Token] {
        var tokens: [Token] = []
        while true {
            skipBlanks()
            let start = at
            guard at < bytes.count else {
                tokens.append(Token(kind: .end, position: start))
                return tokens
            }
            tokens.append(Token(kind: try next(), position: start))
        }
    }

    private mutating func skipBlanks() {
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "#") {
                while at < bytes.count, bytes[at] != 0x0a { at += 1 }
            } else if [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) {
                at += 1
            } else {
                return
            }
        }
    }

    private mutating func next() throws(QueryError) -> Token.Kind {
        let byte = bytes[at]
        if Self.isLetter(byte) {
            return .identifier(take { Self.isLetter($0) || Self.isDigit($0) })
        }
        if Self.isDigit(byte) || byte == UInt8(ascii: ".") { return try number() }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { return .string(try string()) }
        let two = String(decoding: bytes[at..<min(at + 2, bytes.count)], as: UTF8.self)
        if ["=~", "!~", "!="].contains(two) {
            at += 2
            return .symbol(two)
        }
        guard "(){}[],=".utf8.contains(byte) else {
            let found = String(decoding: bytes[at...].prefix(4), as: UTF8.self).prefix(1)
            throw QueryError(.badData, "unexpected character: '\(found)'", at: at)
        }
        at += 1
        return .symbol(String(UnicodeScalar(byte)))
    }

    private mutating func number() throws(QueryError) -> Token.Kind {
        let start = at
        let text = take { Self.isLetter($0) || Self.isDigit($0) || $0 == UInt8(ascii: ".") }
        if let milliseconds = Self.duration(text) { return .duration(milliseconds) }
        guard let value = Double(text) else {
            throw QueryError(.badData, "bad number or duration syntax: \"\(text)\"", at: start)
        }
        return .number(value)
    }

    /// A Prometheus duration such as `1h30m` in milliseconds; nil when `text` is none.
    static func duration(_ text: String) -> Int64? {
        let units: [String: Int64] = [
            "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
            "y": 31_536_000_000,
        ]
        var rest = Substring(text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest[digits.endIndex...]
            let name = rest.prefix { $0.isLetter }
            rest = rest[name.endIndex...]
            guard let count = Int64(digits), let unit = units[String(name)] else { return nil }
            let (part, overflow) = count.multipliedReportingOverflow(by: unit)
            let (sum, overflowAgain) = total.addingReportingOverflow(part)
            guard !overflow, !overflowAgain else { return nil }
            total = sum
        }
        return total
    }

    private mutating func string() throws(QueryError) -> String {
        let start = at
        let quote = bytes[at]
        at += 1
        var text: [UInt8] = []
        while at < bytes.count, bytes[at] != quote {
            if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count {
                at += 1
                switch bytes[at] {
                case UInt8(ascii: "n"): text.append(0x0a)
                case UInt8(ascii: "t"): text.append(0x09)
                case UInt8(ascii: "r"): text.append(0x0d)
                case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"):
                    text.append(bytes[at])
                default: throw QueryError(.badData, "unknown escape sequence", at: at)
                }
            } else {
                text.append(bytes[at])
            }
            at += 1
        }
        guard at < bytes.count else {
            throw QueryError(.badData, "unterminated quoted string", at: start)
        }
        at += 1
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func take(while condition: (UInt8) -> Bool) -> String {
        let start = at
        while at < bytes.count, condition(bytes[at]) { at += 1 }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: ":")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
