// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import PromQL

extension LogExpression: CustomStringConvertible {
    /// The query on one line; it reads back as the same.
    public var description: String {
        switch self {
        case .lines(let pipeline): pipeline.description
        case .metric(let metric): metric.description
        }
    }
}

extension LogPipeline: CustomStringConvertible {
    /// The selector and its stages.
    public var description: String {
        ([selector] + stages.map(\.description)).joined(separator: " ")
    }

    /// `{app="web", stream="stdout"}`
    var selector: String {
        "{" + matchers.map(\.shown).joined(separator: ", ") + "}"
    }
}

extension Matcher {
    var shown: String { name + operation.rawValue + Quoting.quote(value) }
}

extension Stage: CustomStringConvertible {
    /// The stage with its pipe.
    public var description: String {
        switch self {
        case .line(let test): test.description
        case .json(let extractions): "| json" + Self.list(extractions)
        case .logfmt(let isStrict, let keepsEmpty, let extractions):
            "| logfmt" + (isStrict ? " --strict" : "") + (keepsEmpty ? " --keep-empty" : "")
                + Self.list(extractions)
        case .regexp(let text): "| regexp " + Quoting.quote(text)
        case .pattern(let text): "| pattern " + Quoting.quote(text)
        case .unpack: "| unpack"
        case .decolorize: "| decolorize"
        case .labels(let condition): "| \(condition)"
        case .lineFormat(let text): "| line_format " + Quoting.quote(text)
        case .labelFormat(let assignments):
            "| label_format "
                + assignments.map {
                    $0.label + "=" + ($0.isTemplate ? Quoting.quote($0.source) : $0.source)
                }.joined(separator: ",")
        case .drop(let choices): "| drop " + Self.list(choices)
        case .keep(let choices): "| keep " + Self.list(choices)
        }
    }

    private static func list(_ extractions: [Extraction]) -> String {
        guard !extractions.isEmpty else { return "" }
        return " "
            + extractions.map { "\($0.label)=\(Quoting.quote($0.source))" }.joined(separator: ",")
    }

    private static func list(_ choices: [LabelChoice]) -> String {
        choices.map { $0.matcher?.shown ?? $0.name }.joined(separator: ",")
    }
}

extension LineTest: CustomStringConvertible {
    /// `|= "a" or ip("10.0.0.0/8")`
    public var description: String {
        kind.rawValue + " "
            + operands.map {
                $0.isAddress ? "ip(\(Quoting.quote($0.text)))" : Quoting.quote($0.text)
            }.joined(separator: " or ")
    }
}

extension LabelCondition: CustomStringConvertible {
    /// The condition, with parentheses around alternatives.
    public var description: String {
        switch self {
        case .text(let matcher): matcher.shown
        case .number(let name, let comparison, let value):
            name + comparison.rawValue + Quoting.decimal(value)
        case .duration(let name, let comparison, let value):
            name + comparison.rawValue + GoDuration.format(value)
        case .bytes(let name, let comparison, let value):
            name + comparison.rawValue + ByteSize.format(value)
        case .address(let name, let wants, let text):
            name + (wants ? "=" : "!=") + "ip(\(Quoting.quote(text)))"
        case .and(let a, let b): "(\(a) , \(b))"
        case .or(let a, let b): "(\(a) or \(b))"
        }
    }
}

extension MetricExpression: CustomStringConvertible {
    /// The expression, with parentheses around operands that have operators.
    public var description: String {
        switch self {
        case .number(let value): Quoting.decimal(value)
        case .vector(let value): "vector(\(Quoting.decimal(value)))"
        case .range(let range): range.description
        case .aggregate(let aggregate): aggregate.description
        case .labelReplace(let replacement):
            "label_replace(\(replacement.operand),"
                + [
                    replacement.destination, replacement.replacement, replacement.source,
                    replacement.pattern,
                ].map(Quoting.quote).joined(separator: ",") + ")"
        case .binary(let operation): operation.description
        }
    }
}

extension MetricExpression.Operation: CustomStringConvertible {
    /// The operands with the operator and its modifiers between.
    public var description: String {
        var middle = symbol
        if returnsBool { middle += " bool" }
        if matching.isOn || !matching.labels.isEmpty || !matching.include.isEmpty
            || matching.cardinality == .manyToOne || matching.cardinality == .oneToMany
        {
            middle += (matching.isOn ? " on" : " ignoring") + "(\(list(matching.labels)))"
        }
        if matching.cardinality == .manyToOne { middle += " group_left" }
        if matching.cardinality == .oneToMany { middle += " group_right" }
        if matching.cardinality == .manyToOne || matching.cardinality == .oneToMany {
            middle += "(\(list(matching.include)))"
        }
        return "\(shown(left)) \(middle) \(shown(right))"
    }

    private func list(_ labels: [String]) -> String { labels.joined(separator: ",") }

    private func shown(_ operand: MetricExpression) -> String {
        if case .binary = operand { return "(\(operand))" }
        return operand.description
    }
}

extension Grouping: CustomStringConvertible {
    /// `by (a,b)`
    public var description: String {
        (isWithout ? "without" : "by") + " (\(labels.joined(separator: ",")))"
    }
}

extension VectorAggregation: CustomStringConvertible {
    /// `sum by (a)(...)`
    public var description: String {
        name + (grouping.map { " \($0)" } ?? "") + "("
            + (parameter.map { Quoting.decimal($0) + "," } ?? "") + "\(operand))"
    }
}

extension RangeAggregation: CustomStringConvertible {
    /// `rate({...}[5m])`
    public var description: String {
        var text = name + "(" + (parameter.map { Quoting.decimal($0) + "," } ?? "")
        text += pipeline.description
        if let unwrap { text += " \(unwrap)" }
        text += "[\(GoDuration.format(window))]"
        if offset != 0 { text += " offset \(GoDuration.format(offset))" }
        return text + ")" + (grouping.map { " \($0)" } ?? "")
    }
}

extension Unwrap: CustomStringConvertible {
    /// `| unwrap duration(took)`, with its conditions.
    public var description: String {
        let value = conversion == .number ? label : "\(conversion.rawValue)(\(label))"
        return (["| unwrap \(value)"] + conditions.map { "| \($0)" }).joined(separator: " ")
    }
}
