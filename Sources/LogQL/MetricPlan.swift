// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// A metric query as PromQL's engine sees it: each range aggregation is a selector by number.
struct MetricPlan {
    private(set) var ranges: [RangeAggregation] = []
    private(set) var expression = Expression.number(0, isDuration: false, 0..<0)

    init(_ metric: MetricExpression) { expression = translate(metric) }

    private mutating func translate(_ metric: MetricExpression) -> Expression {
        switch metric {
        case .number(let value): return .number(value, isDuration: false, 0..<0)
        case .vector(let value):
            return .call("vector", [.number(value, isDuration: false, 0..<0)], 0..<0)
        case .range(let range): return add(range)
        case .aggregate(let aggregate): return translate(aggregate)
        case .labelReplace(let replacement):
            let texts = [
                replacement.destination, replacement.replacement, replacement.source,
                replacement.pattern,
            ]
            return .call(
                "label_replace",
                [translate(replacement.operand)] + texts.map { .string($0, 0..<0) }, 0..<0)
        case .binary(let operation):
            let matching =
                operation.left.isScalar || operation.right.isScalar ? nil : operation.matching
            return .binary(
                .init(
                    operation.symbol, translate(operation.left), translate(operation.right),
                    returnsBool: operation.returnsBool, matching: matching))
        }
    }

    private mutating func add(_ range: RangeAggregation) -> Expression {
        ranges.append(range)
        return .selector(
            .init([Matcher(Labels.metricName, .equal, String(ranges.count - 1))]))
    }

    private static let summable: Set<String> = [
        "count_over_time", "rate", "bytes_over_time", "bytes_rate", "sum_over_time",
    ]

    private mutating func translate(_ aggregate: VectorAggregation) -> Expression {
        let grouping = aggregate.grouping ?? Grouping(labels: [], isWithout: false)
        var operand: Expression
        if case .range(var range) = aggregate.operand, range.grouping == nil,
            aggregate.name == "sum" && Self.summable.contains(range.name)
                || aggregate.name == "max" && range.name == "max_over_time"
                || aggregate.name == "min" && range.name == "min_over_time"
        {
            // The groups are made of lines already, so that labels which nobody sees cost nothing.
            range.grouping = grouping
            operand = add(range)
        } else {
            operand = translate(aggregate.operand)
        }
        switch aggregate.name {
        case "sort", "sort_desc": return .call(aggregate.name, [operand], 0..<0)
        default:
            return .aggregate(
                .init(
                    aggregate.name == "approx_topk" ? "topk" : aggregate.name, operand,
                    parameter: aggregate.parameter.map { .number($0, isDuration: false, 0..<0) },
                    grouping: grouping.labels, isWithout: grouping.isWithout))
        }
    }
}
