// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// Functions that change labels and leave values alone.
extension Evaluator {
    func labelReplace(_ arguments: [Expression], _ grid: Grid) throws -> [Row] {
        let target = text(arguments[1])
        let template = Array(text(arguments[2]).utf8)
        let source = text(arguments[3])
        let pattern: Pattern
        do { pattern = try Pattern(text(arguments[4])) } catch {
            throw QueryError(
                .execution,
                "invalid regular expression in label_replace(): \(text(arguments[4]))")
        }
        guard Self.isLabelName(target) else {
            throw QueryError(
                .execution, "invalid destination label name in label_replace(): \(target)")
        }
        var rows = try rows(arguments[0], grid)
        for i in rows.indices {
            let value = Array(rows[i].labels[source].utf8)
            guard let groups = pattern.groups(in: value) else { continue }
            let replaced = Self.expand(template, value, groups, pattern)
            rows[i].labels[target] = String(decoding: replaced, as: UTF8.self)
            if target == Labels.metricName { rows[i].dropsName = false }
        }
        return try merged(rows)
    }

    /// Whether a label may have this name: any UTF-8 but nothing. Bytes that are not UTF-8 have
    /// become replacement characters by now.
    static func isLabelName(_ name: String) -> Bool {
        !name.isEmpty && !name.unicodeScalars.contains("\u{fffd}")
    }

    /// Go's `Expand`: `$1`, `$name`, `${name}` and `$$`.
    private static func expand(
        _ template: [UInt8], _ text: [UInt8], _ groups: [Range<Int>?], _ pattern: Pattern
    ) -> [UInt8] {
        let dollar = UInt8(ascii: "$")
        var result: [UInt8] = []
        var at = 0
        while at < template.count {
            guard template[at] == dollar, at + 1 < template.count else {
                result.append(template[at])
                at += 1
                continue
            }
            if template[at + 1] == dollar {
                result.append(dollar)
                at += 2
                continue
            }
            let isBraced = template[at + 1] == UInt8(ascii: "{")
            let start = at + (isBraced ? 2 : 1)
            let name = template[start...].prefix {
                Lexer.isAlpha($0) || Lexer.isDigit($0)
            }
            let end = start + name.count
            let isClosed = !isBraced || (end < template.count && template[end] == 0x7d)
            guard !name.isEmpty, isClosed else {
                result.append(dollar)
                at += 1
                continue
            }
            let word = String(decoding: name, as: UTF8.self)
            let group = Int(word) ?? pattern.group(named: word)
            if let group, group < groups.count, let range = groups[group] {
                result += text[range]
            }
            at = end + (isBraced ? 1 : 0)
        }
        return result
    }

    func labelJoin(_ arguments: [Expression], _ grid: Grid) throws -> [Row] {
        let target = text(arguments[1])
        let separator = text(arguments[2])
        let sources = arguments.dropFirst(3).map(text)
        if let bad = sources.first(where: { !Self.isLabelName($0) }) {
            throw QueryError(.execution, "invalid source label name in label_join(): \(bad)")
        }
        guard Self.isLabelName(target) else {
            throw QueryError(
                .execution, "invalid destination label name in label_join(): \(target)")
        }
        var rows = try rows(arguments[0], grid)
        for i in rows.indices {
            let values = sources.map { rows[i].labels[$0] }
            rows[i].labels[target] = values.joined(separator: separator)
            if target == Labels.metricName { rows[i].dropsName = false }
        }
        return try merged(rows)
    }
}
