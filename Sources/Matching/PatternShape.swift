// SPDX-License-Identifier: Apache-2.0

/// What an anchored regular expression comes to when it needs no regular expressions: most of those
/// that people write between the braces of a selector do not.
enum PatternShape: Equatable, Sendable {
    /// `a|b|c`: one of these texts.
    case oneOf(Set<String>)
    /// `abc.*`
    case prefix([UInt8])
    /// `.*abc`
    case suffix([UInt8])
    /// `.*abc.*`
    case contains([UInt8])
    /// `.*`
    case anything
    /// `.+`
    case something
    /// Anything else.
    case general

    /// The shape of `source`, where `.` matches every character, a newline too.
    init(_ source: String) {
        if source == ".*" {
            self = .anything
        } else if source == ".+" {
            self = .something
        } else if let literals = Self.alternatives(Array(source.utf8)) {
            self = .oneOf(literals)
        } else {
            self = Self.wildcard(Array(source.utf8)) ?? .general
        }
    }

    /// More alternatives than this are left to the regular expression.
    private static let maxAlternatives = 10_000

    private static func alternatives(_ source: [UInt8]) -> Set<String>? {
        var body = source[...]
        // One group around all of it changes nothing.
        for opening in ["(?:", "("] where body.starts(with: opening.utf8) {
            guard body.last == UInt8(ascii: ")") else { return nil }
            body = body.dropFirst(opening.utf8.count).dropLast()
            break
        }
        var found: Set<String> = []
        for part in body.split(
            separator: UInt8(ascii: "|"), maxSplits: maxAlternatives,
            omittingEmptySubsequences: false)
        {
            guard let literal = literal(part) else { return nil }
            found.insert(String(decoding: literal, as: UTF8.self))
        }
        return found
    }

    private static func wildcard(_ source: [UInt8]) -> PatternShape? {
        let any = Array(".*".utf8)
        var body = source[...]
        let isOpenBefore = body.starts(with: any)
        if isOpenBefore { body = body.dropFirst(2) }
        let isOpenAfter = body.count >= 2 && Array(body.suffix(2)) == any
        // `\.*` is a backslash-escaped point, repeated.
        if isOpenAfter, body.count > 2, body.dropLast(2).last == UInt8(ascii: "\\") { return nil }
        if isOpenAfter { body = body.dropLast(2) }
        guard let literal = literal(body), !literal.isEmpty else { return nil }
        switch (isOpenBefore, isOpenAfter) {
        case (true, true): return .contains(literal)
        case (true, false): return .suffix(literal)
        case (false, true): return .prefix(literal)
        case (false, false): return nil
        }
    }

    /// The text that `part` stands for when it has no operators; a backslash before punctuation
    /// makes it literal.
    private static func literal(_ part: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var isEscaped = false
        for byte in part {
            if isEscaped {
                let isPunctuation =
                    byte < 0x80 && !(byte >= 0x30 && byte <= 0x39)
                    && !(byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) && byte > 0x20
                guard isPunctuation, byte != UInt8(ascii: "_") else { return nil }
                result.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if ".+*?()[]{}^$|".utf8.contains(byte) {
                return nil
            } else {
                result.append(byte)
            }
        }
        return isEscaped ? nil : result
    }

    /// Whether `text` matches; nil when only the regular expression knows.
    func matches(_ text: String) -> Bool? {
        switch self {
        case .oneOf(let texts): texts.contains(text)
        case .anything: true
        case .something: !text.isEmpty
        case .prefix(let bytes): text.utf8.starts(with: bytes)
        case .suffix(let bytes):
            text.utf8.count >= bytes.count && text.utf8.suffix(bytes.count).elementsEqual(bytes)
        case .contains(let bytes): Self.contains(text, bytes)
        case .general: nil
        }
    }

    private static func contains(_ text: String, _ bytes: [UInt8]) -> Bool {
        var text = text
        return text.withUTF8 { haystack in
            guard haystack.count >= bytes.count else { return false }
            for start in 0...(haystack.count - bytes.count) where haystack[start] == bytes[0] {
                if haystack[start..<(start + bytes.count)].elementsEqual(bytes) { return true }
            }
            return false
        }
    }
}
