// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import YAML

/// The named values of a mapping, read strictly: each key known and given once.
struct YAMLFields {
    private(set) var values: [String: YAMLNode] = [:]
    let mark: Mark

    /// Reads `node` as a mapping of `known` keys; what is wrong goes to `report`. `what` names it.
    init(
        _ node: YAMLNode, known: [String], what: String, report: (Mark, String) -> Void
    ) {
        mark = node.mark
        if node.isNull { return }
        guard case .map(let pairs) = node.content else {
            report(node.mark, "\(what) must be a mapping, not \(node.kind)")
            return
        }
        for (key, value) in pairs {
            guard case .scalar(let name, _) = key.content else {
                report(key.mark, "a key must be a word, not \(key.kind)")
                continue
            }
            guard known.contains(name) else {
                report(
                    key.mark,
                    "unknown field `\(name.prefix(64))` in \(what); known are "
                        + known.joined(separator: ", "))
                continue
            }
            guard values.updateValue(value, forKey: name) == nil else {
                report(key.mark, "`\(name)` is given twice")
                continue
            }
        }
    }

    subscript(_ name: String) -> YAMLNode? { values[name] }
}

/// Values as Go's YAML library converts them, which is what Prometheus' files are read with.
enum YAMLValue {
    /// A text; null is empty.
    static func text(_ node: YAMLNode) -> String? {
        guard case .scalar(let text, _) = node.content else { return nil }
        return node.isNull ? "" : text
    }

    /// A whole number: decimal, `0x`, `0o`, `0b` or with a leading zero octal, `_` between digits.
    static func integer(_ node: YAMLNode) -> Int? {
        if node.isNull { return 0 }
        guard case .scalar(let text, .plain) = node.content else { return nil }
        var digits = Substring(text.filter { $0 != "_" })
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
        var radix = 10
        for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
            digits = digits.dropFirst(2)
            radix = base
        }
        if radix == 10, digits.count > 1, digits.hasPrefix("0"),
            let octal = Int(digits, radix: 8)
        {
            return isNegative ? -octal : octal
        }
        guard digits.first != "-", digits.first != "+" else { return nil }
        if let value = Int(digits, radix: radix) { return isNegative ? -value : value }
        // A float is cut to a whole number.
        guard radix == 10, digits.first?.isNumber == true || digits.first == ".",
            let value = Double(text), abs(value) < 9e18
        else { return nil }
        return Int(value)
    }

    /// A floating-point number.
    static func number(_ node: YAMLNode) -> Double? {
        if let whole = integer(node) { return Double(whole) }
        guard case .scalar(let text, .plain) = node.content else { return nil }
        switch text.lowercased() {
        case ".inf", "+.inf": return .infinity
        case "-.inf": return -.infinity
        case ".nan": return .nan
        default: return text.contains { $0.isLetter && $0 != "e" && $0 != "E" } ? nil : Double(text)
        }
    }

    /// Whether a plain scalar says yes.
    static func boolean(_ node: YAMLNode) -> Bool? {
        guard case .scalar(let text, .plain) = node.content else { return nil }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE", "", "~", "null": return false
        default: return nil
        }
    }

    /// A duration as Prometheus' files have it; nothing is none.
    static func duration(_ node: YAMLNode) -> Milliseconds? {
        guard let text = text(node) else { return nil }
        if node.isNull || text == "0" { return 0 }
        return PromQLDuration.parse(text)
    }
}
