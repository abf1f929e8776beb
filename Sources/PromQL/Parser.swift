// SPDX-License-Identifier: Apache-2.0

import Model

/// Reads an expression: operators by precedence climbing, everything else by recursive descent.
///
/// Nesting is bounded, so that no text can exhaust the stack of whoever parses, evaluates or
/// releases the tree.
public struct Parser {
    var tokens: [Token]
    var at = 0
    private var depth = 0
    /// Levels of the tree that was read last.
    var height = 0

    /// Levels of parentheses, calls and operators one expression may have.
    static let maxDepth = 120

    private init(_ text: String) throws(QueryError) { tokens = try Lexer.tokens(text) }

    /// The expression in `text`, its types checked. Throws with line and column.
    public static func parse(_ text: String) throws(QueryError) -> Expression {
        do throws(QueryError) {
            var parser = try Parser(text)
            guard parser.current.kind != .end else {
                throw QueryError(.badData, "no expression found in input", at: 0)
            }
            let expression = try parser.expression()
            guard parser.current.kind == .end else { throw parser.unexpected("", "") }
            try TypeCheck.check(expression)
            return expression
        } catch { throw error.located(in: text) }
    }

    /// The matchers of the selector in `text`, as `match[]` has them.
    static func selector(_ text: String) throws(QueryError) -> [Matcher] {
        guard case .selector(let selector) = try parse(text), selector.window == nil,
            selector.offset == nil, selector.at == nil
        else {
            throw QueryError(.badData, "not a series selector: \(text)")
        }
        return selector.matchers
    }

    // MARK: Tokens

    var current: Token { tokens[at] }
    var following: Token { tokens[min(at + 1, tokens.count - 1)] }

    mutating func take() -> Token {
        defer { if at + 1 < tokens.count { at += 1 } }
        return tokens[at]
    }

    mutating func expect(_ symbol: String, _ context: String) throws(QueryError) {
        guard current.isSymbol(symbol) else { throw unexpected(context, "\"\(symbol)\"") }
        _ = take()
    }

    func unexpected(_ context: String, _ wanted: String) -> QueryError {
        var text = "unexpected \(current.described)"
        if !context.isEmpty { text += " in \(context)" }
        if !wanted.isEmpty { text += ", expected \(wanted)" }
        return QueryError(.badData, text, at: current.range.lowerBound)
    }

    /// Runs `body` one level deeper.
    mutating func nested<T>(
        _ body: (inout Parser) throws(QueryError) -> T
    ) throws(QueryError) -> T {
        guard depth < Self.maxDepth else {
            throw QueryError(
                .badData, "expression is nested deeper than \(Self.maxDepth) levels",
                at: current.range.lowerBound)
        }
        depth += 1
        defer { depth -= 1 }
        let result = try body(&self)
        try grow(to: height + 1)
        return result
    }

    /// Says that the tree read last has so many levels.
    mutating func grow(to levels: Int) throws(QueryError) {
        height = levels
        guard levels <= Self.maxDepth else {
            throw QueryError(
                .badData, "expression has more than \(Self.maxDepth) levels",
                at: current.range.lowerBound)
        }
    }

    // MARK: Operators

