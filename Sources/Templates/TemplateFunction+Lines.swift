// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Matching
import Model

/// The functions Loki adds for `line_format` and `label_format`
/// (https://grafana.com/docs/loki/latest/query/template_functions/), but for `toDateInZone`.
extension TemplateFunction {
    /// All functions of templates that format lines.
    static let lines =
        builtins.merging(lineTexts) { $1 }.merging(lineNumbers) { $1 }.merging(lineTimes) { $1 }

    // MARK: Texts

    private static func text(
        _ count: Int, _ body: @escaping @Sendable ([String]) throws -> String
    ) -> TemplateFunction {
        TemplateFunction([Parameter](repeating: .any, count: count)) { values, _ in
            .text(try body(values.map(\.printed)))
        }
    }

    /// What Go's encoding/json makes of a document.
    private static func value(_ json: JSONValue) -> TemplateValue {
        switch json {
        case .null: .nothing
        case .bool(let value): .boolean(value)
        case .number(let number): .number(number)
        case .string(let text): .text(text)
        case .array(let values): .list(values.map(value))
        case .object(let members): .arguments(members.mapValues(value))
        }
    }

    private static func test(
        _ body: @escaping @Sendable (String, String) -> Bool
    ) -> TemplateFunction {
        TemplateFunction([.any, .any]) { values, _ in
            .boolean(body(values[0].printed, values[1].printed))
        }
    }

    private static let lineTexts: [String: TemplateFunction] = [
        "__line__": TemplateFunction([]) { _, environment in .text(environment.line) },
        "fromJson": TemplateFunction([.any]) { values, _ in
            JSONValue(Array(values[0].printed.utf8)).map(value) ?? .nothing
        },
        "ToLower": text(1) { $0[0].lowercased() },
        "lower": text(1) { $0[0].lowercased() },
        "ToUpper": text(1) { $0[0].uppercased() },
        "upper": text(1) { $0[0].uppercased() },
        "title": text(1) { Humanizing.title($0[0]) },
        "Replace": TemplateFunction([.any, .any, .any, .any]) { values, _ in
            let count = try integer(values[3])
            return .text(
                replace(
                    values[0].printed, values[1].printed, values[2].printed,
                    count < 0 ? .max : Int(count)))
        },
        "replace": text(3) { replace($0[2], $0[0], $0[1], .max) },
        "Trim": text(2) { trim($0[0], $0[1], left: true, right: true) },
        "TrimLeft": text(2) { trim($0[0], $0[1], left: true, right: false) },
        "TrimRight": text(2) { trim($0[0], $0[1], left: false, right: true) },
        "trimAll": text(2) { trim($0[1], $0[0], left: true, right: true) },
        "TrimSpace": text(1) { trim($0[0], blanks, left: true, right: true) },
        "trim": text(1) { trim($0[0], blanks, left: true, right: true) },
        "TrimPrefix": text(2) { dropPrefix($0[1], of: $0[0]) },
        "trimPrefix": text(2) { dropPrefix($0[0], of: $0[1]) },
        "TrimSuffix": text(2) { dropSuffix($0[1], of: $0[0]) },
        "trimSuffix": text(2) { dropSuffix($0[0], of: $0[1]) },
        "contains": test { part, whole in part.isEmpty || whole.utf8.contains(part.utf8) },
        "hasPrefix": test { part, whole in whole.utf8.starts(with: part.utf8) },
        "hasSuffix": test { part, whole in
            whole.utf8.count >= part.utf8.count
                && whole.utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
        },
        "trunc": TemplateFunction([.any, .any]) { values, _ in
            let (count, text) = (Int(clamping: try integer(values[0])), values[1].printed)
            let scalars = text.unicodeScalars
            return .text(
                String(
                    count < 0 ? scalars.suffix(-max(count, -.max)) : scalars.prefix(count)))
        },
        "substr": TemplateFunction([.any, .any, .any]) { values, _ in
            let scalars = Array(values[2].printed.unicodeScalars)
            let start = max(0, Int(clamping: try integer(values[0])))
            let end = Int(clamping: try integer(values[1]))
            let last = end < 0 ? scalars.count : min(end, scalars.count)
            guard start < last else { return .text("") }
            return .text(made(scalars[start..<last]))
        },
        "alignLeft": TemplateFunction([.any, .any]) { values, _ in
            let width = try width(values[0])
            let scalars = Array(values[1].printed.unicodeScalars.prefix(width))
            return .text(
                made(scalars) + String(repeating: " ", count: width - scalars.count))
        },
        "alignRight": TemplateFunction([.any, .any]) { values, _ in
            let width = try width(values[0])
            let scalars = Array(values[1].printed.unicodeScalars.suffix(width))
            return .text(
                String(repeating: " ", count: width - scalars.count) + made(scalars))
        },
        "indent": TemplateFunction([.any, .any]) { values, _ in
            .text(indented(values[1].printed, try width(values[0])))
        },
        "nindent": TemplateFunction([.any, .any]) { values, _ in
            .text("\n" + indented(values[1].printed, try width(values[0])))
        },
        "repeat": TemplateFunction([.any, .any]) { values, _ in
            let (count, text) = (try width(values[0]), values[1].printed)
            guard count * text.utf8.count <= Template.maxOutput else {
                throw TemplateFailure("repeat: the text would be too long")
            }
            return .text(String(repeating: text, count: count))
        },
        "regexReplaceAll": text(3) { texts in
            try expression(texts[0]).replacingAll(in: texts[1], with: texts[2])
        },
        "regexReplaceAllLiteral": text(3) { texts in
            try expression(texts[0]).replacingAll(
                in: texts[1], with: replace(texts[2], "$", "$$", .max))
        },
        "count": TemplateFunction([.any, .any]) { values, _ in
            let marked = try expression(values[0].printed).replacingAll(
                in: values[1].printed, with: "\u{1}${0}")
            let before = values[1].printed.utf8.count { $0 == 1 }
            return .integer(Int64(marked.utf8.count { $0 == 1 } - before))
        },
        "default": TemplateFunction([.any, .any]) { values, _ in
            values[1].isTrue ? values[1] : values[0]
        },
        "urlencode": text(1) { TemplateEscaping.query($0[0]) },
        "urldecode": text(1) { try unescaped($0[0]) },
        "b64enc": text(1) { Base64.encode(Array($0[0].utf8)) },
        "b64dec": text(1) {
            guard let bytes = Base64.decode($0[0]) else {
                throw TemplateFailure("illegal base64 data")
            }
            return String(decoding: bytes, as: UTF8.self)
        },
    ]

