// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// Says which alerts are kept quiet by others that fire.
struct Inhibitor: Sendable {
    private struct Rule: Sendable {
        let source: CompiledMatchers
        let target: CompiledMatchers
        let equal: [String]
    }

    private let rules: [Rule]

    /// Compiles the rules; throws for an expression that RE2 refuses.
    init(_ rules: [InhibitRule]) throws(PatternError) {
        var compiled: [Rule] = []
        for rule in rules {
            compiled.append(
                Rule(
                    source: try CompiledMatchers(rule.source),
                    target: try CompiledMatchers(rule.target), equal: rule.equal))
        }
        self.rules = compiled
    }

    /// Whether one of `firing` keeps an alert of these labels quiet. An alert that is both source
    /// and target is not kept quiet by another such one, as in Alertmanager, or both would be.
    func inhibits(_ labels: Labels, by firing: some Sequence<Alert>) -> Bool {
        rules.contains { rule in
            guard rule.target.match(labels) else { return false }
            let isBoth = rule.source.match(labels)
            return firing.contains { source in
                rule.source.match(source.labels)
                    && rule.equal.allSatisfy { source.labels[$0] == labels[$0] }
                    && !(isBoth && rule.target.match(source.labels))
            }
        }
    }
}
