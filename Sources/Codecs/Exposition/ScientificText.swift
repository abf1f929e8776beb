// SPDX-License-Identifier: Apache-2.0

extension NumberText {
    /// Go's `FormatFloat(value, 'e', -1, 64)`: `1.5e+00`.
    public static func scientific(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == 0 { return value.sign == .minus ? "-0e+00" : "0e+00" }
        let halves = value.magnitude.description.split(separator: "e")
        let parts = halves[0].split(separator: ".")
        var exponent = (halves.count > 1 ? Int(halves[1]) ?? 0 : 0) + parts[0].utf8.count - 1
        var digits = Substring(parts.joined())
        while digits.utf8.count > 1, digits.hasPrefix("0") {
            digits = digits.dropFirst()
            exponent -= 1
        }
        while digits.utf8.count > 1, digits.hasSuffix("0") { digits = digits.dropLast() }
        let fraction = digits.utf8.count > 1 ? "." + digits.dropFirst() : ""
        let magnitude = String(exponent.magnitude)
        return (value < 0 ? "-" : "") + digits.prefix(1) + fraction + "e"
            + (exponent < 0 ? "-" : "+") + (magnitude.utf8.count < 2 ? "0" : "") + magnitude
    }
}