    private static let blanks = " \t\n\r\u{b}\u{c}"

    private static func made(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var result = ""
        result.unicodeScalars.append(contentsOf: scalars)
        return result
    }

    private static func width(_ value: TemplateValue) throws -> Int {
        let width = try integer(value)
        guard (0...Int64(Template.maxOutput)).contains(width) else {
            throw TemplateFailure("\(width) is out of range")
        }
        return Int(width)
    }

    private static func replace(
        _ text: String, _ old: String, _ new: String, _ count: Int
    ) -> String {
        old.isEmpty ? text : text.replacing(old, with: new, maxReplacements: count)
    }

    private static func trim(
        _ text: String, _ cut: String, left: Bool, right: Bool
    ) -> String {
        let set = Set(cut.unicodeScalars)
        var scalars = text.unicodeScalars[...]
        while left, let first = scalars.first, set.contains(first) { scalars.removeFirst() }
        while right, let last = scalars.last, set.contains(last) { scalars.removeLast() }
        return String(scalars)
    }

    private static func dropPrefix(_ prefix: String, of text: String) -> String {
        text.utf8.starts(with: prefix.utf8)
            ? String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : text
    }

    private static func dropSuffix(_ suffix: String, of text: String) -> String {
        text.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
            ? String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self) : text
    }

    private static func indented(_ text: String, _ width: Int) -> String {
        let blank = String(repeating: " ", count: width)
        return blank + replace(text, "\n", "\n" + blank, .max)
    }

    private static func expression(_ source: String) throws -> Pattern {
        do { return try Pattern(source, dotMatchesNewline: false) } catch {
            throw TemplateFailure(error.description)
        }
    }

    private static func unescaped(_ text: String) throws -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else {
                throw TemplateFailure("invalid URL escape \(GoFormat.quote("%" + digits))")
            }
            result.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: result, as: UTF8.self)
    }

    // MARK: Numbers

    private static func integers(
        _ body: @escaping @Sendable (Int64, Int64) throws -> Int64
    ) -> TemplateFunction {
        TemplateFunction([.any], variadic: .any) { values, _ in
            let numbers = try values.map(integer)
            return .integer(try numbers.dropFirst().reduce(numbers[0], body))
        }
    }

    private static func floats(
        _ body: @escaping @Sendable (Double, Double) -> Double
    ) -> TemplateFunction {
        TemplateFunction([.any], variadic: .any) { values, _ in
            let numbers = try values.map(double)
            return .number(numbers.dropFirst().reduce(numbers[0], body))
        }
    }

    private static func float(
        _ body: @escaping @Sendable (Double) -> Double
    ) -> TemplateFunction {
        TemplateFunction([.any]) { values, _ in .number(body(try double(values[0]))) }
    }

    private static let lineNumbers: [String: TemplateFunction] = [
        "add": integers { $0 &+ $1 },
        "sub": integers { $0 &- $1 },
        "mul": integers { $0 &* $1 },
        "div": integers {
            guard $1 != 0 else { throw TemplateFailure("integer divide by zero") }
            return $0.dividedReportingOverflow(by: $1).partialValue
        },
        "mod": integers {
            guard $1 != 0 else { throw TemplateFailure("integer divide by zero") }
            return $0.remainderReportingOverflow(dividingBy: $1).partialValue
        },
        "max": integers { Swift.max($0, $1) },
        "min": integers { Swift.min($0, $1) },
        "addf": floats(+), "subf": floats(-), "mulf": floats(*), "divf": floats(/),
        "maxf": floats { Swift.max($0, $1) }, "minf": floats { Swift.min($0, $1) },
        "ceil": float { $0.rounded(.up) },
        "floor": float { $0.rounded(.down) },
        "round": TemplateFunction([.any, .any]) { values, _ in
            let scale = Glibc.pow(10, try double(values[1]).rounded())
            let value = try double(values[0])
            let rounded = (value * scale).rounded(.toNearestOrAwayFromZero) / scale
            return .number(rounded.isFinite ? rounded : value)
        },
        "int": TemplateFunction([.any]) { values, _ in .integer(try integer(values[0])) },
        "float64": float { $0 },
        "duration": TemplateFunction([.any]) { values, _ in .number(try seconds(values[0])) },
        "duration_seconds": TemplateFunction([.any]) { values, _ in
            .number(try seconds(values[0]))
        },
        "bytes": TemplateFunction([.any]) { values, _ in
            guard let bytes = ByteSize.parse(values[0].printed) else {
                throw TemplateFailure("\(GoFormat.quote(values[0].printed)) is no size")
            }
            return .number(bytes)
        },
    ]

    private static func seconds(_ value: TemplateValue) throws -> Double {
        guard let nanoseconds = GoDuration.parse(value.printed) else {
            throw TemplateFailure("\(GoFormat.quote(value.printed)) is no duration")
        }
        return Double(nanoseconds) / 1e9
    }

    /// A number, or the text of one; 0 for what is none, as Loki has it.
    private static func double(_ value: TemplateValue) throws -> Double {
        switch value {
        case .number(let value): value
        case .integer(let value): Double(value)
        case .boolean(let value): value ? 1 : 0
        default: GoNumber.parse(value.printed) ?? 0
        }
    }

    private static func integer(_ value: TemplateValue) throws -> Int64 {
        if case .integer(let value) = value { return value }
        if let value = Int64(value.printed) { return value }
        let number = try double(value)
        return number.magnitude < 9.2e18 ? Int64(number) : 0
    }

    // MARK: Times

    private static let lineTimes: [String: TemplateFunction] = [
        "__timestamp__": TemplateFunction([]) { _, environment in
            .time(environment.timestamp / 1_000_000)
        },
        "now": TemplateFunction([]) { _, environment in .time(environment.now) },
        "date": TemplateFunction([.any, .any]) { values, _ in
            guard case .time(let time) = values[1] else {
                throw TemplateFailure("date takes a time, not \(values[1].type)")
            }
            return .text(GoTime(time).format(values[0].printed))
        },
        // Like Go's, with the zero time for a text that is none of the layout.
        "toDate": TemplateFunction([.any, .any]) { values, _ in
            .time(
                GoTime.parse(values[1].printed, layout: values[0].printed) ?? GoTime.zero)
        },
        "unixEpoch": epoch(1000, 1), "unixEpochMillis": epoch(1, 1),
        "unixEpochNanos": epoch(1, 1_000_000),
        "unixToTime": TemplateFunction([.any]) { values, _ in
            let text = values[0].printed
            guard let number = Int64(text) else {
                throw TemplateFailure("unable to parse time \(GoFormat.quote(text))")
            }
            // By the number of digits: days, seconds, milliseconds, microseconds, nanoseconds.
            switch text.utf8.count {
            case 5: return .time(number * 86_400_000)
            case 10: return .time(number * 1000)
            case 13: return .time(number)
            case 16: return .time(number / 1000)
            case 19: return .time(number / 1_000_000)
            default: throw TemplateFailure("unable to parse time \(GoFormat.quote(text))")
            }
        },
    ]

    private static func epoch(_ divisor: Int64, _ factor: Int64) -> TemplateFunction {
        TemplateFunction([.any]) { values, _ in
            guard case .time(let time) = values[0] else {
                throw TemplateFailure("a time is wanted, not \(values[0].type)")
            }
            return .text(String((time / divisor).multipliedReportingOverflow(by: factor).0))
        }
    }
}

/// Base64 as Go's `StdEncoding` has it (RFC 4648, section 4).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let word =
                part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for i in 0..<4 {
                result.append(
                    i <= part.count
                        ? alphabet[Int(word >> UInt32(18 - 6 * i) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8.filter { $0 != 0x0a && $0 != 0x0d }
        let body = digits.prefix { $0 != UInt8(ascii: "=") }
        let padding = digits.count - body.count
        guard digits.count % 4 == 0, padding < 3,
            digits.suffix(padding).allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return nil }
        var result: [UInt8] = []
        var word: UInt32 = 0
        var bits: UInt32 = 0
        for digit in body {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: word >> bits))
            }
        }
        return result
    }
}
