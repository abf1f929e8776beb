// SPDX-License-Identifier: Apache-2.0

/// A word of a template.
struct TemplateToken {
    enum Kind: Hashable {
        case text, leftDelimiter, rightDelimiter, leftParen, rightParen, pipe, comma
        case declare, assign, space, field, variable, identifier, keyword, dot
        case boolean, number, character, string, rawString, other, end
    }

    var kind: Kind
    /// As written.
    var text: String
    /// The byte where it begins.
    var position: Int
    /// The line, from 1.
    var line: Int
}

/// Splits a template into words, as Go's `text/template/parse` does. Total: every text gives words
/// or an error.
struct TemplateLexer {
    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var parens = 0
    private var tokens: [TemplateToken] = []

    static let keywords: Set<String> = [
        "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template",
        "with",
    ]

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The words of `bytes`, the last of kind `end`. An error has its line.
    static func tokens(
        _ bytes: [UInt8]
    ) throws(TemplateLexerError) -> [TemplateToken] {
        var lexer = TemplateLexer(bytes)
        while try lexer.text() { try lexer.action() }
        lexer.tokens.append(
            TemplateToken(kind: .end, text: "EOF", position: lexer.at, line: lexer.line))
        return lexer.tokens
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        at + ahead < bytes.count ? bytes[at + ahead] : 0
    }

    private func starts(_ text: StaticString) -> Bool {
        at + text.utf8CodeUnitCount <= bytes.count
            && text.withUTF8Buffer { $0.elementsEqual(bytes[at..<(at + $0.count)]) }
    }

    private static func isSpace(_ c: UInt8) -> Bool {
        c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d
    }

    private static func isAlphaNumeric(_ c: UInt8) -> Bool {
        c == UInt8(ascii: "_") || (0x30...0x39).contains(c) || (0x41...0x5a).contains(c & 0xdf)
            || c >= 0x80
    }

    private mutating func emit(_ kind: TemplateToken.Kind, from start: Int, line: Int) {
        tokens.append(
            TemplateToken(
                kind: kind, text: String(decoding: bytes[start..<at], as: UTF8.self),
                position: start, line: line))
    }

    private func fail(_ message: String) -> TemplateLexerError {
        TemplateLexerError(line: line, message: message)
    }

    /// Text up to an action; false when there is none any more.
    private mutating func text() throws(TemplateLexerError) -> Bool {
        let (start, startLine) = (at, line)
        while at < bytes.count, !starts("{{") { advance() }
        var end = at
        let isAction = at < bytes.count
        // `{{- ` takes away the blanks before it.
        if isAction, byte(2) == UInt8(ascii: "-"), Self.isSpace(byte(3)) {
            while end > start, Self.isSpace(bytes[end - 1]) { end -= 1 }
        }
        if end > start {
            tokens.append(
                TemplateToken(
                    kind: .text, text: String(decoding: bytes[start..<end], as: UTF8.self),
                    position: start, line: startLine))
        }
        return isAction
    }

    private mutating func advance() {
        if bytes[at] == 0x0a { line += 1 }
        at += 1
    }

    private mutating func action() throws(TemplateLexerError) {
        let start = at
        let trims = byte(2) == UInt8(ascii: "-") && Self.isSpace(byte(3))
        at += trims ? 3 : 2
        let afterMarker = at + (trims ? 1 : 0)
        if afterMarker + 1 < bytes.count, bytes[afterMarker] == UInt8(ascii: "/"),
            bytes[afterMarker + 1] == UInt8(ascii: "*")
        {
            at = afterMarker
            return try comment()
        }
        tokens.append(
            TemplateToken(kind: .leftDelimiter, text: "{{", position: start, line: line))
        parens = 0
        while try !inside() {}
    }

    private mutating func comment() throws(TemplateLexerError) {
        at += 2
        while at < bytes.count, !starts("*/") { advance() }
        guard at < bytes.count else { throw fail("unclosed comment") }
        at += 2
        if starts("}}") {
            at += 2
        } else if Self.isSpace(byte()), byte(1) == UInt8(ascii: "-"), byte(2) == 0x7d,
            byte(3) == 0x7d
        {
            if byte() == 0x0a { line += 1 }
            at += 4
            skipSpace()
        } else {
            throw fail("comment ends before closing delimiter")
        }
    }

    private mutating func skipSpace() { while Self.isSpace(byte()), at < bytes.count { advance() } }

