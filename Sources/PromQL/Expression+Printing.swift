// SPDX-License-Identifier: Apache-2.0

import Model

extension Expression: CustomStringConvertible {
    /// The expression on one line, as Prometheus prints it (`promql/parser/printer.go`).
    public var description: String {
        switch self {
        case .number(let value, let isDuration, _):
            isDuration
                ? PromQLDuration.format(Milliseconds((value * 1000).rounded()))
                : Quoting.decimal(value)
        case .string(let text, _): Quoting.quote(text)
        case .paren(let inner, _): "(\(inner))"
        case .unary(let sign, let operand, _): "\(sign)\(operand)"
        case .binary(let binary): "\(binary.left) \(binary.head) \(binary.right)"
        case .call(let name, let arguments, _):
            "\(name)(\(arguments.map(\.description).joined(separator: ", ")))"
        case .aggregate(let aggregate):
            aggregate.head + "(" + (aggregate.parameter.map { "\($0), " } ?? "")
                + "\(aggregate.operand))"
        case .selector(let selector): selector.description
        case .subquery(let subquery): "\(subquery.operand)\(subquery.tail)"
        }
    }

    /// Columns up to which an expression stays on one line.
    private static let width = 100

    /// The expression over as many lines as it needs, indented by two blanks a level, as
    /// Prometheus' `format_query` prints it.
    public func pretty(level: Int = 0) -> String {
        let indent = String(repeating: "  ", count: level)
        let line = description
        guard line.count > Self.width else { return indent + line }
        switch self {
        case .number, .string, .selector: return indent + line
        case .paren(let inner, _):
            return "\(indent)(\n\(inner.pretty(level: level + 1))\n\(indent))"
        case .unary(let sign, let operand, _):
            let text = operand.pretty(level: level)
            return indent + sign + text.drop { $0 == " " }
        case .binary(let binary):
            return binary.left.pretty(level: level + 1) + "\n\(indent)\(binary.head)\n"
                + binary.right.pretty(level: level + 1)
        case .call(let name, let arguments, _):
            let lines = arguments.map { $0.pretty(level: level + 1) }
            return "\(indent)\(name)(\n\(lines.joined(separator: ",\n"))\n\(indent))"
        case .aggregate(let aggregate):
            let lines = ([aggregate.parameter].compactMap { $0 } + [aggregate.operand])
                .map { $0.pretty(level: level + 1) }
            return "\(indent)\(aggregate.head)(\n\(lines.joined(separator: ",\n"))\n\(indent))"
        case .subquery(let subquery):
            return subquery.operand.pretty(level: level) + subquery.tail
        }
    }
}

extension Expression.Binary {
    /// The operator with what follows it, before the right operand.
    public var head: String {
        symbol + (returnsBool ? " bool" : "") + (matching?.description ?? "")
    }
}

extension Expression.Matching: CustomStringConvertible {
    /// ` on (a) group_left (b)`, with a blank in front; empty for the default.
    public var description: String {
        var text = ""
        let isGrouped = cardinality == .manyToOne || cardinality == .oneToMany
        if !labels.isEmpty || isOn || isGrouped {
            text += " \(isOn ? "on" : "ignoring") (\(Expression.labelList(labels)))"
        }
        if isGrouped {
            text += cardinality == .manyToOne ? " group_left (" : " group_right ("
            text += Expression.labelList(include) + ")"
        }
        if let left = fillLeft, let right = fillRight, left == right {
            return text + " fill (\(Quoting.general(left)))"
        }
        if let left = fillLeft { text += " fill_left (\(Quoting.general(left)))" }
        if let right = fillRight { text += " fill_right (\(Quoting.general(right)))" }
        return text
    }
}

extension Expression.Aggregate {
    /// The operator with its grouping, before the arguments.
    public var head: String {
        if isWithout { return "\(name) without (\(Expression.labelList(grouping))) " }
        return grouping.isEmpty ? name : "\(name) by (\(Expression.labelList(grouping))) "
    }
}

extension Expression {
    fileprivate static func labelList(_ labels: [String]) -> String {
        labels.map { Quoting.isPlainLabel($0) ? $0 : Quoting.quote($0) }.joined(separator: ", ")
    }

    fileprivate static func modifiers(_ at: AtModifier?, _ offset: DurationExpression?) -> String {
        var text = ""
        switch at {
        case .time(let milliseconds):
            let (seconds, rest) = milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
            let fraction = String(1000 + rest).dropFirst()
            text += " @ \(milliseconds < 0 ? "-" : "")\(seconds).\(fraction)"
        case .start: text += " @ start()"
        case .end: text += " @ end()"
        case nil: break
        }
        if let offset { text += " offset \(offset)" }
        return text
    }
}

extension Expression.Selector: CustomStringConvertible {
    /// The selector as Prometheus prints it, conditions sorted.
    public var description: String {
        let isPlain = name.isEmpty || Quoting.isPlainMetric(name)
        var conditions: [String] = []
        for matcher in matchers {
            let isName = matcher.name == Labels.metricName && matcher.operation == .equal
            if isName, matcher.value == name, !name.isEmpty { continue }
            let label =
                Quoting.isPlainLabel(matcher.name) ? matcher.name : Quoting.quote(matcher.name)
            conditions.append(label + matcher.operation.rawValue + Quoting.quote(matcher.value))
        }
        conditions.sort()
        if !isPlain { conditions.insert(Quoting.quote(name), at: 0) }
        var text = isPlain ? name : ""
        if !conditions.isEmpty { text += "{" + conditions.joined(separator: ",") + "}" }
        if let window { text += "[\(window)]" }
        if window != nil, isAnchored { text += " anchored" }
        if window != nil, isSmoothed { text += " smoothed" }
        if window == nil, isSmoothed {
            return text + Expression.modifiers(at, nil) + " smoothed"
                + Expression.modifiers(nil, offset)
        }
        return text + Expression.modifiers(at, offset)
    }
}

extension Expression.Subquery {
    /// `[1h:5m] @ 1.000 offset 1m`, what stands behind the operand.
    public var tail: String {
        "[\(window):\(step?.description ?? "")]" + Expression.modifiers(at, offset)
    }
}

extension DurationExpression: CustomStringConvertible {
    /// The duration as Prometheus prints it; plain literals as durations.
    public var description: String {
        switch self {
        case .literal(let seconds, _):
            PromQLDuration.format(Milliseconds((seconds * 1000).rounded(.towardZero)))
        case .parameter(let name): "\(name)()"
        case .call(let name, let a, let b): "\(name)(\(a), \(b))"
        case .negative(let inner): "-\(inner)"
        case .binary(let symbol, let a, let b): "\(a) \(symbol) \(b)"
        case .paren(let inner): "(\(inner))"
        }
    }
}
