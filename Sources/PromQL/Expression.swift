// SPDX-License-Identifier: Apache-2.0

import Model

/// A parsed expression: a selector, a function of a range selector, or a number.
indirect enum Expression {
    case number(Double)
    case selector([Matcher])
    case range(RangeFunction, [Matcher], window: Milliseconds)
}

/// The functions of a range selector.
enum RangeFunction: String, CaseIterable {
    case rate
    case increase
    case minOverTime = "min_over_time"
    case maxOverTime = "max_over_time"
    case avgOverTime = "avg_over_time"
    case sumOverTime = "sum_over_time"
    case countOverTime = "count_over_time"
    case lastOverTime = "last_over_time"
}

/// Reads an expression.
struct Parser {
    private let tokens: [Token]
    private var at = 0

    init(_ text: String) throws(QueryError) {
        var lexer = Lexer(text)
        tokens = try lexer.tokens()
    }

    static func parse(_ text: String) throws(QueryError) -> Expression {
        do {
            var parser = try Parser(text)
            return try parser.whole()
        } catch { throw error.located(in: text) }
    }

    static func selector(_ text: String) throws(QueryError) -> [Matcher] {
        guard case .selector(let matchers) = try parse(text) else {
            throw QueryError(.badData, "not a series selector: \(text)")
        }
        return matchers
    }

    private mutating func whole() throws(QueryError) -> Expression {
        let expression = try expression()
        guard current.kind == .end else { throw unexpected("end of the expression") }
        return expression
    }

    private var current: Token { tokens[at] }

    private mutating func expression() throws(QueryError) -> Expression {
        switch current.kind {
        case .number(let value):
            at += 1
            return .number(value)
        case .identifier(let name) where tokens[at + 1].kind == .symbol("("):
            return try call(name)
        default: return .selector(try selector())
        }
    }

    private mutating func call(_ name: String) throws(QueryError) -> Expression {
        guard let function = RangeFunction(rawValue: name) else {
            throw QueryError(
                .badData, "unknown function with name \"\(name)\"", at: current.position)
        }
        at += 2
        let matchers = try selector()
        try expect("[")
        guard case .duration(let window) = current.kind, window > 0 else {
            throw unexpected("a duration")
        }
        at += 1
        try expect("]")
        try expect(")")
        return .range(function, matchers, window: window)
    }

    private mutating func selector() throws(QueryError) -> [Matcher] {
        let start = current.position
        var matchers: [Matcher] = []
        if case .identifier(let name) = current.kind {
            at += 1
            matchers.append(Matcher(Labels.metricName, .equal, name))
        } else if current.kind != .symbol("{") {
            throw unexpected("a selector")
        }
        if current.kind == .symbol("{") {
            at += 1
            while current.kind != .symbol("}") {
                matchers.append(try matcher())
                if current.kind == .symbol(",") { at += 1 } else { break }
            }
            try expect("}")
        }
        guard
            matchers.contains(where: { $0.operation == .equal && !$0.value.isEmpty })
                || matchers.contains(where: { $0.operation == .matches && $0.value != ".*" })
        else {
            throw QueryError(
                .badData, "vector selector must contain at least one non-empty matcher", at: start)
        }
        return matchers
    }

    private mutating func matcher() throws(QueryError) -> Matcher {
        guard case .identifier(let name) = current.kind else { throw unexpected("a label's name") }
        at += 1
        guard case .symbol(let symbol) = current.kind,
            let operation = Matcher.Operation(rawValue: symbol)
        else { throw unexpected("one of = != =~ !~") }
        at += 1
        guard case .string(let value) = current.kind else { throw unexpected("a quoted string") }
        at += 1
        return Matcher(name, operation, value)
    }

    private mutating func expect(_ symbol: String) throws(QueryError) {
        guard current.kind == .symbol(symbol) else { throw unexpected("\"\(symbol)\"") }
        at += 1
    }

    private func unexpected(_ wanted: String) -> QueryError {
        let found =
            switch current.kind {
            case .identifier(let text): "identifier \"\(text)\""
            case .string(let text): "string \"\(text.prefix(40))\""
            case .number(let value): "number \(value)"
            case .duration: "duration"
            case .symbol(let text): "\"\(text)\""
            case .end: "end of input"
            }
        return QueryError(.badData, "unexpected \(found), expected \(wanted)", at: current.position)
    }
}