    /// Precedence of an operator, 0 for what is none. `^` binds to the right.
    private static func precedence(_ token: Token) -> Int {
        switch token.kind {
        case .symbol:
            switch token.text {
            case "==", "!=", "<=", "<", ">=", ">": 3
            case "+", "-": 4
            case "*", "/", "%": 5
            case "^": 6
            default: 0
            }
        case .identifier:
            switch token.text.lowercased() {
            case "or": 1
            case "and", "unless": 2
            case "atan2": 5
            default: 0
            }
        default: 0
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    mutating func expression(_ least: Int = 1) throws(QueryError) -> Expression {
        var left = try unary()
        while true {
            let operation = current
            let precedence = Self.precedence(operation)
            guard precedence >= least, precedence > 0 else { return left }
            let leftHeight = height
            _ = take()
            let symbol = operation.text.lowercased()
            let (returnsBool, matching, hasMatching) = try modifiers(of: symbol)
            let right = try nested { parser throws(QueryError) in
                try parser.expression(symbol == "^" ? precedence : precedence + 1)
            }
            var binary = Expression.Binary(
                symbol: symbol, left: left, right: right, returnsBool: returnsBool,
                matching: matching, operatorRange: operation.range)
            try TypeCheck.checkOperands(&binary, hasMatching: hasMatching)
            try grow(to: max(leftHeight + 1, height))
            left = .binary(binary)
        }
    }

    /// A sign binds as tightly as `*`, so `-2 ^ 2` is -4; a signed number is a number.
    private mutating func unary() throws(QueryError) -> Expression {
        guard current.isSymbol("-") || current.isSymbol("+") else { return try postfix() }
        let sign = take()
        let operand = try nested { parser throws(QueryError) in try parser.expression(6) }
        let range = sign.range.lowerBound..<operand.range.upperBound
        if case .number(let value, let isDuration, _) = operand {
            return .number(sign.text == "-" ? -value : value, isDuration: isDuration, range)
        }
        guard operand.type == .scalar || operand.type == .vector else {
            throw QueryError(
                .badData,
                "unary expression only allowed on expressions of type scalar or instant vector, "
                    + "got \"\(operand.type.documented)\"", at: sign.range.lowerBound)
        }
        return .unary(sign.text, operand, range)
    }

    /// What may stand between an operator and its right operand.
    private mutating func modifiers(
        of symbol: String
    ) throws(QueryError) -> (Bool, Expression.Matching, Bool) {
        var matching = Expression.Matching()
        var hasMatching = false
        let isSet = TypeCheck.setOperators.contains(symbol)
        if isSet { matching.cardinality = .manyToMany }
        let boolToken = current
        let returnsBool = boolToken.isKeyword("bool")
        if returnsBool {
            _ = take()
            guard TypeCheck.comparisons.contains(symbol) else {
                throw QueryError(
                    .badData, "bool modifier can only be used on comparison operators",
                    at: boolToken.range.lowerBound)
            }
        }
        if current.isKeyword("on") || current.isKeyword("ignoring"), following.isSymbol("(") {
            matching.isOn = take().isKeyword("on")
            matching.labels = try labelList()
            hasMatching = true
            if current.isKeyword("group_left") || current.isKeyword("group_right") {
                let group = take()
                if isSet {
                    throw QueryError(
                        .badData, "no grouping allowed for \"\(symbol)\" operation",
                        at: group.range.lowerBound)
                }
                matching.cardinality = group.isKeyword("group_left") ? .manyToOne : .oneToMany
                if current.isSymbol("(") { matching.include = try labelList() }
            }
        }
        try fills(into: &matching, isSet: isSet)
        return (returnsBool, matching, hasMatching)
    }

    private mutating func fills(
        into matching: inout Expression.Matching, isSet: Bool
    ) throws(QueryError) {
        while current.kind == .identifier,
            ["fill", "fill_left", "fill_right"].contains(current.text.lowercased()),
            following.isSymbol("(")
        {
            let word = take()
            if isSet {
                throw QueryError(
                    .badData, "filling in missing series not allowed for set operators",
                    at: word.range.lowerBound)
            }
            try expect("(", "fill modifier")
            let sign = current.isSymbol("-") ? -1.0 : 1.0
            if current.isSymbol("-") || current.isSymbol("+") { _ = take() }
            guard let value = literal() else { throw unexpected("fill modifier", "number") }
            try expect(")", "fill modifier")
            if !word.isKeyword("fill_right") { matching.fillLeft = sign * value }
            if !word.isKeyword("fill_left") { matching.fillRight = sign * value }
        }
    }

    /// A number or duration literal, taken when there is one.
    mutating func literal() -> Double? {
        switch current.kind {
        case .number, .duration: return take().value
        case .identifier:
            switch current.text.lowercased() {
            case "inf":
                _ = take()
                return .infinity
            case "nan":
                _ = take()
                return .nan
            default: return nil
            }
        default: return nil
        }
    }

    /// `(a, b, "c d")`.
    mutating func labelList() throws(QueryError) -> [String] {
        try expect("(", "grouping opts")
        var labels: [String] = []
        while !current.isSymbol(")") {
            guard current.kind == .identifier || current.kind == .string,
                !current.text.isEmpty,
                !current.text.utf8.contains(UInt8(ascii: ":"))
                    || current.kind == .string
            else { throw unexpected("grouping opts", "label") }
            labels.append(take().text)
            guard current.isSymbol(",") else { break }
            _ = take()
        }
        guard current.isSymbol(")") else { throw unexpected("grouping opts", "\",\" or \")\"") }
        _ = take()
        return labels
    }
}
