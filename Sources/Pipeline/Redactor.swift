// SPDX-License-Identifier: Apache-2.0

import Matching

/// Makes secrets in lines unreadable: each becomes `[redacted]`.
struct Redactor {
    private var patterns: [(pattern: BytePattern, group: Int, isCard: Bool)] = []

    /// The names of what is known, beside expressions.
    static let known = ["cards", "tokens", "keys", "emails"]

    private static let mark = Array("[redacted]".utf8)
    private static let maxMatches = 1000

    init(_ names: [String]) throws(PatternError) {
        for name in names {
            switch name {
            case "cards": try add(#"\b\d(?:[ -]?\d){12,18}\b"#, isCard: true)
            case "tokens":
                // JSON web tokens, authorisation headers, and what well-known services give out.
                try add(#"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"#)
                try add(#"(?i)\b(?:bearer|basic)[ =:]+([A-Za-z0-9._~+/=-]{8,})"#, group: 1)
                try add(#"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"#)
                try add(#"\b(?:xox[abeprs]-[A-Za-z0-9-]{10,}|glpat-[A-Za-z0-9_-]{20,})"#)
                try add(#"\b(?:sk|pk|rk)[-_](?:live|test|proj)?[-_]?[A-Za-z0-9]{20,}"#)
                try add(#"\bAIza[A-Za-z0-9_-]{35}"#)
            case "keys":
                try add(#"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"#)
                try add(#"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)"#)
                try add(
                    #"(?i)["']?(?:password|passwd|secret|api[_-]?key|access[_-]?key|token)["']?"#
                        + #"\s*[=:]\s*"((?:[^"\\]|\\.)+)""#, group: 1)
                try add(
                    #"(?i)\b(?:password|passwd|secret|api[_-]?key|access[_-]?key|token)"#
                        + #"\s*[=:]\s*([^\s"',;&}]+)"#, group: 1)
                try add(#"://[^/\s:@]+:([^/\s:@]+)@"#, group: 1)
            case "emails": try add(#"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b"#)
            default: try add(name)
            }
        }
    }

    private mutating func add(
        _ source: String, group: Int = 0, isCard: Bool = false
    ) throws(PatternError) {
        patterns.append((try BytePattern(source), group, isCard))
    }

    /// The line without its secrets; nil when there are none. `count` says how many.
    func redact(_ line: UnsafeRawBufferPointer) -> (bytes: [UInt8], count: Int)? {
        var result: [UInt8]?
        var total = 0
        for rule in patterns {
            let places =
                result?.withUnsafeBytes { Self.places(rule, $0) } ?? Self.places(rule, line)
            guard !places.isEmpty else { continue }
            let before = result ?? Array(line)
            var after: [UInt8] = []
            var at = 0
            for place in places {
                after += before[at..<place.lowerBound]
                after += Self.mark
                at = place.upperBound
            }
            result = after + before[at...]
            total += places.count
        }
        return result.map { ($0, total) }
    }

    private static func places(
        _ rule: (pattern: BytePattern, group: Int, isCard: Bool), _ line: UnsafeRawBufferPointer
    ) -> [Range<Int>] {
        var places: [Range<Int>] = []
        var from = 0
        while from < line.count, places.count < maxMatches,
            let match = rule.pattern.firstMatch(in: line, from: from)
        {
            from = max(match.upperBound, match.lowerBound + 1)
            guard !match.isEmpty else { continue }
            var place = match
            if rule.group > 0 {
                let part = UnsafeRawBufferPointer(rebasing: line[match])
                _ = rule.pattern.forEachGroup(in: part) { group, range in
                    guard group == rule.group, let range else { return }
                    let start = match.lowerBound + range.lowerBound
                    place = start..<(start + range.count)
                }
                if line[place].elementsEqual(mark) { continue }
            }
            if rule.isCard, !isCard(line[place]) { continue }
            places.append(place)
        }
        return places
    }

    /// Whether digits are a card's number: 13 to 19 of them, with Luhn's check digit.
    static func isCard(_ bytes: some Sequence<UInt8>) -> Bool {
        let digits = bytes.filter { $0 &- 0x30 < 10 }.map { Int($0 - 0x30) }
        guard (13...19).contains(digits.count), digits[0] != 0 else { return false }
        var sum = 0
        for (i, digit) in digits.reversed().enumerated() {
            sum += i % 2 == 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit
        }
        return sum % 10 == 0
    }
}
