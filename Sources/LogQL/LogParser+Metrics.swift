// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// Expressions that yield numbers.
extension LogParser {
    static let vectorAggregations: Set<String> = [
        "sum", "avg", "count", "max", "min", "stddev", "stdvar", "bottomk", "topk", "approx_topk",
        "sort", "sort_desc",
    ]
    private static let withParameter: Set<String> = ["bottomk", "topk", "approx_topk"]
    static let rangeAggregations: Set<String> = [
        "count_over_time", "rate", "rate_counter", "bytes_over_time", "bytes_rate",
        "avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "stdvar_over_time",
        "stddev_over_time", "quantile_over_time", "first_over_time", "last_over_time",
        "absent_over_time",
    ]
    private static let withoutUnwrap: Set<String> = [
        "count_over_time", "bytes_over_time", "bytes_rate",
    ]
    private static let eitherWay: Set<String> = ["rate", "absent_over_time"]
    private static let groupable: Set<String> = [
        "avg_over_time", "stddev_over_time", "stdvar_over_time", "quantile_over_time",
        "max_over_time", "min_over_time", "first_over_time", "last_over_time",
    ]

    /// Precedence of an operator, 0 for what is none. `^` binds to the right.
    private static func precedence(_ token: Token) -> Int {
        switch token.text {
        case "or" where token.kind == .identifier: 1
        case "and", "unless": token.kind == .identifier ? 2 : 0
        case "==", "!=", "<=", "<", ">=", ">": token.kind == .symbol ? 3 : 0
        case "+", "-": token.kind == .symbol ? 4 : 0
        case "*", "/", "%": token.kind == .symbol ? 5 : 0
        case "^": token.kind == .symbol ? 6 : 0
        default: 0
        }
    }

    static let setOperators: Set<String> = ["and", "or", "unless"]
    static let comparisons: Set<String> = ["==", "!=", "<=", "<", ">=", ">"]

    /// An expression of operators that bind at least as tightly as `least`.
    mutating func metric(_ least: Int = 1) throws(QueryError) -> MetricExpression {
        var left = try operand()
        var count = 0
        while true {
            let operation = current
            let precedence = Self.precedence(operation)
            guard precedence >= least, precedence > 0 else { return left }
            count += 1
            guard count < Self.maxDepth else { throw fail("the expression has too many operators") }
            _ = take()
            let symbol = operation.text
            var binary = MetricExpression.Operation(symbol: symbol, left: left, right: left)
            let hasModifiers = try modifiers(of: &binary)
            binary.right = try nested { parser throws(QueryError) in
                try parser.metric(symbol == "^" ? precedence : precedence + 1)
            }
            let hasScalar = binary.left.isScalar || binary.right.isScalar
            if hasScalar, Self.setOperators.contains(symbol) {
                throw fail(
                    "unexpected literal for \"\(symbol)\": both sides must be vectors",
                    operation)
            }
            if hasScalar, hasModifiers {
                throw fail("vector matching only allowed between vectors", operation)
            }
            left = .binary(binary)
        }
    }

    /// What may stand between an operator and its right operand; whether there is any matching.
    private mutating func modifiers(
        of binary: inout MetricExpression.Operation
    ) throws(QueryError) -> Bool {
        let isSet = Self.setOperators.contains(binary.symbol)
        if isSet { binary.matching.cardinality = .manyToMany }
        if current.isKeyword("bool") {
            guard Self.comparisons.contains(binary.symbol) else {
                throw fail("bool modifier can only be used on comparison operators")
            }
            _ = take()
            binary.returnsBool = true
        }
        guard current.isKeyword("on") || current.isKeyword("ignoring") else { return false }
        binary.matching.isOn = take().isKeyword("on")
        binary.matching.labels = try labelList()
        if current.isKeyword("group_left") || current.isKeyword("group_right") {
            if isSet { throw fail("no grouping allowed for \"\(binary.symbol)\" operation") }
            binary.matching.cardinality =
                take().isKeyword("group_left") ? .manyToOne : .oneToMany
            if current.isSymbol("("), isLabelList { binary.matching.include = try labelList() }
        }
        return true
    }

    /// Whether a parenthesis opens the labels of `group_left` and not the right operand.
    private var isLabelList: Bool {
        following.isSymbol(")")
            || following.kind == .identifier
                && !Self.rangeAggregations.contains(following.text)
                && !Self.vectorAggregations.contains(following.text)
                && following.text != "label_replace" && following.text != "vector"
    }

    private mutating func operand() throws(QueryError) -> MetricExpression {
        if takes("(") {
            let inner = try nested { parser throws(QueryError) in try parser.metric() }
            try expect(")")
            return inner
        }
        if current.kind == .number || current.isSymbol("-") || current.isSymbol("+") {
            return .number(try number())
        }
        guard current.kind == .identifier else {
            throw unexpected("a stream selector, a function or a number")
        }
        let word = take()
        switch word.text {
        case "vector":
            try expect("(")
            let value = try number()
            try expect(")")
            return .vector(value)
        case "label_replace": return try labelReplace()
        case let name where Self.rangeAggregations.contains(name):
            return .range(try rangeAggregation(word))
        case let name where Self.vectorAggregations.contains(name):
            return .aggregate(try vectorAggregation(word))
        default: throw fail("syntax error: unknown function \(Quoting.quote(word.text))", word)
        }
    }

