// SPDX-License-Identifier: Apache-2.0

public import Model

/// What the last evaluation of a rule came to.
public struct RuleStatus: Sendable {
    /// Whether the last evaluation went well.
    public enum Health: String, Sendable {
        /// It has not been evaluated.
        case unknown
        /// It went well.
        case good = "ok"
        /// It failed.
        case bad = "err"
    }

    /// The rule.
    public let rule: Rule
    /// The labels of the rule, those of its group included.
    public let labels: [Label]
    /// Whether it is well.
    public var health = Health.unknown
    /// Why it is not; empty when it is.
    public var lastError = ""
    /// When it was last evaluated.
    public var evaluatedAt: Milliseconds?
    /// Seconds the last evaluation took.
    public var seconds = 0.0
    /// Its pending and firing alerts, in order of labels.
    public var alerts: [Alert] = []

    /// Firing when an alert fires, else pending when one is pending.
    public var state: Alert.State {
        if alerts.contains(where: { $0.state == .firing }) { return .firing }
        return alerts.isEmpty ? .inactive : .pending
    }
}

/// What the last evaluation of a group came to.
public struct GroupStatus: Sendable {
    /// The file it comes from.
    public let file: String
    /// Its name.
    public let name: String
    /// Milliseconds between two evaluations.
    public let interval: Milliseconds
    /// Series or alerts one rule may yield; 0 for any number.
    public let limit: Int
    /// The rules in order.
    public var rules: [RuleStatus]
    /// When it was last evaluated.
    public var evaluatedAt: Milliseconds?
    /// Seconds the last evaluation took.
    public var seconds = 0.0
    /// Evaluations begun.
    public var iterations = 0
    /// Evaluations left out because one before them took too long.
    public var missed = 0
    /// Evaluations of rules.
    public var evaluations = 0
    /// Evaluations of rules that failed.
    public var failures = 0
    /// Seconds all evaluations took.
    public var totalSeconds = 0.0
    /// Series the last evaluation yielded.
    public var samples = 0
    /// Samples the store did not take.
    public var dropped = 0

    /// The group's name in metrics, as Prometheus has it.
    public var key: String { file + ";" + name }
}
