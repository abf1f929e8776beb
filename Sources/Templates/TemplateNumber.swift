// SPDX-License-Identifier: Apache-2.0

/// A number or character as a template writes it, by Go's rules for constants.
struct TemplateNumber {
    /// Its value as a whole number, when it is one.
    let integer: Int64?
    /// Its value as a floating-point number.
    let number: Double
    /// Whether it is written as a floating-point number (`1.0`, `1e3`).
    let looksFloating: Bool

    /// Whether `text` is a number, if perhaps one too large for a whole number.
    static func isWellFormed(_ text: String) -> Bool {
        let digits = text.drop { $0 == "+" || $0 == "-" }
        return TemplateNumber(text) != nil
            || (!digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) })
    }

    init?(_ text: String) {
        var digits = Substring(text)
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
        guard let first = digits.first, first.isASCII, first.isNumber || first == "." else {
            return nil
        }
        let plain = digits.filter { $0 != "_" }
        if let whole = Self.whole(plain) {
            integer = isNegative ? -whole : whole
            number = Double(isNegative ? -whole : whole)
            looksFloating = false
            return
        }
        guard plain.allSatisfy({ $0.isASCII }), !plain.lowercased().contains("inf"),
            !plain.lowercased().contains("nan"), plain.contains(where: { ".eEpP".contains($0) }),
            let value = Self.floating(plain)
        else { return nil }
        number = isNegative ? -value : value
        looksFloating = true
        // A floating constant that is whole may stand where a whole number is wanted.
        integer = abs(number) < 9e18 && number.rounded() == number ? Int64(number) : nil
    }

    private static func floating(_ text: String) -> Double? {
        // Swift wants digits on both sides of the point.
        var padded = text.hasPrefix(".") ? "0" + text : text
        if let point = padded.firstIndex(of: ".") {
            let after = padded.index(after: point)
            if after == padded.endIndex || !padded[after].isHexDigit
                || "eE".contains(padded[after])
            {
                padded.insert("0", at: after)
            }
        }
        return Double(padded)
    }

    private static func whole(_ digits: String) -> Int64? {
        let lower = digits.lowercased()
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where lower.hasPrefix(prefix) {
            return Int64(lower.dropFirst(2), radix: radix)
        }
        if lower.count > 1, lower.hasPrefix("0") { return Int64(lower, radix: 8) }
        return lower.allSatisfy { $0.isASCII && $0.isNumber } ? Int64(lower) : nil
    }
}

/// Strings and characters as Go writes them in quotes.
enum TemplateQuoting {
    /// The value of a quoted string with its quotes, or nil when an escape is wrong.
    static func unquote(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 2, let quote = bytes.first else { return nil }
        var result: [UInt8] = []
        var at = 1
        while at < bytes.count - 1 {
            let c = bytes[at]
            at += 1
            guard c == UInt8(ascii: "\\") else {
                result.append(c)
                continue
            }
            guard escape(bytes, &at, quote, into: &result) else { return nil }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func escape(
        _ bytes: [UInt8], _ at: inout Int, _ quote: UInt8, into result: inout [UInt8]
    ) -> Bool {
        guard at < bytes.count - 1 else { return false }
        let c = bytes[at]
        at += 1
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
            UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
            UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): 0x5c, quote: quote,
        ]
        if let value = simple[c] {
            result.append(value)
            return true
        }
        func digits(_ count: Int, _ radix: Int) -> UInt32? {
            guard at + count <= bytes.count - 1 else { return nil }
            let text = String(decoding: bytes[at..<(at + count)], as: UTF8.self)
            at += count
            return text.hasPrefix("+") || text.hasPrefix("-") ? nil : UInt32(text, radix: radix)
        }
        switch c {
        case UInt8(ascii: "x"):
            guard let value = digits(2, 16) else { return false }
            result.append(UInt8(value))
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            guard let value = digits(c == UInt8(ascii: "u") ? 4 : 8, 16),
                let scalar = Unicode.Scalar(value)
            else { return false }
            result += Array(String(Character(scalar)).utf8)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            at -= 1
            guard let value = digits(3, 8), value < 256 else { return false }
            result.append(UInt8(value))
        default: return false
        }
        return true
    }

    /// The character in single quotes.
    static func character(_ text: String) -> Int64? {
        guard let value = unquote(text), value.unicodeScalars.count == 1,
            let scalar = value.unicodeScalars.first
        else { return nil }
        return Int64(scalar.value)
    }
}
