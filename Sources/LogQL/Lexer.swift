// SPDX-License-Identifier: Apache-2.0

import Codecs
import PromQL

/// A word of a query.
struct Token: Sendable {
    enum Kind: Hashable, Sendable {
        case identifier, number, duration, bytes, string, flag, symbol, end
    }
    var kind: Kind
    /// The text as written; of a string, its value.
    var text: String
    /// The number, the bytes of a size, or the nanoseconds of a duration.
    var value = 0.0
    var range: Range<Int>

    func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }

    /// Whether it is the keyword `word`.
    func isKeyword(_ word: String) -> Bool { kind == .identifier && text == word }

    /// How messages name it.
    var described: String {
        switch kind {
        case .end: "end of input"
        case .identifier: "identifier \(Quoting.quote(text))"
        case .number: "number \(Quoting.quote(text))"
        case .duration: "duration \(Quoting.quote(text))"
        case .bytes: "size \(Quoting.quote(text))"
        case .string: "string \(Quoting.quote(text))"
        case .flag: "flag \(Quoting.quote(text))"
        case .symbol: "\"\(text)\""
        }
    }
}

/// Splits a query into tokens. Total: every byte sequence gives tokens or an error with its place.
struct Lexer {
    private let bytes: [UInt8]
    private var at = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Bytes a query may have: Loki's bound.
    static let maxLength = 131_072

    /// The tokens of `text`, the last of kind `.end`.
    static func tokens(_ text: String) throws(QueryError) -> [Token] {
        guard text.utf8.count <= maxLength else {
            throw QueryError(
                .badData, "the query is longer than \(maxLength) bytes", at: maxLength)
        }
        var lexer = Lexer(Array(text.utf8))
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        at + ahead < bytes.count ? bytes[at + ahead] : 0
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private mutating func skip() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0a, 0x0d: at += 1
            case UInt8(ascii: "#"):
                while at < bytes.count, bytes[at] != 0x0a { at += 1 }
            default: return
            }
        }
    }

    private mutating func next() throws(QueryError) -> Token {
        skip()
        let start = at
        guard at < bytes.count else { return Token(kind: .end, text: "", range: start..<start) }
        let c = byte()
        if Literals.isAlpha(c) { return word(.identifier) }
        if Literals.isDigit(c) || (c == UInt8(ascii: ".") && Literals.isDigit(byte(1))) {
            return try quantity()
        }
        if c == UInt8(ascii: "\"") || c == UInt8(ascii: "`") {
            let value = try Literals.string(bytes, &at)
            return Token(kind: .string, text: value, range: start..<at)
        }
        if c == UInt8(ascii: "-"), byte(1) == c, Literals.isAlpha(byte(2)) {
            at += 2
            var flag = word(.flag)
            flag.range = start..<at
            return flag
        }
        return try symbol()
    }

    /// Letters, digits and underscores; inside a flag dashes too.
    private mutating func word(_ kind: Token.Kind) -> Token {
        let start = at
        while Literals.isAlpha(byte()) || Literals.isDigit(byte())
            || (kind == .flag && byte() == UInt8(ascii: "-"))
        { at += 1 }
        return Token(kind: kind, text: text(start..<at), range: start..<at)
    }

    private mutating func symbol() throws(QueryError) -> Token {
        let start = at
        let pairs = ["|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<="]
        if at + 1 < bytes.count, pairs.contains(text(at..<at + 2)) {
            at += 2
        } else {
            guard byte() < 0x80, "{}()[],|=<>+-*/%^".utf8.contains(byte()) else {
                // At most four bytes of a character, wherever the bad byte is.
                let shown = text(start..<min(start + 4, bytes.count)).first.map(String.init) ?? ""
                throw QueryError(.badData, "unexpected character '\(shown)'", at: start)
            }
            at += 1
        }
        return Token(kind: .symbol, text: text(start..<at), range: start..<at)
    }

    /// A number, a duration or a size.
    private mutating func quantity() throws(QueryError) -> Token {
        let start = at
        while at < bytes.count,
            Literals.isAlpha(byte()) || Literals.isDigit(byte()) || byte() == UInt8(ascii: ".")
                || byte() == 0xc2 || byte() == 0xb5 || byte() == 0xce || byte() == 0xbc
                || (bytes[at - 1] | 0x20 == UInt8(ascii: "e") && at > start
                    && (byte() == UInt8(ascii: "-") || byte() == UInt8(ascii: "+"))
                    && Literals.isDigit(byte(1)))
        { at += 1 }
        let word = text(start..<at)
        if let value = GoNumber.parse(word) {
            return Token(kind: .number, text: word, value: value, range: start..<at)
        }
        if let nanoseconds = GoDuration.parse(word) {
            return Token(
                kind: .duration, text: word, value: Double(nanoseconds), range: start..<at)
        }
        if let size = ByteSize.parse(word) {
            return Token(kind: .bytes, text: word, value: size, range: start..<at)
        }
        throw QueryError(
            .badData, "\(Quoting.quote(word)) is no number, duration or size", at: start)
    }
}
