// SPDX-License-Identifier: Apache-2.0

/// Numbers for people, as Prometheus' templates write them (`template/template.go`).
enum Humanizing {
    private static let large = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    private static let small = ["m", "u", "n", "p", "f", "a", "z", "y"]

    static func decimal(_ number: Double) -> String {
        var value = number
        guard value != 0, value.isFinite else { return GoFormat.four(value) }
        guard abs(value) >= 1 else { return reduced(value) }
        var prefix = ""
        for one in large where abs(value) >= 1000 {
            prefix = one
            value /= 1000
        }
        return GoFormat.four(value) + prefix
    }

    /// A number below 1 with its prefix.
    private static func reduced(_ number: Double) -> String {
        var value = number
        var prefix = ""
        for one in small where abs(value) < 1 {
            prefix = one
            value *= 1000
        }
        return GoFormat.four(value) + prefix
    }

    static func binary(_ number: Double) -> String {
        var value = number
        guard abs(value) > 1, value.isFinite else { return GoFormat.four(value) }
        var prefix = ""
        for one in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] where abs(value) >= 1024 {
            prefix = one
            value /= 1024
        }
        return GoFormat.four(value) + prefix
    }

    static func duration(_ value: Double) -> String {
        guard value.isFinite else { return GoFormat.four(value) }
        if value == 0 { return GoFormat.four(value) + "s" }
        guard abs(value) >= 1 else { return reduced(value) + "s" }
        let sign = value < 0 ? "-" : ""
        // What does not fit is as Go converts it on amd64.
        let total = Int64(exactly: abs(value).rounded(.towardZero)) ?? .min
        let (seconds, minutes, hours) = (total % 60, total / 60 % 60, total / 3600 % 24)
        let days = total / 86_400
        if days != 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(seconds)s" }
        if hours != 0 { return "\(sign)\(hours)h \(minutes)m \(seconds)s" }
        if minutes != 0 { return "\(sign)\(minutes)m \(seconds)s" }
        return sign + GoFormat.four(abs(value)) + "s"
    }

    /// Each word with a capital in front. A word begins after what is no letter, digit or `_`.
    static func title(_ text: String) -> String {
        var result = ""
        var isInside = false
        for character in text {
            result += isInside ? String(character) : character.uppercased()
            isInside = character.isLetter || character.isNumber || "_'".contains(character)
        }
        return result
    }

    /// Go's `strconv.ParseFloat`.
    static func parseFloat(_ text: String) -> Double? {
        switch text.lowercased() {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan": return .nan
        default: break
        }
        guard text.utf8.allSatisfy({ $0 < 0x80 }), !text.contains("_"),
            !text.lowercased().contains("x") || text.lowercased().contains("p")
        else { return nil }
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard let first = digits.first, first.isNumber || first == "." else { return nil }
        var padded = first == "." ? "0" + digits : String(digits)
        if let point = padded.firstIndex(of: ".") {
            let after = padded.index(after: point)
            guard padded.count > 2 else { return nil }
            if after == padded.endIndex || "eE".contains(padded[after]) {
                padded.insert("0", at: after)
            }
        }
        guard let value = Double(padded) else { return nil }
        return isNegative ? -value : value
    }

    /// Seconds of a duration such as `1h30m`; `0` needs no unit.
    static func parseDuration(_ text: String) -> Double? {
        if text == "0" { return 0 }
        let units: [(String, Int64)] = [
            ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000),
            ("m", 60_000), ("s", 1000), ("ms", 1),
        ]
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        var (total, unit): (Int64, Int) = (0, 0)
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let name = rest[digits.endIndex...].prefix { $0.isLetter }
            guard let count = Int64(digits),
                let found = units.firstIndex(where: { $0.0 == name }), found >= unit
            else { return nil }
            let (part, over) = count.multipliedReportingOverflow(by: units[found].1)
            let (sum, over2) = total.addingReportingOverflow(part)
            guard !over, !over2, sum <= 9_223_372_036_854 else { return nil }
            total = sum
            unit = found + 1
            rest = rest[name.endIndex...]
        }
        return Double(total) / 1000
    }
}

/// `host:port` as Go's `net.SplitHostPort` takes it apart.
struct HostAndPort {
    let host: String
    let port: String

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let before = text[..<colon]
        port = String(text[text.index(after: colon)...])
        if before.hasPrefix("[") {
            guard before.hasSuffix("]"), !before.dropFirst().dropLast().contains("[") else {
                return nil
            }
            host = String(before.dropFirst().dropLast())
        } else {
            guard !before.contains(":"), !before.contains("["), !before.contains("]"),
                !port.contains("["), !port.contains("]")
            else { return nil }
            host = String(before)
        }
    }

    /// The first part of a host's name, with its port; addresses stay whole.
    static func stripDomain(_ text: String) -> String {
        let parts = HostAndPort(text)
        let host = parts?.host ?? text
        guard !isAddress(host) else { return text }
        let first = String(host.split(separator: ".", omittingEmptySubsequences: false)[0])
        guard let port = parts?.port, !port.isEmpty else { return first }
        return first.contains(":") ? "[\(first)]:\(port)" : "\(first):\(port)"
    }

    private static func isAddress(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 4 {
            return parts.allSatisfy { part in
                part.utf8.count <= 3 && !part.isEmpty
                    && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
                    && (Int(part) ?? 256) < 256 && (part == "0" || !part.hasPrefix("0"))
            }
        }
        return host.contains(":") && host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
    }

    /// The path of a URL, without a slash at its end.
    static func path(of url: String) -> String {
        var rest = Substring(url)
        if let scheme = rest.range(of: "://") { rest = rest[scheme.upperBound...] }
        guard let slash = rest.firstIndex(of: "/") else { return "" }
        let path = rest[slash...].prefix { $0 != "?" && $0 != "#" }
        return String(path)
    }
}

extension Substring {
    /// Where `text` is first found.
    fileprivate func range(of text: String) -> Range<Substring.Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
