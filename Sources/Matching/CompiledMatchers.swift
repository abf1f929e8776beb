// SPDX-License-Identifier: Apache-2.0

public import Model

/// The matchers of a selector, ready to be tried on label sets.
public struct CompiledMatchers: Sendable {
    private struct One: Sendable {
        let name: String
        let value: String
        let pattern: Pattern?
        let wants: Bool
    }

    private let matchers: [One]

    /// The metric name, when the matchers ask for exactly one.
    public let metricName: String?

    /// The only values that the label `name` may have, when a matcher lists them; nil when the
    /// matchers do not say. The empty string among them stands for series without the label.
    public func candidates(for name: String) -> Set<String>? {
        var candidates: Set<String>?
        for matcher in matchers where matcher.name == name && matcher.wants {
            guard let texts = matcher.pattern.map({ $0.alternatives }) ?? [matcher.value] else {
                continue
            }
            candidates = candidates.map { $0.intersection(texts) } ?? texts
        }
        return candidates
    }

    /// Compiles the matchers; throws for an expression that RE2 refuses.
    public init(_ matchers: [Matcher]) throws(PatternError) {
        var compiled: [One] = []
        var metricName: String?
        for matcher in matchers {
            let isPattern = matcher.operation == .matches || matcher.operation == .matchesNot
            compiled.append(
                One(
                    name: matcher.name, value: matcher.value,
                    pattern: isPattern ? try Pattern(matcher.value) : nil,
                    wants: matcher.operation == .equal || matcher.operation == .matches))
            if matcher.name == Labels.metricName, matcher.operation == .equal {
                metricName = matcher.value
            }
        }
        self.matchers = compiled
        self.metricName = metricName
    }

    /// Whether `labels` satisfy every matcher. A label that is not there is empty.
    public func match(_ labels: Labels) -> Bool {
        matchers.allSatisfy { matcher in
            let value = labels[matcher.name]
            let isEqual = matcher.pattern.map { $0.matches(value) } ?? (value == matcher.value)
            return isEqual == matcher.wants
        }
    }
}
