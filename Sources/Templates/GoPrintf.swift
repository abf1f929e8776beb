// SPDX-License-Identifier: Apache-2.0

import Model

/// Go's `fmt.Sprintf` for the values templates have.
struct GoPrintf {
    private var output = ""
    private let arguments: [TemplateValue]
    private var used = 0

    /// Flags, width and precision of one verb.
    private struct Flags {
        var plus = false
        var minus = false
        var sharp = false
        var space = false
        var zero = false
        var width: Int?
        var precision: Int?
    }

    /// Characters a width or a precision may ask for.
    private static let maxWidth = 10_000

    private init(_ arguments: [TemplateValue]) { self.arguments = arguments }

    static func format(_ format: String, _ arguments: [TemplateValue]) -> String {
        var printf = GoPrintf(arguments)
        printf.run(format)
        return printf.output
    }

    private mutating func run(_ format: String) {
        var rest = Substring(format)
        while let percent = rest.firstIndex(of: "%") {
            output += rest[..<percent]
            rest = rest[rest.index(after: percent)...]
            var flags = flags(&rest)
            flags.width = number(&rest, isStarred: true)
            if let width = flags.width, width < 0 {
                flags.minus = true
                flags.width = -width
            }
            if rest.first == "." {
                rest = rest.dropFirst()
                flags.precision = number(&rest, isStarred: true) ?? 0
            }
            guard let verb = rest.first else {
                output += "%!(NOVERB)"
                return
            }
            rest = rest.dropFirst()
            if verb == "%" {
                output += "%"
            } else if used < arguments.count {
                used += 1
                output += printed(arguments[used - 1], verb, flags)
            } else {
                output += "%!\(verb)(MISSING)"
            }
        }
        output += rest
        guard used < arguments.count else { return }
        output += "%!(EXTRA "
        output += arguments[used...].map {
            if case .nothing = $0 { return "<nil>" }
            return "\($0.type)=\($0.printed)"
        }.joined(separator: ", ")
        output += ")"
    }

    private func flags(_ rest: inout Substring) -> Flags {
        var flags = Flags()
        while let flag = rest.first {
            switch flag {
            case "+": flags.plus = true
            case "-": flags.minus = true
            case "#": flags.sharp = true
            case " ": flags.space = true
            case "0": flags.zero = true
            default: return flags
            }
            rest = rest.dropFirst()
        }
        return flags
    }

    private mutating func number(_ rest: inout Substring, isStarred: Bool) -> Int? {
        if rest.first == "*" {
            rest = rest.dropFirst()
            guard used < arguments.count, case .integer(let value) = arguments[used],
                abs(value) <= Self.maxWidth
            else { return nil }
            used += 1
            return Int(value)
        }
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(digits.count)
        return Int(digits).map { min($0, Self.maxWidth) }
    }

    // MARK: Verbs

    private func printed(_ value: TemplateValue, _ verb: Character, _ flags: Flags) -> String {
        if verb == "T" { return padded(value.type, flags) }
        switch value {
        case .integer(let value): return integer(value, verb, flags)
        case .number(let value): return number(value, verb, flags)
        case .text(let text), .html(let text): return self.text(text, verb, flags, value)
        case .boolean(let isTrue):
            guard verb == "v" || verb == "t" else { break }
            return padded(isTrue ? "true" : "false", flags)
        case .nothing:
            if verb == "v" { return padded("<nil>", flags) }
            return "%!\(verb)(<nil>)"
        case .labels(let labels):
            let members = labels.pairs.map {
                text($0.name, verb, flags, .text($0.name)) + ":"
                    + text($0.value, verb, flags, .text($0.value))
            }
            return "map[" + members.joined(separator: " ") + "]"
        default:
            if verb == "v" || verb == "s" { return padded(value.printed, flags) }
        }
        return unfit(value, verb, flags)
    }

    /// A value that the verb does not suit: shown as `%v` would, width and precision included.
    private func unfit(_ value: TemplateValue, _ verb: Character, _ flags: Flags) -> String {
        "%!\(verb)(\(value.type)=\(verb == "v" ? value.printed : printed(value, "v", flags)))"
    }

    private func padded(_ text: String, _ flags: Flags, zeros: Bool = false) -> String {
        guard let width = flags.width else { return text }
        let missing = width - text.unicodeScalars.count
        guard missing > 0 else { return text }
        if flags.minus { return text + String(repeating: " ", count: missing) }
        guard zeros else { return String(repeating: " ", count: missing) + text }
        let sign = text.first.map { "+- ".contains($0) } == true ? String(text.prefix(1)) : ""
        return sign + String(repeating: "0", count: missing) + text.dropFirst(sign.count)
    }

