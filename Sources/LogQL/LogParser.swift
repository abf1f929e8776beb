// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL

/// Reads a query by recursive descent, operators by precedence climbing.
///
/// Nesting is bounded, so that no text can exhaust the stack of whoever parses, evaluates or
/// releases the tree. Expressions, patterns, paths and addresses are tried here, so that what is
/// wrong with them has a place.
public struct LogParser {
    private var tokens: [Token]
    private var at = 0
    private var depth = 0

    /// Levels of parentheses, calls and operators one query may have.
    static let maxDepth = 100
    /// Stages one pipeline may have.
    static let maxStages = 200

    private init(_ text: String) throws(QueryError) { tokens = try Lexer.tokens(text) }

    /// The query in `text`. Throws with line and column.
    public static func parse(_ text: String) throws(QueryError) -> LogExpression {
        try run(text) { parser throws(QueryError) in
            parser.startsPipeline
                ? .lines(try parser.pipelineInParentheses()) : .metric(try parser.metric())
        }
    }

    /// The query in `text`, which must be one for lines.
    public static func pipeline(_ text: String) throws(QueryError) -> LogPipeline {
        guard case .lines(let pipeline) = try parse(text) else {
            throw QueryError(.badData, "only a query for lines can be used here")
        }
        return pipeline
    }

    /// The conditions of a stream selector; all streams for `{}`.
    public static func matchers(_ text: String) throws(QueryError) -> [Matcher] {
        try run(text) { parser throws(QueryError) in try parser.selector(orEmpty: true) }
    }

    private static func run<T>(
        _ text: String, _ body: (inout LogParser) throws(QueryError) -> T
    ) throws(QueryError) -> T {
        do throws(QueryError) {
            var parser = try LogParser(text)
            let result = try body(&parser)
            guard parser.current.kind == .end else { throw parser.unexpected("") }
            return result
        } catch {
            guard let position = error.position else { throw error }
            let place = QueryError.place(of: position, in: text)
            throw QueryError(
                error.kind,
                "parse error at line \(place.line), col \(place.column): \(error.message)",
                at: position)
        }
    }

    // MARK: Tokens

    var current: Token { tokens[at] }
    var following: Token { tokens[min(at + 1, tokens.count - 1)] }

    mutating func take() -> Token {
        defer { if at + 1 < tokens.count { at += 1 } }
        return tokens[at]
    }

    mutating func expect(_ symbol: String) throws(QueryError) {
        guard current.isSymbol(symbol) else { throw unexpected("\"\(symbol)\"") }
        _ = take()
    }

    /// Takes a symbol if it is there.
    mutating func takes(_ symbol: String) -> Bool {
        guard current.isSymbol(symbol) else { return false }
        _ = take()
        return true
    }

    func unexpected(_ wanted: String) -> QueryError {
        fail(
            "syntax error: unexpected \(current.described)"
                + (wanted.isEmpty ? "" : ", expecting \(wanted)"))
    }

    func fail(_ message: String, _ token: Token? = nil) -> QueryError {
        QueryError(.badData, message, at: (token ?? current).range.lowerBound)
    }

    mutating func text() throws(QueryError) -> Token {
        guard current.kind == .string else { throw unexpected("a string") }
        return take()
    }

    mutating func identifier() throws(QueryError) -> String {
        guard current.kind == .identifier else { throw unexpected("a label") }
        return take().text
    }

    /// Runs `body` one level deeper.
    mutating func nested<T>(
        _ body: (inout LogParser) throws(QueryError) -> T
    ) throws(QueryError) -> T {
        guard depth < Self.maxDepth else {
            throw fail("the query is nested deeper than \(Self.maxDepth) levels")
        }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    /// Items with commas between.
    mutating func list<T>(
        _ item: (inout LogParser) throws(QueryError) -> T
    ) throws(QueryError) -> [T] {
        var result = [try item(&self)]
        while takes(",") { result.append(try item(&self)) }
        return result
    }

    /// `(a, b)`, which may be empty.
    mutating func labelList() throws(QueryError) -> [String] {
        try expect("(")
        if takes(")") { return [] }
        let labels = try list { parser throws(QueryError) in try parser.identifier() }
        try expect(")")
        return labels
    }

    /// A number with or without a sign.
    mutating func number() throws(QueryError) -> Double {
        let isNegative = current.isSymbol("-")
        if isNegative || current.isSymbol("+") { _ = take() }
        guard current.kind == .number else { throw unexpected("a number") }
        let value = take().value
        return isNegative ? -value : value
    }

    // MARK: Selectors

    /// Whether what follows is a query for lines, in parentheses or not.
    private var startsPipeline: Bool {
        tokens[at...].first { !$0.isSymbol("(") }?.isSymbol("{") ?? false
    }

    private mutating func pipelineInParentheses() throws(QueryError) -> LogPipeline {
        guard takes("(") else {
            var pipeline = LogPipeline(matchers: try selector())
            while let stage = try stage(after: pipeline.stages.count) {
                pipeline.stages.append(stage)
            }
            return pipeline
        }
        let inner = try nested { parser throws(QueryError) in try parser.pipelineInParentheses() }
        try expect(")")
        return inner
    }

    /// `{app="web", stream!~"std.*"}`.
    mutating func selector(orEmpty: Bool = false) throws(QueryError) -> [Matcher] {
        let start = current
        try expect("{")
        var matchers: [Matcher] = []
        if !current.isSymbol("}") {
            matchers = try list { parser throws(QueryError) in
                let name = try parser.identifier()
                guard let matcher = try parser.matcher(on: name) else {
                    throw parser.unexpected("\"=\", \"!=\", \"=~\" or \"!~\"")
                }
                return matcher
            }
        }
        try expect("}")
        guard orEmpty || matchers.contains(where: MatcherRules.excludesEmpty) else {
            throw fail(
                "queries require at least one regexp or equality matcher that does not have an "
                    + "empty-compatible value. For instance, app=~\".*\" does not meet this "
                    + "requirement, but app=~\".+\" will", start)
        }
        return matchers
    }

    /// What follows a label's name, if it is a comparison with a string.
    mutating func matcher(on name: String) throws(QueryError) -> Matcher? {
        guard current.kind == .symbol, following.kind == .string,
            let operation = Matcher.Operation(rawValue: current.text)
        else { return nil }
        _ = take()
        let value = take()
        if operation == .matches || operation == .matchesNot,
            let reason = MatcherRules.refusal(value.text)
        {
            throw fail(reason, value)
        }
        return Matcher(name, operation, value.text)
    }
}