    /// One word of an action; true when it was the action's end.
    private mutating func inside() throws(TemplateLexerError) -> Bool {
        let (start, startLine) = (at, line)
        guard at < bytes.count else { throw fail("unclosed action") }
        let c = byte()
        if starts("}}")
            || (Self.isSpace(c) && byte(1) == 0x2d && byte(2) == 0x7d && byte(3) == 0x7d)
        {
            guard parens <= 0 else { throw fail("unclosed left paren") }
            let trims = c != 0x7d
            if trims, c == 0x0a { line += 1 }
            at += trims ? 4 : 2
            tokens.append(
                TemplateToken(kind: .rightDelimiter, text: "}}", position: start, line: startLine))
            if trims { skipSpace() }
            return true
        }
        if Self.isSpace(c) {
            while at < bytes.count, Self.isSpace(byte()) {
                // The blank before a `-}}` belongs to that.
                if byte(1) == 0x2d, byte(2) == 0x7d, byte(3) == 0x7d, at > start { break }
                if byte(1) == 0x2d, byte(2) == 0x7d, byte(3) == 0x7d { break }
                advance()
            }
            emit(.space, from: start, line: startLine)
            return false
        }
        try word(c, start, startLine)
        return false
    }

    private mutating func word(
        _ c: UInt8, _ start: Int, _ startLine: Int
    ) throws(TemplateLexerError) {
        switch c {
        case UInt8(ascii: "="): single(.assign)
        case UInt8(ascii: ":"):
            guard byte(1) == UInt8(ascii: "=") else { throw fail("expected :=") }
            at += 2
            emit(.declare, from: start, line: startLine)
        case UInt8(ascii: "|"): single(.pipe)
        case UInt8(ascii: ","): single(.comma)
        case UInt8(ascii: "\""):
            try quoted(UInt8(ascii: "\""), .string, "unterminated quoted string")
        case UInt8(ascii: "'"):
            try quoted(UInt8(ascii: "'"), .character, "unterminated character constant")
        case UInt8(ascii: "`"):
            at += 1
            while at < bytes.count, byte() != c { advance() }
            guard at < bytes.count else { throw fail("unterminated raw quoted string") }
            at += 1
            emit(.rawString, from: start, line: startLine)
        case UInt8(ascii: "$"): try name(.variable)
        case UInt8(ascii: "("):
            parens += 1
            single(.leftParen)
        case UInt8(ascii: ")"):
            // One too many is for the parser to find.
            parens -= 1
            single(.rightParen)
        case UInt8(ascii: ".") where !(0x30...0x39).contains(byte(1)): try name(.field)
        case UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"), 0x30...0x39: try number()
        default:
            if Self.isAlphaNumeric(c) { return try name(.identifier) }
            guard c > 0x20, c < 0x7f else {
                throw fail("unrecognized character in action: \(Self.shown(bytes, at))")
            }
            single(.other)
        }
    }

    /// A character as Go's `%#U` shows it.
    private static func shown(_ bytes: [UInt8], _ at: Int) -> String {
        let text = String(decoding: bytes[at..<min(at + 4, bytes.count)], as: UTF8.self)
        guard let scalar = text.unicodeScalars.first else { return "U+0000" }
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return scalar.value < 0x20 || scalar.value == 0x7f ? code : "\(code) '\(scalar)'"
    }

    private mutating func single(_ kind: TemplateToken.Kind) {
        let start = at
        at += 1
        emit(kind, from: start, line: line)
    }

    private mutating func quoted(
        _ quote: UInt8, _ kind: TemplateToken.Kind, _ unterminated: String
    ) throws(TemplateLexerError) {
        let start = at
        at += 1
        while at < bytes.count, byte() != quote {
            if byte() == UInt8(ascii: "\\"), at + 1 < bytes.count, byte(1) != 0x0a { at += 1 }
            guard byte() != 0x0a else { throw fail(unterminated) }
            at += 1
        }
        guard at < bytes.count else { throw fail(unterminated) }
        at += 1
        emit(kind, from: start, line: line)
    }

    /// A name, after a `$` or `.` where there is one.
    private mutating func name(_ kind: TemplateToken.Kind) throws(TemplateLexerError) {
        let start = at
        if kind != .identifier { at += 1 }
        while at < bytes.count, Self.isAlphaNumeric(byte()) { at += 1 }
        guard isTerminated else { throw fail("bad character \(Self.shown(bytes, at))") }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        var kind = kind
        if text == "." {
            kind = .dot
        } else if kind == .identifier {
            if text == "true" || text == "false" { kind = .boolean }
            if Self.keywords.contains(text) { kind = .keyword }
        }
        emit(kind, from: start, line: line)
    }

    private var isTerminated: Bool {
        guard at < bytes.count else { return true }
        let c = byte()
        return Self.isSpace(c) || ".,|:()=".utf8.contains(c) || starts("}}")
    }

    private mutating func number() throws(TemplateLexerError) {
        let start = at
        if "+-".utf8.contains(byte()) { at += 1 }
        while at < bytes.count {
            let c = byte()
            let isExponent = at > start && "eEpP".utf8.contains(bytes[at - 1])
            guard Self.isAlphaNumeric(c) || c == 0x2e || (isExponent && "+-".utf8.contains(c))
            else { break }
            at += 1
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard TemplateNumber.isWellFormed(text) else {
            throw fail("bad number syntax: \"\(text)\"")
        }
        emit(.number, from: start, line: line)
    }
}

/// Where no word can be made.
struct TemplateLexerError: Error {
    let line: Int
    let message: String
}
