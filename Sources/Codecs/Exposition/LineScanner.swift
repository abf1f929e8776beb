// SPDX-License-Identifier: Apache-2.0

import Model

/// A place in one line of an exposition text, and the tokens that can be read from there.
struct LineScanner {
    private(set) var bytes: ArraySlice<UInt8>
    private let start: Int
    private let line: Int
    private let format: OpenMetricsParser.Format

    init(_ bytes: ArraySlice<UInt8>, line: Int, format: OpenMetricsParser.Format) {
        self.bytes = bytes
        self.line = line
        self.format = format
        start = bytes.startIndex
    }

    var isAtEnd: Bool { bytes.isEmpty }
    /// The next byte; 0 at the end.
    var peek: UInt8 { bytes.first ?? 0 }

    mutating func advance() { bytes = bytes.dropFirst() }
    mutating func advance(by count: Int) { bytes = bytes.dropFirst(count) }
    mutating func dropLast() { bytes = bytes.dropLast() }
    mutating func skipBlanks() { bytes = bytes.drop { $0 == 0x20 || $0 == 0x09 } }

    func error(_ reason: String) -> OpenMetricsError {
        OpenMetricsError(line: line, column: bytes.startIndex - start + 1, reason: reason)
    }

    /// The bytes up to a blank, as text.
    mutating func word() -> String {
        let word = bytes.prefix { $0 != 0x20 && $0 != 0x09 }
        bytes = bytes[word.endIndex...]
        return String(decoding: word, as: UTF8.self)
    }

    /// A name: letters, digits and underscores, with colons in metric names, or any UTF-8 in
    /// double quotes.
    mutating func name(allowsColon: Bool) throws(OpenMetricsError) -> String {
        if peek == UInt8(ascii: "\"") { return try quoted() }
        let name = bytes.prefix { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: byte == UInt8(ascii: ":") && allowsColon
            }
        }
        guard let first = name.first, !(0x30...0x39).contains(first) else {
            throw error("expected a name")
        }
        bytes = bytes[name.endIndex...]
        return String(decoding: name, as: UTF8.self)
    }

    /// A text in double quotes with `\\`, `\"` and `\n` as its escapes.
    mutating func quoted() throws(OpenMetricsError) -> String {
        guard peek == UInt8(ascii: "\"") else { throw error("expected `\"`") }
        let opening = self
        advance()
        var text: [UInt8] = []
        while let byte = bytes.first {
            advance()
            if byte == UInt8(ascii: "\"") {
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw opening.error("the text is not UTF-8")
                }
                return valid
            }
            guard byte == UInt8(ascii: "\\"), let escaped = bytes.first else {
                text.append(byte)
                continue
            }
            advance()
            Self.unescape(escaped, into: &text)
        }
        throw opening.error("the text is not closed")
    }

    private static func unescape(_ escaped: UInt8, into text: inout [UInt8]) {
        switch escaped {
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): text.append(escaped)
        default: text += [UInt8(ascii: "\\"), escaped]
        }
    }

    /// The rest of a `# HELP` line.
    mutating func unescapedRest() throws(OpenMetricsError) -> String {
        let start = self
        var text: [UInt8] = []
        while let byte = bytes.first {
            advance()
            if byte == UInt8(ascii: "\\"), let escaped = bytes.first {
                advance()
                Self.unescape(escaped, into: &text)
            } else {
                text.append(byte)
            }
        }
        guard let valid = String(validating: text, as: UTF8.self) else {
            throw start.error("the text is not UTF-8")
        }
        return valid
    }

    /// `{name="value", ...}`; a lone quoted name first is the metric's.
    mutating func labels(into labels: inout [Label]) throws(OpenMetricsError) {
        advance()
        skipBlanks()
        while peek != UInt8(ascii: "}") {
            let place = self
            let isQuoted = peek == UInt8(ascii: "\"")
            let name = try name(allowsColon: false)
            skipBlanks()
            let label: Label
            if peek == UInt8(ascii: "=") {
                advance()
                skipBlanks()
                label = Label(name: name, value: try quoted())
            } else if isQuoted {
                label = Label(name: Labels.metricName, value: name)
            } else {
                throw error("expected `=`")
            }
            guard !labels.contains(where: { $0.name == label.name }) else {
                throw place.error("the label `\(label.name.prefix(80))` occurs twice")
            }
            guard labels.count < OpenMetricsParser.maxLabels else {
                throw place.error("more than \(OpenMetricsParser.maxLabels) labels")
            }
            labels.append(label)
            skipBlanks()
            if peek == UInt8(ascii: ",") {
                advance()
                skipBlanks()
            } else if peek != UInt8(ascii: "}") {
                throw error("expected `,` or `}`")
            }
        }
        advance()
    }

    /// A sample's value: a decimal number, `NaN`, `Inf`, `+Inf` or `-Inf`.
    mutating func number() throws(OpenMetricsError) -> Double {
        skipBlanks()
        let place = self
        let text = word()
        switch text.lowercased() {
        case "nan": return .nan
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        default:
            let isPlain = text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0)
            }
            guard isPlain, text.utf8.count <= 400, let value = Double(text) else {
                throw place.error("expected a number")
            }
            return value
        }
    }

    /// A time, in the unit of the format.
    mutating func timestamp() throws(OpenMetricsError) -> Milliseconds {
        let place = self
        if format == .text {
            guard let whole = Int64(word()) else {
                throw place.error("expected a time in whole milliseconds")
            }
            return whole
        }
        let text = word()
        if let whole = Int64(text), whole.magnitude < 100_000_000_000_000 { return whole * 1000 }
        var number = LineScanner(Array(text.utf8)[...], line: line, format: format)
        guard let seconds = try? number.number(), abs(seconds) < 1e14 else {
            throw place.error("expected a time in seconds")
        }
        return Milliseconds((seconds * 1000).rounded())
    }

    /// `# {labels} value [time]`: read for its form, and not kept.
    mutating func exemplar() throws(OpenMetricsError) {
        advance()
        skipBlanks()
        guard peek == UInt8(ascii: "{") else { throw error("expected an exemplar's `{`") }
        var labels: [Label] = []
        try self.labels(into: &labels)
        _ = try number()
        skipBlanks()
        if !isAtEnd { _ = try timestamp() }
    }
}
