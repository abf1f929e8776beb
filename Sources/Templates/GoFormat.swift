// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Numbers and texts as Go's `fmt` and `strconv` print them.
enum GoFormat {
    /// `%v` of a floating-point number: the shortest digits that read back, with an exponent below
    /// 1e-4 and from 1e6 on.
    static func general(_ value: Double) -> String { shortest(value, exponentFrom: 6) }

    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return nil
    }

    /// The shortest digits that read back.
    static func shortest(_ value: Double, exponentFrom limit: Int) -> String {
        if let special = special(value) { return special }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let (digits, exponent) = parts(value)
        let sign = value < 0 ? "-" : ""
        guard exponent < -4 || exponent >= limit else {
            if exponent < 0 {
                return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
            }
            if exponent + 1 >= digits.count {
                return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count)
            }
            return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
        }
        let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
        let magnitude = String(exponent.magnitude)
        return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+")
            + (magnitude.count < 2 ? "0" : "") + magnitude
    }

    /// The shortest digits, and the power of ten of the first.
    private static func parts(_ value: Double) -> (digits: String, exponent: Int) {
        let text = value.magnitude.description
        let halves = text.split(separator: "e")
        var exponent = halves.count > 1 ? Int(halves[1]) ?? 0 : 0
        let mantissa = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        let whole = String(mantissa[0])
        let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        var digits = Substring(whole + fraction)
        exponent += whole.count - 1
        while digits.count > 1, digits.first == "0" {
            digits = digits.dropFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.last == "0" { digits = digits.dropLast() }
        return (String(digits), exponent)
    }

    /// C's `%.<precision><verb>`, which prints as Go's does but for the special values.
    static func precise(_ value: Double, _ precision: Int, verb: Character) -> String {
        if let special = special(value) { return special }
        let precision = min(max(precision, 0), 400)
        var buffer = [CChar](repeating: 0, count: 1024)
        let count = withVaList([value]) {
            vsnprintf(&buffer, buffer.count, "%.\(precision)\(verb)", $0)
        }
        return String(
            decoding: buffer.prefix(max(0, min(Int(count), buffer.count - 1))).map {
                UInt8(bitPattern: $0)
            }, as: UTF8.self)
    }

    /// `%x`: a hexadecimal mantissa and a binary exponent of two digits at least.
    static func hexadecimal(_ value: Double, _ precision: Int?, isUpper: Bool) -> String {
        if let special = special(value) { return special }
        var buffer = [CChar](repeating: 0, count: 512)
        let format = precision.map { "%.\(min($0, 100))a" } ?? "%a"
        let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, format, $0) }
        let bytes = buffer.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }
        var text = String(decoding: bytes, as: UTF8.self)
        if let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }), sign != text.startIndex,
            text[sign...].utf8.count == 2
        {
            text.insert("0", at: text.index(after: sign))
        }
        return isUpper ? text.uppercased() : text
    }

    /// `%b`: a whole mantissa and a binary exponent.
    static func binary(_ value: Double) -> String {
        if let special = special(value) { return special }
        let exponent = max(Int(value.exponentBitPattern), 1) - 1075
        let mantissa =
            value.significandBitPattern | (value.exponentBitPattern == 0 ? 0 : 1 << 52)
        return (value.sign == .minus ? "-" : "") + "\(mantissa)p"
            + (exponent < 0 ? "" : "+") + String(exponent)
    }

    /// `%.4g`, by which Prometheus makes numbers short.
    static func four(_ value: Double) -> String { precise(value, 4, verb: "g") }

    /// `text` in double quotes (`strconv.Quote`).
    static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{07}": result += "\\a"
            case "\u{08}": result += "\\b"
            case "\u{0c}": result += "\\f"
            case "\u{0b}": result += "\\v"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\x" + (digits.count < 2 ? "0" : "") + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
