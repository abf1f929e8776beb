// SPDX-License-Identifier: Apache-2.0

import Model

/// Operands: literals, selectors with their modifiers, calls, aggregations, parentheses.
extension Parser {
    /// An operand with what is written behind it: windows, subqueries, `offset`, `@`.
    mutating func postfix() throws(QueryError) -> Expression {
        var operand = try primary()
        while true {
            let token = current
            if token.isSymbol("[") {
                operand = try bracketed(operand)
            } else if token.isKeyword("offset") {
                _ = take()
                let offset = try durationOperand()
                try modify(&operand, token, "offset modifier") { part, at throws(QueryError) in
                    guard part.offset == nil else {
                        throw QueryError(
                            .badData, "offset may not be set multiple times", at: at)
                    }
                    part.offset = offset
                }
            } else if token.isSymbol("@") {
                _ = take()
                let time = try pinnedTime()
                try modify(&operand, token, "@ modifier") { part, at throws(QueryError) in
                    guard part.at == nil else {
                        throw QueryError(
                            .badData, "@ <timestamp> may not be set multiple times", at: at)
                    }
                    part.at = time
                }
            } else if token.isKeyword("anchored") || token.isKeyword("smoothed"),
                case .selector(var selector) = operand
            {
                _ = take()
                guard !selector.isAnchored, !selector.isSmoothed else {
                    throw QueryError(
                        .badData, "anchored and smoothed modifiers cannot be used together",
                        at: token.range.lowerBound)
                }
                if token.isKeyword("anchored") { selector.isAnchored = true }
                if token.isKeyword("smoothed") { selector.isSmoothed = true }
                selector.range = selector.range.lowerBound..<token.range.upperBound
                operand = .selector(selector)
            } else {
                return operand
            }
            try grow(to: height + 1)
        }
    }

    /// The parts of a selector or a subquery that modifiers set.
    private struct Modifiable {
        var offset: DurationExpression?
        var at: AtModifier?
    }

    private mutating func modify(
        _ operand: inout Expression, _ token: Token, _ name: String,
        _ change: (inout Modifiable, Int) throws(QueryError) -> Void
    ) throws(QueryError) {
        let start = token.range.lowerBound
        let end = tokens[max(at - 1, 0)].range.upperBound
        switch operand {
        case .selector(var selector):
            var part = Modifiable(offset: selector.offset, at: selector.at)
            try change(&part, start)
            (selector.offset, selector.at) = (part.offset, part.at)
            selector.range = selector.range.lowerBound..<end
            operand = .selector(selector)
        case .subquery(var subquery):
            var part = Modifiable(offset: subquery.offset, at: subquery.at)
            try change(&part, start)
            (subquery.offset, subquery.at) = (part.offset, part.at)
            subquery.range = subquery.range.lowerBound..<end
            operand = .subquery(subquery)
        default:
            throw QueryError(
                .badData,
                "\(name) must be preceded by an instant vector selector or range vector selector "
                    + "or a subquery", at: operand.range.lowerBound)
        }
    }

    private mutating func pinnedTime() throws(QueryError) -> AtModifier {
        if current.isKeyword("start") || current.isKeyword("end"), following.isSymbol("(") {
            let isStart = take().isKeyword("start")
            _ = take()
            try expect(")", "@")
            return isStart ? .start : .end
        }
        let place = current.range.lowerBound
        let isNegative = current.isSymbol("-")
        if isNegative || current.isSymbol("+") { _ = take() }
        guard let seconds = literal() else { throw unexpected("@", "timestamp") }
        let milliseconds = (isNegative ? -seconds : seconds) * 1000
        guard milliseconds.isFinite, abs(milliseconds) < 9e18 else {
            throw QueryError(
                .badData,
                "timestamp out of bounds for @ modifier: "
                    + Quoting.decimal(isNegative ? -seconds : seconds), at: place)
        }
        return .time(Milliseconds(milliseconds.rounded()))
    }