    private mutating func labelReplace() throws(QueryError) -> MetricExpression {
        try expect("(")
        let operand = try nested { parser throws(QueryError) in try parser.metric() }
        var texts: [Token] = []
        for _ in 0..<4 {
            try expect(",")
            texts.append(try text())
        }
        try expect(")")
        if let reason = MatcherRules.refusal(texts[3].text) { throw fail(reason, texts[3]) }
        guard Quoting.isPlainLabel(texts[0].text) else {
            throw fail("invalid destination label name in label_replace()", texts[0])
        }
        return .labelReplace(
            .init(
                operand: operand, destination: texts[0].text, replacement: texts[1].text,
                source: texts[2].text, pattern: texts[3].text))
    }

    private mutating func grouping() throws(QueryError) -> Grouping? {
        guard current.isKeyword("by") || current.isKeyword("without") else { return nil }
        let isWithout = take().isKeyword("without")
        return Grouping(labels: try labelList(), isWithout: isWithout)
    }

    private mutating func vectorAggregation(_ word: Token) throws(QueryError) -> VectorAggregation {
        var grouping = try grouping()
        try expect("(")
        var parameter: Double?
        if Self.withParameter.contains(word.text) {
            let token = current
            guard token.kind == .number else {
                throw fail("parameter required for operation \(word.text)")
            }
            let value = take().value
            guard value >= 1, value <= 1e9 else {
                throw fail("invalid parameter (must be greater than 0) \(word.text)", token)
            }
            parameter = value.rounded(.down)
            try expect(",")
        }
        let operand = try nested { parser throws(QueryError) in try parser.metric() }
        try expect(")")
        guard !operand.isScalar else {
            throw fail("\(word.text) needs a vector, not a number", word)
        }
        if grouping == nil { grouping = try self.grouping() }
        if grouping != nil, word.text.hasPrefix("sort") || word.text == "approx_topk" {
            throw fail("\(word.text) takes no grouping", word)
        }
        return VectorAggregation(
            name: word.text, operand: operand, parameter: parameter, grouping: grouping)
    }

    // MARK: Windows

    private mutating func rangeAggregation(_ word: Token) throws(QueryError) -> RangeAggregation {
        let name = word.text
        try expect("(")
        var parameter: Double?
        if name == "quantile_over_time" {
            parameter = try number()
            try expect(",")
        }
        var parts = WindowParts()
        try window(&parts)
        try expect(")")
        guard let window = parts.window else { throw fail("a range such as [5m] is missing", word) }
        let group = current
        let grouping = try grouping()
        if grouping != nil, !Self.groupable.contains(name) {
            throw fail("grouping not allowed for \(name) aggregation", group)
        }
        if !Self.eitherWay.contains(name),
            (parts.unwrap == nil) != Self.withoutUnwrap.contains(name)
        {
            throw fail(
                "invalid aggregation \(name) \(parts.unwrap == nil ? "without" : "with") unwrap",
                word)
        }
        var range = RangeAggregation(name: name, pipeline: parts.pipeline, window: window)
        range.unwrap = parts.unwrap
        range.offset = parts.offset ?? 0
        range.parameter = parameter
        range.grouping = grouping
        return range
    }

    /// What has been read of the operand of a range aggregation.
    private struct WindowParts {
        var pipeline = LogPipeline(matchers: [])
        var unwrap: Unwrap?
        var window: Int64?
        var offset: Int64?
    }

    /// The selector with its stages, unwrap, window and offset, in any order that Loki takes.
    private mutating func window(_ parts: inout WindowParts) throws(QueryError) {
        if takes("(") {
            parts = try nested { parser throws(QueryError) in
                var inner = WindowParts()
                try parser.window(&inner)
                return inner
            }
            try expect(")")
        } else {
            parts.pipeline.matchers = try selector()
        }
        while true {
            if current.isSymbol("["), parts.window == nil {
                _ = take()
                guard current.kind == .duration, current.value > 0 else {
                    throw unexpected("a duration such as 5m")
                }
                parts.window = Int64(take().value)
                try expect("]")
            } else if current.isKeyword("offset"), parts.window != nil, parts.offset == nil {
                _ = take()
                let isNegative = takes("-")
                guard current.kind == .duration else { throw unexpected("a duration such as 5m") }
                parts.offset = Int64(take().value) * (isNegative ? -1 : 1)
            } else if current.isSymbol("|"), following.isKeyword("unwrap") {
                guard parts.unwrap == nil else { throw fail("unwrap may be used once only") }
                parts.unwrap = try unwrap()
            } else if parts.unwrap != nil {
                guard takes("|") else { return }
                parts.unwrap?.conditions.append(try condition())
            } else if let stage = try stage(after: parts.pipeline.stages.count) {
                parts.pipeline.stages.append(stage)
            } else {
                return
            }
        }
    }

    private mutating func unwrap() throws(QueryError) -> Unwrap {
        _ = take()
        _ = take()
        let word = current
        let label = try identifier()
        guard current.isSymbol("(") else { return Unwrap(label: label, conversion: .number) }
        guard let conversion = Unwrap.Conversion(rawValue: label) else {
            throw fail("unwrap has no conversion \(Quoting.quote(label))", word)
        }
        _ = take()
        let converted = try identifier()
        try expect(")")
        return Unwrap(label: converted, conversion: conversion)
    }
}
