// SPDX-License-Identifier: Apache-2.0

/// Numbers as Go reads them.
public enum GoNumber {
    /// The number in `text`, which may have a sign, an exponent, or be `Inf` or `NaN`; nil when it
    /// is none.
    public static func parse(_ text: String) -> Double? {
        if let value = Double(text) { return value }
        // Swift wants digits on both sides of the point.
        guard let point = text.firstIndex(of: ".") else { return nil }
        let (before, after) = (text[..<point], text[text.index(after: point)...])
        func startsWithDigit(_ part: Substring) -> Bool {
            part.utf8.first.map(isDigit) ?? false
        }
        let hasBefore = before.utf8.last.map(isDigit) ?? false
        guard hasBefore || startsWithDigit(after) else { return nil }
        return Double(
            (hasBefore ? before : before + "0") + "."
                + (startsWithDigit(after) ? after : "0" + after))
    }
}

/// Durations as Go writes them, `1h30m`, `1.5s`, `100µs`, and in days, weeks and years as well.
public enum GoDuration {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9),
        ("h", 3600e9), ("d", 86_400e9), ("w", 604_800e9), ("y", 31_536_000e9),
    ]

    /// Nanoseconds of `text`, which may have a sign; nil when it is no duration or longer than
    /// the 292 years that can be held.
    public static func parse(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if rest.elementsEqual("0".utf8) { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
            rest = rest.dropFirst(name.count)
            guard digits.contains(where: isDigit),
                let count = GoNumber.parse(String(decoding: digits, as: UTF8.self)),
                let unit = units.first(where: { $0.name.utf8.elementsEqual(name) })
            else { return nil }
            total += count * unit.nanoseconds
        }
        guard total < 9.2e18 else { return nil }
        return Int64((isNegative ? -total : total).rounded())
    }

    /// Nanoseconds as Go prints them: `1h30m0s`, `1.5s`, `100µs`.
    public static func format(_ nanoseconds: Int64) -> String {
        guard nanoseconds != 0 else { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let magnitude = nanoseconds.magnitude
        if magnitude < 1_000_000_000 {
            let (name, size) =
                magnitude < 1000
                ? ("ns", 1.0) : magnitude < 1_000_000 ? ("µs", 1e3) : ("ms", 1e6)
            return sign + decimal(Double(magnitude) / size) + name
        }
        let (minutes, rest) = magnitude.quotientAndRemainder(dividingBy: 60_000_000_000)
        let seconds = decimal(Double(rest) / 1e9) + "s"
        guard minutes > 0 else { return sign + seconds }
        guard minutes >= 60 else { return sign + "\(minutes)m" + seconds }
        return sign + "\(minutes / 60)h\(minutes % 60)m" + seconds
    }
}

/// Sizes such as `5KB` (thousands) and `5KiB` (1024s), in any case.
public enum ByteSize {
    private static let units: [String: Double] = [
        "": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12,
        "tb": 1e12, "p": 1e15, "pb": 1e15, "e": 1e18, "eb": 1e18, "ki": 0x1p10, "kib": 0x1p10,
        "mi": 0x1p20, "mib": 0x1p20, "gi": 0x1p30, "gib": 0x1p30, "ti": 0x1p40, "tib": 0x1p40,
        "pi": 0x1p50, "pib": 0x1p50, "ei": 0x1p60, "eib": 0x1p60,
    ]

    /// The bytes of `text`; nil when it is no size.
    public static func parse(_ text: String) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == ",") }
        let name = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let unit = units[name],
            let count = GoNumber.parse(digits.filter { $0 != "," })
        else { return nil }
        return (count * unit).rounded(.down)
    }

    /// The shortest way to write a number of bytes exactly.
    public static func format(_ bytes: Double) -> String {
        for name in ["EiB", "PiB", "TiB", "GiB", "MiB", "KiB", "EB", "PB", "TB", "GB", "MB", "KB"] {
            guard let unit = units[name.lowercased()], bytes >= unit,
                (bytes / unit).rounded() * unit == bytes
            else { continue }
            return decimal(bytes / unit) + name
        }
        return decimal(bytes) + "B"
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

private func decimal(_ value: Double) -> String {
    var text: [UInt8] = []
    NumberText.appendPlain(value, to: &text)
    return String(decoding: text, as: UTF8.self)
}
