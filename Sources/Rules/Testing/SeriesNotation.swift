// SPDX-License-Identifier: Apache-2.0

import Model

/// Series as promtool's unit tests write them: `up{job="a"}` and `1+2x10 _ stale`
/// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series).
struct SeriesNotation {
    /// Why a text is no series or no values.
    struct Problem: Error {
        let message: String
        init(_ message: String) { self.message = message }
    }

    /// Values one series may have.
    private static let maxValues = 1_000_000

    private let bytes: [UInt8]
    private var at = 0

    private init(_ text: String) { bytes = Array(text.utf8) }

    /// The labels of `name{label="value"}`, of which either part may be missing.
    static func labels(_ text: String) throws(Problem) -> Labels {
        var reader = SeriesNotation(text)
        return try reader.metric()
    }

    /// The values, nil where there is none.
    static func values(_ text: String) throws(Problem) -> [Double?] {
        var values: [Double?] = []
        for word in text.split(whereSeparator: { " \t\n\r".contains($0) }) {
            try append(String(word), to: &values)
        }
        return values
    }

    // MARK: Values

    private static func append(_ word: String, to values: inout [Double?]) throws(Problem) {
        if word == "stale" {
            values.append(StaleMarker.value)
            return
        }
        if word.hasPrefix("{{") { throw Problem("native histograms are not supported: \(word)") }
        var rest = Substring(word)
        guard !rest.hasPrefix("_") else {
            rest = rest.dropFirst()
            let count = rest.isEmpty ? 1 : try repetitions(rest, word)
            try reserve(count, values)
            values += Array(repeating: nil, count: count)
            return
        }
        guard var value = number(&rest) else { throw bad(word) }
        var step: Double?
        if rest.hasPrefix("+") || rest.hasPrefix("-") {
            guard let change = number(&rest) else { throw bad(word) }
            step = change
        }
        guard !rest.isEmpty else {
            guard step == nil else { throw bad(word) }
            values.append(value)
            return
        }
        let count = try repetitions(rest, word)
        try reserve(count + 1, values)
        for _ in 0...count {
            values.append(value)
            if let step { value += step }
        }
    }

    private static func bad(_ word: String) -> Problem {
        Problem("unexpected \"\(word.prefix(40))\" in series values")
    }

    private static func reserve(_ count: Int, _ values: [Double?]) throws(Problem) {
        guard values.count + count <= maxValues else {
            throw Problem("a series has more than \(maxValues) values")
        }
    }

    private static func repetitions(_ text: Substring, _ word: String) throws(Problem) -> Int {
        guard text.hasPrefix("x"), let count = Int(text.dropFirst()), count >= 0,
            text.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { throw bad(word) }
        return min(count, maxValues + 1)
    }

    /// A number with an optional sign at the start of `rest`, which it is taken from.
    private static func number(_ rest: inout Substring) -> Double? {
        var text = rest
        let isNegative = text.hasPrefix("-")
        if isNegative || text.hasPrefix("+") { text = text.dropFirst() }
        let lower = text.lowercased()
        for (name, value) in [("inf", Double.infinity), ("nan", Double.nan)]
        where lower.hasPrefix(name) {
            rest = text.dropFirst(3)
            return isNegative ? -value : value
        }
        var digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let tail = text[digits.endIndex...]
        if tail.hasPrefix("e") || tail.hasPrefix("E") {
            var exponent = tail.dropFirst()
            var length = 1
            if exponent.hasPrefix("-") || exponent.hasPrefix("+") {
                exponent = exponent.dropFirst()
                length += 1
            }
            let count = exponent.prefix { $0.isASCII && $0.isNumber }.count
            guard count > 0 else { return nil }
            digits = text.prefix(digits.count + length + count)
        }
        let padded =
            (digits.hasPrefix(".") ? "0" : "") + digits + (digits.hasSuffix(".") ? "0" : "")
        guard !digits.isEmpty, let value = Double(padded) else { return nil }
        rest = text[digits.endIndex...]
        return isNegative ? -value : value
    }

    // MARK: Labels

    private mutating func skip() {
        while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skip()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private func unexpected() -> Problem {
        guard at < bytes.count else { return Problem("unexpected end of a series") }
        let shown = String(decoding: bytes[at..<min(at + 20, bytes.count)], as: UTF8.self)
        return Problem("unexpected \"\(shown)\" in a series")
    }

    private mutating func word(colons: Bool) -> String? {
        skip()
        let start = at
        while at < bytes.count {
            let c = bytes[at]
            let isLetter = (0x61...0x7a).contains(c | 0x20) || c == 0x5f
            let isDigit = (0x30...0x39).contains(c)
            guard isLetter || (isDigit && at > start) || (colons && c == 0x3a) else { break }
            at += 1
        }
        return at > start ? String(decoding: bytes[start..<at], as: UTF8.self) : nil
    }

    private mutating func metric() throws(Problem) -> Labels {
        var labels = Labels()
        var seen: Set<String> = []
        func set(_ name: String, _ value: String) throws(Problem) {
            guard seen.insert(name).inserted else {
                throw Problem("label \"\(name)\" is given twice in a series")
            }
            labels[name] = value
        }
        if let name = word(colons: true) { try set(Labels.metricName, name) }
        if take(UInt8(ascii: "{")) {
            while !take(UInt8(ascii: "}")) {
                skip()
                if at < bytes.count, "\"'`".utf8.contains(bytes[at]) {
                    let name = try string()
                    if take(UInt8(ascii: "=")) {
                        try set(name, try string())
                    } else {
                        try set(Labels.metricName, name)
                    }
                } else {
                    guard let name = word(colons: false), take(UInt8(ascii: "=")) else {
                        throw unexpected()
                    }
                    try set(name, try string())
                }
                guard take(UInt8(ascii: ",")) else {
                    guard take(UInt8(ascii: "}")) else { throw unexpected() }
                    break
                }
            }
        }
        skip()
        guard at == bytes.count, at > 0 else { throw unexpected() }
        return labels
    }

    private mutating func string() throws(Problem) -> String {
        skip()
        guard at < bytes.count, "\"'`".utf8.contains(bytes[at]) else { throw unexpected() }
        let quote = bytes[at]
        at += 1
        var value: [UInt8] = []
        while at < bytes.count, bytes[at] != quote {
            if bytes[at] == 0x5c, quote != UInt8(ascii: "`") {
                at += 1
                guard at < bytes.count else { break }
                let escapes: [UInt8: UInt8] = [
                    UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13,
                    0x5c: 0x5c, quote: quote,
                ]
                guard let byte = escapes[bytes[at]] else {
                    throw Problem("unknown escape sequence in a series")
                }
                value.append(byte)
            } else {
                value.append(bytes[at])
            }
            at += 1
        }
        guard at < bytes.count else { throw Problem("unterminated quoted string in a series") }
        at += 1
        return String(decoding: value, as: UTF8.self)
    }
}
