// SPDX-License-Identifier: Apache-2.0

/// A word of a query.
struct Token: Sendable {
    enum Kind: Hashable, Sendable { case identifier, number, duration, string, symbol, end }
    var kind: Kind
    /// The text as written; of a string, its value.
    var text: String
    /// The number, or the seconds of a duration.
    var value = 0.0
    var range: Range<Int>

    func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }

    /// Whether it is the keyword `word`, which may be written in any case.
    func isKeyword(_ word: String) -> Bool { kind == .identifier && text.lowercased() == word }

    /// How messages name it.
    var described: String {
        switch kind {
        case .end: "end of input"
        case .identifier:
            Lexer.keywords.contains(text.lowercased())
                ? "<\(text.lowercased())>" : "identifier \(Quoting.quote(text))"
        case .number: "number \(Quoting.quote(text))"
        case .duration: "duration \(Quoting.quote(text))"
        case .string: "string \(Quoting.quote(text))"
        case .symbol: text.utf8.count == 1 ? "\"\(text)\"" : "<op:\(text)>"
        }
    }
}

/// Splits a query into tokens. Total: every byte sequence gives tokens or an error with its place.
struct Lexer {
    static let keywords: Set<String> = FunctionTable.aggregators.union([
        "and", "or", "unless", "atan2", "offset", "by", "without", "on", "ignoring", "group_left",
        "group_right", "bool", "start", "end", "fill", "fill_left", "fill_right", "step", "range",
        "anchored", "smoothed", "max_of", "min_of",
    ])