    /// `[5m]` or `[5m:1m]` behind `operand`.
    private mutating func bracketed(_ operand: Expression) throws(QueryError) -> Expression {
        let open = take()
        let window = try durationExpression()
        if let literal = window.literalMilliseconds, literal <= 0 {
            throw QueryError(
                .badData, "duration must be greater than 0", at: open.range.upperBound)
        }
        if current.isSymbol(":") {
            _ = take()
            let step = current.isSymbol("]") ? nil : try durationExpression()
            if let literal = step?.literalMilliseconds, literal <= 0 {
                throw QueryError(
                    .badData, "duration must be greater than 0", at: open.range.upperBound)
            }
            let close = current.range.upperBound
            try expect("]", "subquery selector")
            guard operand.type == .vector || operand.type == .scalar else {
                throw QueryError(
                    .badData,
                    "subquery is only allowed on instant vector, got \(operand.type.rawValue) "
                        + "instead", at: operand.range.lowerBound)
            }
            return .subquery(
                .init(
                    operand: operand, window: window, step: step,
                    range: operand.range.lowerBound..<close))
        }
        let close = current.range.upperBound
        try expect("]", "subquery or range")
        guard case .selector(var selector) = operand, selector.window == nil else {
            throw QueryError(
                .badData, "ranges only allowed for vector selectors", at: open.range.lowerBound)
        }
        guard selector.offset == nil else {
            throw QueryError(
                .badData, "no offset modifiers allowed before range", at: open.range.lowerBound)
        }
        guard selector.at == nil else {
            throw QueryError(
                .badData, "no @ modifiers allowed before range", at: open.range.lowerBound)
        }
        selector.window = window
        selector.range = selector.range.lowerBound..<close
        return .selector(selector)
    }

    private mutating func primary() throws(QueryError) -> Expression {
        let token = current
        height = 1
        switch token.kind {
        case .number, .duration:
            _ = take()
            return .number(token.value, isDuration: token.kind == .duration, token.range)
        case .string:
            _ = take()
            return .string(token.text, token.range)
        case .symbol where token.text == "(":
            _ = take()
            let inner = try nested { parser throws(QueryError) in try parser.expression() }
            let end = current.range.upperBound
            try expect(")", "parenthesized expression")
            return .paren(inner, token.range.lowerBound..<end)
        case .symbol where token.text == "{": return try selector(name: nil)
        case .identifier: return try word(token)
        default: throw unexpected("", "")
        }
    }

    /// An operand that begins with a word.
    private mutating func word(_ token: Token) throws(QueryError) -> Expression {
        let lower = token.text.lowercased()
        let isCall = following.isSymbol("(")
        let isGrouped = following.isKeyword("by") || following.isKeyword("without")
        if FunctionTable.aggregators.contains(lower), isCall || isGrouped {
            return try nested { parser throws(QueryError) in try parser.aggregation(token) }
        }
        if isCall {
            return try nested { parser throws(QueryError) in try parser.call(token) }
        }
        if lower == "inf" || lower == "nan", !following.isSymbol("{") {
            _ = take()
            return .number(lower == "inf" ? .infinity : .nan, isDuration: false, token.range)
        }
        _ = take()
        return try selector(name: token)
    }

    private mutating func call(_ token: Token) throws(QueryError) -> Expression {
        _ = take()
        guard FunctionTable.all[token.text] != nil else {
            throw QueryError(
                .badData, "unknown function with name \(Quoting.quote(token.text))",
                at: token.range.lowerBound)
        }
        let (arguments, end) = try arguments("function call")
        return .call(token.text, arguments, token.range.lowerBound..<end)
    }

    private mutating func arguments(
        _ context: String
    ) throws(QueryError) -> ([Expression], Int) {
        try expect("(", context)
        var arguments: [Expression] = []
        var tallest = 0
        while !current.isSymbol(")") {
            arguments.append(try expression())
            tallest = max(tallest, height)
            guard current.isSymbol(",") else { break }
            _ = take()
            if current.isSymbol(")") {
                throw QueryError(
                    .badData, "trailing commas not allowed in function call args",
                    at: current.range.lowerBound)
            }
        }
        height = tallest
        let end = current.range.upperBound
        try expect(")", context)
        return (arguments, end)
    }

    private mutating func aggregation(_ token: Token) throws(QueryError) -> Expression {
        _ = take()
        let name = token.text.lowercased()
        var grouping: [String] = []
        var isWithout = false
        var isGrouped = false
        func isModifier(_ token: Token) -> Bool {
            token.isKeyword("by") || token.isKeyword("without")
        }
        if isModifier(current) {
            isWithout = take().isKeyword("without")
            grouping = try labelList()
            isGrouped = true
        }
        var (arguments, end) = try arguments("aggregation")
        if !isGrouped, isModifier(current) {
            isWithout = take().isKeyword("without")
            grouping = try labelList()
            end = tokens[at - 1].range.upperBound
        }
        let takesParameter = FunctionTable.parameterised.contains(name)
        let range = token.range.lowerBound..<end
        guard !arguments.isEmpty else {
            throw QueryError(
                .badData, "no arguments for aggregate expression provided", at: range.lowerBound)
        }
        guard arguments.count == (takesParameter ? 2 : 1) else {
            throw QueryError(
                .badData,
                "wrong number of arguments for aggregate expression provided, expected "
                    + "\(takesParameter ? 2 : 1), got \(arguments.count)", at: range.lowerBound)
        }
        let operand = arguments.removeLast()
        return .aggregate(
            .init(
                name: name, operand: operand, parameter: arguments.first, grouping: grouping,
                isWithout: isWithout, range: range))
    }