    private func text(
        _ text: String, _ verb: Character, _ flags: Flags, _ value: TemplateValue
    ) -> String {
        let cut =
            flags.precision.map { String(String.UnicodeScalarView(text.unicodeScalars.prefix($0))) }
            ?? text
        switch verb {
        case "v" where flags.sharp: return padded(GoFormat.quote(text), flags)
        case "v", "s": return padded(cut, flags, zeros: flags.zero)
        case "q":
            if flags.sharp, !cut.contains("`"), !cut.contains("\n") {
                return padded("`\(cut)`", flags)
            }
            return padded(GoFormat.quote(cut), flags)
        case "x", "X":
            let bytes = flags.precision.map { Array(text.utf8.prefix($0)) } ?? Array(text.utf8)
            let digits = bytes.map { byte in
                let hex = String(byte, radix: 16, uppercase: verb == "X")
                return hex.count < 2 ? "0" + hex : hex
            }
            let prefix = flags.sharp && !bytes.isEmpty ? "0\(verb)" : ""
            return padded(prefix + digits.joined(separator: flags.space ? " " : ""), flags)
        default: return unfit(value, verb, flags)
        }
    }

    private func integer(_ value: Int64, _ verb: Character, _ flags: Flags) -> String {
        let digits: String
        switch verb {
        case "v", "d": digits = String(value.magnitude)
        case "b": digits = (flags.sharp ? "0b" : "") + String(value.magnitude, radix: 2)
        case "o": digits = (flags.sharp ? "0" : "") + String(value.magnitude, radix: 8)
        case "O": digits = "0o" + String(value.magnitude, radix: 8)
        case "x", "X":
            digits =
                (flags.sharp ? "0\(verb)" : "")
                + String(value.magnitude, radix: 16, uppercase: verb == "X")
        case "c":
            return padded(Self.scalar(value).map { String(Character($0)) } ?? "\u{fffd}", flags)
        case "q":
            let shown = Self.scalar(value) ?? "\u{fffd}"
            let quoted = GoFormat.quote(String(Character(shown))).dropFirst().dropLast()
            let text = shown == "'" ? "\\'" : shown == "\"" ? "\"" : String(quoted)
            return padded("'\(text)'", flags)
        case "U":
            let hex = String(value.magnitude, radix: 16, uppercase: true)
            return padded(
                "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex, flags)
        default: return unfit(.integer(value), verb, flags)
        }
        var text = digits
        if let precision = flags.precision {
            if precision == 0, value == 0 { return padded("", flags) }
            text = String(repeating: "0", count: max(0, precision - text.count)) + text
        }
        text = (value < 0 ? "-" : flags.plus ? "+" : flags.space ? " " : "") + text
        return padded(text, flags, zeros: flags.zero && !flags.minus && flags.precision == nil)
    }

    private static func scalar(_ value: Int64) -> Unicode.Scalar? {
        UInt32(exactly: value).flatMap(Unicode.Scalar.init)
    }

    private func number(_ value: Double, _ verb: Character, _ flags: Flags) -> String {
        var text: String
        switch verb {
        case "v", "g", "G":
            if let precision = flags.precision {
                text = GoFormat.precise(value, precision, verb: verb == "G" ? "G" : "g")
            } else {
                text = GoFormat.shortest(value, exponentFrom: 6)
                if verb == "G" { text = text.replacing("e", with: "E") }
            }
        case "e", "E": text = GoFormat.precise(value, flags.precision ?? 6, verb: verb)
        case "f", "F": text = GoFormat.precise(value, flags.precision ?? 6, verb: "f")
        case "x", "X": text = GoFormat.hexadecimal(value, flags.precision, isUpper: verb == "X")
        case "b": text = GoFormat.binary(value)
        default: return unfit(.number(value), verb, flags)
        }
        if text.hasPrefix("+") {
            // Infinity carries its sign anyway, unless a blank is asked for.
            if flags.space, !flags.plus { text = " " + text.dropFirst() }
        } else if !text.hasPrefix("-") {
            let isNaN = text == "NaN"
            text = (flags.plus ? "+" : flags.space && !isNaN ? " " : "") + text
        }
        let isFinite = value.isFinite
        return padded(text, flags, zeros: flags.zero && !flags.minus && isFinite)
    }
}
