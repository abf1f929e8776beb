// SPDX-License-Identifier: Apache-2.0

/// How the numbers of an axis are written.
public enum Unit: Hashable, Sendable {
    /// A plain number with SI prefixes.
    case number
    /// Bytes, with binary prefixes.
    case bytes
    /// Bytes a second.
    case bytesPerSecond
    /// Seconds.
    case seconds
    /// A ratio, shown as a percentage.
    case ratio
    /// Degrees Celsius.
    case celsius

    /// The unit that Prometheus' naming rules give the metrics an expression mentions
    /// (https://prometheus.io/docs/practices/naming/): by the suffix of the first metric that has
    /// one, with `rate` making bytes into bytes a second and seconds a second into a plain number.
    public init(guessingFrom expression: String) {
        var quotes: Character?
        var words: [String] = []
        var word = ""
        for character in expression + " " {
            if let quote = quotes {
                if character == quote { quotes = nil }
            } else if character == "\"" || character == "'" || character == "`" {
                quotes = character
            } else if character.isASCII,
                character.isLetter || character.isNumber
                    || character == "_" || character == ":"
            {
                word.append(character)
                continue
            }
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        let isRate = words.contains { ["rate", "irate", "deriv"].contains($0) }
        let counts = words.contains {
            ["count", "count_over_time", "changes", "resets"].contains($0)
        }
        self = counts ? .number : Self.suffix(of: words, isRate: isRate)
        if expression.contains("/") || expression.contains("*") { self = .number }
    }

    private static func suffix(of words: [String], isRate: Bool) -> Unit {
        for word in words where word.contains("_") {
            var name = Substring(word)
            for end in ["_total", "_sum", "_bucket"] where name.hasSuffix(end) {
                name = name.dropLast(end.count)
            }
            if name.hasSuffix("_bytes") { return isRate ? .bytesPerSecond : .bytes }
            if name.hasSuffix("_seconds") {
                let isQuantile = words.contains("histogram_quantile")
                return isRate && !isQuantile ? .number : .seconds
            }
            if name.hasSuffix("_ratio") { return .ratio }
            if name.hasSuffix("_celsius") { return .celsius }
        }
        return .number
    }

    /// A value in this unit, at most about eight columns wide.
    public func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        switch self {
        case .bytes: return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
        case .bytesPerSecond:
            return scaled(value, 1024, ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s", "PiB/s"])
        case .ratio: return Self.digits(value * 100) + "%"
        case .celsius: return Self.digits(value) + "°C"
        case .number: return scaled(value, 1000, ["", "k", "M", "G", "T", "P"])
        case .seconds:
            let size = abs(value)
            if size == 0 { return "0s" }
            if size < 0.000_001 { return Self.digits(value * 1e9) + "ns" }
            if size < 0.001 { return Self.digits(value * 1e6) + "µs" }
            if size < 1 { return Self.digits(value * 1e3) + "ms" }
            if size < 120 { return Self.digits(value) + "s" }
            if size < 7200 { return Self.digits(value / 60) + "m" }
            return size < 172_800
                ? Self.digits(value / 3600) + "h" : Self.digits(value / 86400) + "d"
        }
    }

    private func scaled(_ value: Double, _ base: Double, _ units: [String]) -> String {
        var value = value
        var index = 0
        while abs(value) >= base, index < units.count - 1 {
            value /= base
            index += 1
        }
        return Self.digits(value) + units[index]
    }

    /// Four significant digits, without zeros at the end.
    static func digits(_ value: Double) -> String {
        let size = abs(value)
        guard size > 0 else { return "0" }
        guard size < 1e9, size >= 1e-4 else {
            return scientific(value)
        }
        let places = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let whole = Int64((size * scale).rounded())
        var text = String(whole / Int64(scale))
        var fraction = String(whole % Int64(scale))
        fraction = String(repeating: "0", count: max(0, places - fraction.count)) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        if !fraction.isEmpty { text += "." + fraction }
        return value < 0 && whole != 0 ? "-" + text : text
    }

    /// Four significant digits and the exponent, as `-1.234e+18`.
    private static func scientific(_ value: Double) -> String {
        guard abs(value) >= 1e16 || abs(value) < 1 else { return String(Int64(value.rounded())) }
        let text = "\(value)"
        guard let exponent = text.firstIndex(of: "e") else { return text }
        let mantissa = text[..<exponent].prefix(value < 0 ? 6 : 5)
        return String(mantissa + text[exponent...])
    }
}