    // MARK: Selectors

    private mutating func selector(name token: Token?) throws(QueryError) -> Expression {
        var selector = Expression.Selector(range: token?.range ?? current.range)
        if let token {
            selector.name = token.text
            selector.matchers.append(Matcher(Labels.metricName, .equal, token.text))
        }
        guard current.isSymbol("{") else { return .selector(selector) }
        _ = take()
        while !current.isSymbol("}") {
            try matcher(into: &selector, named: token != nil)
            guard current.isSymbol(",") else { break }
            _ = take()
        }
        selector.range = selector.range.lowerBound..<current.range.upperBound
        guard current.isSymbol("}") else {
            throw unexpected("label matching", "\",\" or \"}\"")
        }
        _ = take()
        return .selector(selector)
    }

    private mutating func matcher(
        into selector: inout Expression.Selector, named: Bool
    ) throws(QueryError) {
        guard current.kind == .identifier || current.kind == .string else {
            throw unexpected("label matching", "identifier or \"}\"")
        }
        let label = take()
        if label.kind == .string, current.isSymbol(",") || current.isSymbol("}") {
            guard selector.name.isEmpty else {
                throw QueryError(
                    .badData,
                    "metric name must not be set twice: \(Quoting.quote(selector.name)) or "
                        + Quoting.quote(label.text), at: label.range.lowerBound)
            }
            selector.name = label.text
            selector.matchers.append(Matcher(Labels.metricName, .equal, label.text))
            return
        }
        guard current.kind == .symbol, let operation = Matcher.Operation(rawValue: current.text)
        else { throw unexpected("label matching", "label matching operator") }
        _ = take()
        guard current.kind == .string else { throw unexpected("label matching", "string") }
        let value = take()
        if named, label.text == Labels.metricName {
            throw QueryError(
                .badData,
                "metric name must not be set twice: \(Quoting.quote(selector.name)) or "
                    + Quoting.quote(value.text), at: label.range.lowerBound)
        }
        selector.matchers.append(Matcher(label.text, operation, value.text))
    }

    // MARK: Durations

    /// What may follow `offset`: a literal with or without a sign, `step()`, `range()`, `min_of`,
    /// `max_of`, or an expression in parentheses. Operators behind it belong to the query.
    private mutating func durationOperand() throws(QueryError) -> DurationExpression {
        if current.isSymbol("-") {
            _ = take()
            return .negative(try durationOperand(signed: true))
        }
        if current.isSymbol("+") { _ = take() }
        return try durationOperand(signed: true)
    }

    private mutating func durationOperand(
        signed: Bool
    ) throws(QueryError) -> DurationExpression {
        let token = current
        switch token.kind {
        case .number, .duration:
            _ = take()
            guard token.value.isFinite,
                abs(token.value) * 1000 <= Double(PromQLDuration.longest)
            else {
                throw QueryError(.badData, "duration out of range", at: token.range.lowerBound)
            }
            return .literal(token.value, isDuration: token.kind == .duration)
        case .identifier:
            let name = token.text.lowercased()
            switch name {
            case "step", "range":
                _ = take()
                try expect("(", "duration")
                try expect(")", "duration")
                return .parameter(name)
            case "min_of", "max_of":
                _ = take()
                try expect("(", "duration")
                let first = try durationExpression()
                try expect(",", "duration")
                let second = try durationExpression()
                try expect(")", "duration")
                return .call(name, first, second)
            default: throw unexpected("duration expression", "duration")
            }
        case .symbol where token.text == "(":
            _ = take()
            let inner = try durationExpression()
            try expect(")", "duration")
            return .paren(inner)
        default: throw unexpected("duration expression", "duration")
        }
    }

    /// Arithmetic over durations, with PromQL's precedences.
    private mutating func durationExpression(
        _ least: Int = 1
    ) throws(QueryError) -> DurationExpression {
        try nested { parser throws(QueryError) in
            var left: DurationExpression
            if parser.current.isSymbol("-") {
                _ = parser.take()
                left = .negative(try parser.durationExpression(3))
            } else {
                if parser.current.isSymbol("+") { _ = parser.take() }
                left = try parser.durationOperand(signed: true)
            }
            var chain = 0
            while parser.current.kind == .symbol, chain < Self.maxDepth {
                let symbol = parser.current.text
                let precedence =
                    switch symbol {
                    case "+", "-": 1
                    case "*", "/", "%": 2
                    case "^": 3
                    default: 0
                    }
                guard precedence >= least, precedence > 0 else { break }
                chain += 1
                _ = parser.take()
                let right = try parser.durationExpression(
                    symbol == "^" ? precedence : precedence + 1)
                left = .binary(symbol, left, right)
            }
            return left
        }
    }
}
