// SPDX-License-Identifier: Apache-2.0

/// Texts and numbers as Go prints them, which is how PromQL is printed.
public enum Quoting {
    /// `text` in double quotes, with Go's escapes (`strconv.Quote`).
    public static func quote(_ text: String) -> String {
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

    /// Whether `name` needs no quotes as a label's name.
    public static func isPlainLabel(_ name: String) -> Bool {
        guard let first = name.utf8.first, Lexer.isAlpha(first) else { return false }
        return name.utf8.allSatisfy { Lexer.isAlpha($0) || Lexer.isDigit($0) }
    }

    /// Whether `name` needs no quotes as a metric's name.
    static func isPlainMetric(_ name: String) -> Bool {
        guard let first = name.utf8.first, !Lexer.isDigit(first) else { return false }
        return name.utf8.allSatisfy {
            Lexer.isAlpha($0) || Lexer.isDigit($0) || $0 == UInt8(ascii: ":")
        }
    }

    /// The shortest digits that read back as `value`, and the place of the point in them.
    private static func digits(_ value: Double) -> (digits: [UInt8], point: Int) {
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        var inExponent = false
        var negative = false
        for c in value.magnitude.description.utf8 {
            switch c {
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "e"): inExponent = true
            case UInt8(ascii: "-"): negative = true
            case UInt8(ascii: "+"): break
            default:
                if inExponent {
                    exponent = exponent * 10 + Int(c - UInt8(ascii: "0"))
                } else {
                    digits.append(c)
                }
            }
        }
        var place = (point ?? digits.count) + (negative ? -exponent : exponent)
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        while digits.count > 1, digits.first == UInt8(ascii: "0") {
            digits.removeFirst()
            place -= 1
        }
        return (digits, place)
    }

    /// Go's `FormatFloat(value, 'f', -1, 64)`: never an exponent.
    public static func decimal(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 { return sign + "0" }
        let (digits, point) = digits(value)
        let text = digits.map { Character(Unicode.Scalar($0)) }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + String(text) }
        if point >= text.count {
            return sign + String(text) + String(repeating: "0", count: point - text.count)
        }
        return sign + String(text[..<point]) + "." + String(text[point...])
    }

    /// Go's `%v` and `%g`: an exponent below 1e-4 and from 1e6 on.
    static func general(_ value: Double) -> String {
        if value.isNaN || value.isInfinite { return decimal(value) }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let (digits, point) = digits(value)
        let exponent = point - 1
        guard exponent < -4 || exponent >= 6 else { return decimal(value) }
        var text = value < 0 ? "-" : ""
        text.unicodeScalars.append(Unicode.Scalar(digits[0]))
        if digits.count > 1 {
            text += "."
            for digit in digits.dropFirst() { text.unicodeScalars.append(Unicode.Scalar(digit)) }
        }
        let magnitude = String(exponent.magnitude)
        return text + "e" + (exponent < 0 ? "-" : "+") + (magnitude.count < 2 ? "0" : "")
            + magnitude
    }
}
