// SPDX-License-Identifier: Apache-2.0

import Model

/// Whether an expression makes sense, in the words of Prometheus (`promql/parser/parse.go`).
enum TypeCheck {
    static let setOperators: Set<String> = ["and", "or", "unless"]
    static let comparisons: Set<String> = ["==", "!=", "<=", "<", ">=", ">"]

    /// Checks the whole tree.
    static func check(_ expression: Expression) throws(QueryError) {
        switch expression {
        case .number, .string: return
        case .paren(let inner, _), .unary(_, let inner, _): try check(inner)
        case .binary(let binary):
            try check(binary.left)
            try check(binary.right)
        case .call(let name, let arguments, let range): try check(name, arguments, range)
        case .aggregate(let aggregate): try check(aggregate)
        case .selector(let selector): try check(selector)
        case .subquery(let subquery): try check(subquery.operand)
        }
    }

    private static func expect(
        _ type: ValueType, _ expression: Expression, _ context: String
    ) throws(QueryError) {
        guard expression.type == type else {
            throw QueryError(
                .badData,
                "expected type \(type.documented) in \(context), got "
                    + expression.type.documented, at: expression.range.lowerBound)
        }
    }

    /// Checks the operands of an operator and settles how they match.
    static func checkOperands(
        _ binary: inout Expression.Binary, hasMatching: Bool
    ) throws(QueryError) {
        let (left, right) = (binary.left.type, binary.right.type)
        func fail(_ message: String, _ place: Expression? = nil) -> QueryError {
            QueryError(
                .badData, message, at: place?.range.lowerBound ?? binary.left.range.lowerBound)
        }
        let isSet = setOperators.contains(binary.symbol)
        if left == .scalar, right == .scalar, comparisons.contains(binary.symbol),
            !binary.returnsBool
        {
            throw QueryError(
                .badData, "comparisons between scalars must use BOOL modifier",
                at: binary.operatorRange.lowerBound)
        }
        for operand in [binary.left, binary.right]
        where operand.type != .scalar && operand.type != .vector {
            throw fail(
                "binary expression must contain only scalar and instant vector types", operand)
        }
        if left == .vector, right == .vector {
            if let matching = binary.matching, matching.isOn,
                let both = matching.include.first(where: { matching.labels.contains($0) })
            {
                throw fail("label \"\(both)\" must not occur in ON and GROUP clause at once")
            }
            return
        }
        if isSet {
            throw fail("set operator \"\(binary.symbol)\" not allowed in binary scalar expression")
        }
        if hasMatching, binary.matching?.labels.isEmpty == false {
            throw fail("vector matching only allowed between instant vectors")
        }
        if binary.matching?.fillLeft != nil || binary.matching?.fillRight != nil {
            throw fail("filling in missing series only allowed between instant vectors")
        }
        binary.matching = nil
    }

    private static func check(
        _ name: String, _ arguments: [Expression], _ range: Range<Int>
    ) throws(QueryError) {
        guard let signature = FunctionTable.all[name] else { return }
        let known = signature.arguments.count
        func fail(_ wanted: String) -> QueryError {
            QueryError(
                .badData,
                "expected \(wanted) argument(s) in call to \"\(name)\", got \(arguments.count)",
                at: range.lowerBound)
        }
        if signature.variadic == 0 {
            guard arguments.count == known else { throw fail("\(known)") }
        } else {
            guard arguments.count >= known - 1 else { throw fail("at least \(known - 1)") }
            let most = known + signature.variadic - 1
            if signature.variadic > 0, arguments.count > most { throw fail("at most \(most)") }
        }
        for (i, argument) in arguments.enumerated() {
            try check(argument)
            try expect(
                signature.arguments[min(i, known - 1)], argument, "call to function \"\(name)\"")
        }
        try checkExtended(name, arguments)
    }

    /// `anchored` and `smoothed` make sense only for what reads the edges of a window.
    private static func checkExtended(
        _ name: String, _ arguments: [Expression]
    ) throws(QueryError) {
        for argument in arguments {
            guard case .selector(let selector) = argument.unwrapped, selector.window != nil else {
                continue
            }
            let anchored: Set<String> = ["rate", "increase", "delta", "resets", "changes"]
            if selector.isAnchored, !anchored.contains(name) {
                throw QueryError(
                    .badData,
                    "anchored modifier can only be used with: changes, delta, increase, rate, "
                        + "resets - not with \(name)", at: selector.range.lowerBound)
            }
            if selector.isSmoothed, !["rate", "increase", "delta"].contains(name) {
                throw QueryError(
                    .badData,
                    "smoothed modifier can only be used with: delta, increase, rate - not with "
                        + name, at: selector.range.lowerBound)
            }
        }
    }

    private static func check(_ aggregate: Expression.Aggregate) throws(QueryError) {
        try expect(.vector, aggregate.operand, "aggregation expression")
        try check(aggregate.operand)
        guard let parameter = aggregate.parameter else { return }
        try check(parameter)
        try expect(
            aggregate.name == "count_values" ? .string : .scalar, parameter,
            "aggregation parameter")
    }

    private static func check(_ selector: Expression.Selector) throws(QueryError) {
        if selector.window == nil, selector.isAnchored {
            throw QueryError(
                .badData, "anchored modifier is only allowed for range vector selectors",
                at: selector.range.lowerBound)
        }
        for matcher in selector.matchers
        where matcher.operation == .matches || matcher.operation == .matchesNot {
            if let reason = MatcherRules.refusal(matcher.value) {
                throw QueryError(.badData, reason, at: selector.range.lowerBound)
            }
        }
        guard selector.matchers.contains(where: MatcherRules.excludesEmpty) else {
            throw QueryError(
                .badData, "vector selector must contain at least one non-empty matcher",
                at: selector.range.lowerBound)
        }
    }
}
