// SPDX-License-Identifier: Apache-2.0

/// Numbers as Go's `strconv` spells them, with the fewest digits that read back as the same value.
public enum NumberText {
    /// Appends a value as Prometheus' JSON has it (`util/jsonutil`): written out in full, but with
    /// an exponent below 1e-6 and from 1e21 on.
    @inline(__always)
    public static func appendJSON(_ value: Double, to output: inout [UInt8]) {
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53,
            whole != 0 || value.sign == .plus
        {
            append(whole, to: &output)
        } else {
            appendRest(value, exponents: true, to: &output)
        }
    }

    /// Appends a value always written out in full, as Prometheus has it in scalars.
    public static func appendPlain(_ value: Double, to output: inout [UInt8]) {
        appendRest(value, exponents: false, to: &output)
    }

    private static func appendRest(
        _ value: Double, exponents: Bool, to output: inout [UInt8]
    ) {
        guard value.isFinite else {
            output += (value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf").utf8
            return
        }
        let magnitude = value.magnitude
        let keeps = exponents && magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)
        // The shortest digits; a text of up to 15 bytes is on the stack.
        var text = value.description
        text.withUTF8 { text in
            guard let mark = text.firstIndex(of: UInt8(ascii: "e")) else {
                let isWhole =
                    text.count > 2 && text[text.count - 2] == UInt8(ascii: ".")
                    && text[text.count - 1] == UInt8(ascii: "0")
                output += isWhole ? text.dropLast(2) : text[...]
                return
            }
            let mantissa = text[..<mark]
            if keeps {
                let isWhole = mantissa.suffix(2).elementsEqual(".0".utf8)
                output += isWhole ? mantissa.dropLast(2) : mantissa
                output += text[mark...]
            } else {
                spread(mantissa, exponent: exponent(text[(mark + 1)...]), to: &output)
            }
        }
    }

    private static func exponent(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int {
        let digits = text.filter { $0 >= UInt8(ascii: "0") }
            .reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return text.first == UInt8(ascii: "-") ? -digits : digits
    }

    /// `1.5` and an exponent as one plain number.
    private static func spread(
        _ mantissa: Slice<UnsafeBufferPointer<UInt8>>, exponent: Int, to output: inout [UInt8]
    ) {
        var digits = mantissa.filter { (0x30...0x39).contains($0) }
        while digits.count > 1, digits.last == 0x30 { digits.removeLast() }
        if mantissa.first == UInt8(ascii: "-") { output.append(UInt8(ascii: "-")) }
        if exponent < 0 {
            output += "0.".utf8
            output += repeatElement(0x30, count: -exponent - 1)
            output += digits
        } else if digits.count <= exponent + 1 {
            output += digits
            output += repeatElement(0x30, count: exponent + 1 - digits.count)
        } else {
            output += digits[...exponent]
            output.append(UInt8(ascii: "."))
            output += digits[(exponent + 1)...]
        }
    }

    /// Appends an integer.
    public static func append(_ value: Int64, to output: inout [UInt8]) {
        var rest = value.magnitude
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var at = 20
            repeat {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                at -= 1
                digits[at] = UInt8(truncatingIfNeeded: digit) + 0x30
                rest = quotient
            } while rest > 0
            if value < 0 { output.append(UInt8(ascii: "-")) }
            output.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[at..<20]))
        }
    }
}
