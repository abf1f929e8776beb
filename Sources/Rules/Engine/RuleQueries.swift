// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL

/// How expressions of rules are evaluated, in each language there is.
public struct RuleQueries: Sendable {
    /// Evaluates an expression at one time. Blocks.
    public typealias Query =
        @Sendable (_ expression: String, _ time: Milliseconds) throws(QueryError) -> QueryResult

    /// Evaluates PromQL that was parsed before.
    let promQL: @Sendable (String, Expression?, Milliseconds) throws(QueryError) -> QueryResult
    /// Evaluates LogQL; nil when there are no logs to ask.
    var logQL: Query?

    /// PromQL by `engine`, LogQL by `logQL`.
    public init(engine: Engine, options: QueryOptions = QueryOptions(), logQL: Query? = nil) {
        promQL = { text, parsed, time throws(QueryError) in
            guard let parsed else { return try engine.instant(text, at: time, options: options) }
            return try engine.instant(parsed, of: text, at: time, options: options)
        }
        self.logQL = logQL
    }

    /// The series that `rule`'s expression yields at `time`; a scalar is a series without labels.
    func vector(
        _ rule: Rule, in language: RuleLanguage, at time: Milliseconds
    ) throws(QueryError) -> [VectorSample] {
        let result: QueryResult
        switch language {
        case .promQL: result = try promQL(rule.expression, rule.parsed, time)
        case .logQL:
            guard let logQL else {
                throw QueryError(
                    .execution, "rules over logs need the logs, which are not kept (logs.enabled)")
            }
            result = try logQL(rule.expression, time)
        }
        switch result.value {
        case .vector(let samples): return samples
        case .scalar(let point): return [VectorSample(labels: [:], point: point)]
        case .string, .matrix:
            throw QueryError(.execution, "rule result is not a vector or scalar")
        }
    }
}
