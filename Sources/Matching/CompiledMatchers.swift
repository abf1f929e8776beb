// SPDX-License-Identifier: Apache-2.0

public import Model

/// The matchers of a selector, ready to be tried on label sets.
public struct CompiledMatchers: Sendable {
    /// One matcher, ready to be tried on the values of its label.
    public struct Condition: Sendable {
        /// The label it is about.
        public let name: String
        private let value: String
        private let pattern: Pattern?
        private let wants: Bool

        fileprivate init(_ matcher: Matcher) throws(PatternError) {
            name = matcher.name
            value = matcher.value
            let isPattern = matcher.operation == .matches || matcher.operation == .matchesNot
            pattern = isPattern ? try Pattern(matcher.value) : nil
            wants = matcher.operation == .equal || matcher.operation == .matches
        }

        /// Whether a label of this value satisfies the matcher; the empty string stands for a
        /// label that is not there.
        public func holds(for value: String) -> Bool {
            (pattern.map { $0.matches(value) } ?? (value == self.value)) == wants
        }

        /// The only values that satisfy the matcher, when it lists them.
        public var values: Set<String>? {
            guard wants else { return nil }
            guard let pattern else { return [value] }
            return pattern.alternatives
        }

        /// The only values that do not satisfy the matcher, when it lists them.
        public var exceptions: Set<String>? {
            guard !wants else { return nil }
            guard let pattern else { return [value] }
            return pattern.alternatives
        }

        /// The value asked for, when it is exactly one.
        fileprivate var exact: String? { wants && pattern == nil ? value : nil }
    }

    /// All that a label set has to satisfy.
    public let conditions: [Condition]

    /// The metric name, when the matchers ask for exactly one.
    public let metricName: String?

    /// The only values that the label `name` may have, when a matcher lists them; nil when the
    /// matchers do not say. The empty string among them stands for series without the label.
    public func candidates(for name: String) -> Set<String>? {
        var candidates: Set<String>?
        for condition in conditions where condition.name == name {
            guard let values = condition.values else { continue }
            candidates = candidates.map { $0.intersection(values) } ?? values
        }
        return candidates
    }

    /// Compiles the matchers; throws for an expression that RE2 refuses.
    public init(_ matchers: [Matcher]) throws(PatternError) {
        var conditions: [Condition] = []
        for matcher in matchers { conditions.append(try Condition(matcher)) }
        self.conditions = conditions
        metricName = conditions.last { $0.name == Labels.metricName && $0.exact != nil }?.exact
    }

    /// Whether `labels` satisfy every matcher. A label that is not there is empty.
    public func match(_ labels: Labels) -> Bool {
        conditions.allSatisfy { $0.holds(for: labels[$0.name]) }
    }
}
