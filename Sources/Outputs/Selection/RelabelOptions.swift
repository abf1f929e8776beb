// SPDX-License-Identifier: Apache-2.0

public import Matching

/// A rule of relabelling as the configuration has it; `RelabelRule` says what the parts mean.
public struct RelabelOptions: Hashable, Sendable {
    /// What it does.
    public var action = RelabelRule.Action.replace
    /// The labels that are looked at.
    public var sourceLabels: [String] = []
    /// Stands between their values.
    public var separator = ";"
    /// The label that is set.
    public var targetLabel = ""
    /// What it is set to.
    public var replacement = "$1"
    /// How many values `hashmod` gives.
    public var modulus: UInt64 = 0
    /// The expression that must match.
    public var regex = "(.*)"

    /// A rule with Prometheus' defaults.
    public init() {}

    /// The rule. Throws for an expression that RE2 refuses.
    public func rule() throws(PatternError) -> RelabelRule {
        var rule = RelabelRule(regex: try Pattern(regex))
        rule.action = action
        rule.sourceLabels = sourceLabels
        rule.separator = separator
        rule.targetLabel = targetLabel
        rule.replacement = replacement
        rule.modulus = modulus
        return rule
    }
}