    private let bytes: [UInt8]
    private var at = 0
    private var brackets = 0
    private var braces = false
    private var parens = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The tokens of `text`, the last of kind `.end`.
    static func tokens(_ text: String) throws(QueryError) -> [Token] {
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

    private func fail(_ message: String, _ position: Int) -> QueryError {
        QueryError(.badData, message, at: position)
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
        guard at < bytes.count else {
            if braces { throw fail("unexpected end of input inside braces", start) }
            if brackets > 0 { throw fail("unexpected end of input in subquery or range", start) }
            if parens > 0 { throw fail("unclosed left parenthesis", start) }
            return Token(kind: .end, text: "", range: start..<start)
        }
        let c = byte()
        if Self.isAlpha(c) || (c == UInt8(ascii: ":") && brackets == 0 && !braces) {
            return identifier()
        }
        if !braces, Self.isDigit(c) || (c == UInt8(ascii: ".") && Self.isDigit(byte(1))) {
            return try number()
        }
        if c == UInt8(ascii: "\"") || c == UInt8(ascii: "'") || c == UInt8(ascii: "`") {
            let value = try Literals.string(bytes, &at)
            return Token(kind: .string, text: value, range: start..<at)
        }
        return try symbol()
    }

    private mutating func identifier() -> Token {
        let start = at
        let colons = brackets == 0 && !braces
        while at < bytes.count,
            Self.isAlpha(byte()) || Self.isDigit(byte()) || (colons && byte() == UInt8(ascii: ":"))
        { at += 1 }
        return Token(kind: .identifier, text: text(start..<at), range: start..<at)
    }

    private mutating func symbol() throws(QueryError) -> Token {
        let start = at
        if let pair = pair() {
            at += 2
            return Token(kind: .symbol, text: pair, range: start..<at)
        }
        let c = byte()
        let allowed = braces ? "=,}" : "+-*/%^<>()[]{},:@"
        guard c < 0x80, allowed.utf8.contains(c) else {
            if !braces, c == UInt8(ascii: "=") {
                let after = at + 1 < bytes.count ? text(at + 1..<at + 2) : ""
                throw fail("unexpected character after '=': '\(after)'", start)
            }
            // At most four bytes of a character, wherever the bad byte is.
            let shown = text(start..<min(start + 4, bytes.count)).first.map(String.init) ?? ""
            let place = braces ? " inside braces" : brackets > 0 ? " in subquery or range" : ""
            throw fail("unexpected character\(place): '\(shown)'", start)
        }
        at += 1
        switch c {
        case UInt8(ascii: "["): brackets += 1
        case UInt8(ascii: "]"):
            brackets -= 1
            if brackets < 0 { throw fail("unexpected right bracket ']'", start) }
        case UInt8(ascii: "("): parens += 1
        case UInt8(ascii: ")"):
            parens -= 1
            if parens < 0 { throw fail("unexpected right parenthesis ')'", start) }
        case UInt8(ascii: "{"): braces = true
        case UInt8(ascii: "}"):
            guard braces else { throw fail("unexpected right brace '}'", start) }
            braces = false
        default: break
        }
        return Token(kind: .symbol, text: text(start..<at), range: start..<at)
    }

    /// An operator of two characters at the present place.
    private func pair() -> String? {
        guard at + 1 < bytes.count else { return nil }
        let pair = text(at..<at + 2)
        let operators = braces ? ["!=", "=~", "!~"] : ["==", "!=", "<=", ">="]
        return operators.contains(pair) ? pair : nil
    }

    private mutating func number() throws(QueryError) -> Token {
        let start = at
        let second = byte(1) | 0x20
        if byte() == UInt8(ascii: "0"), second == UInt8(ascii: "x") || second == UInt8(ascii: "b") {
            let radix = second == UInt8(ascii: "x") ? 16 : 2
            at += 2
            while Self.isAlpha(byte()) || Self.isDigit(byte()) { at += 1 }
            let digits = text(start + 2..<at).filter { $0 != "_" }
            guard let value = UInt64(digits, radix: radix) else { throw badNumber(start) }
            return Token(
                kind: .number, text: text(start..<at), value: Double(value), range: start..<at)
        }
        while Self.isAlpha(byte()) || Self.isDigit(byte()) || byte() == UInt8(ascii: ".") {
            at += 1
        }
        if bytes[at - 1] | 0x20 == UInt8(ascii: "e"),
            byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-"), Self.isDigit(byte(1))
        {
            at += 1
            while Self.isDigit(byte()) || byte() == UInt8(ascii: "_") { at += 1 }
        }
        let word = text(start..<at)
        if let milliseconds = PromQLDuration.parse(word) {
            return Token(
                kind: .duration, text: word, value: Double(milliseconds) / 1000, range: start..<at)
        }
        guard let value = Self.number(Array(word.utf8)) else { throw badNumber(start) }
        return Token(kind: .number, text: word, value: value, range: start..<at)
    }

    private func badNumber(_ start: Int) -> QueryError {
        fail("bad number or duration syntax: \(Quoting.quote(text(start..<at)))", start)
    }

    /// A decimal or octal number, with `_` between digits.
    static func number(_ word: [UInt8]) -> Double? {
        var plain: [UInt8] = []
        for (i, c) in word.enumerated() {
            guard c == UInt8(ascii: "_") else {
                plain.append(c)
                continue
            }
            let isBetween =
                i > 0 && i + 1 < word.count && isDigit(word[i - 1]) && isDigit(word[i + 1])
            guard isBetween else { return nil }
        }
        guard let first = plain.first, isDigit(first) || first == UInt8(ascii: "."),
            plain.allSatisfy({ isDigit($0) || "eE+-.".utf8.contains($0) })
        else { return nil }
        if plain.count > 1, first == UInt8(ascii: "0"),
            let octal = Int64(String(decoding: plain, as: UTF8.self), radix: 8)
        {
            return Double(octal)
        }
        // Swift wants digits on both sides of the point.
        var text: [UInt8] = first == UInt8(ascii: ".") ? [UInt8(ascii: "0")] : []
        for (i, c) in plain.enumerated() {
            text.append(c)
            let next = i + 1 < plain.count ? plain[i + 1] : 0
            if c == UInt8(ascii: "."), !isDigit(next) { text.append(UInt8(ascii: "0")) }
        }
        return Double(String(decoding: text, as: UTF8.self))
    }

    static func isAlpha(_ c: UInt8) -> Bool { Literals.isAlpha(c) }

    static func isDigit(_ c: UInt8) -> Bool { Literals.isDigit(c) }
}
