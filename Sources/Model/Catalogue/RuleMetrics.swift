// SPDX-License-Identifier: Apache-2.0

/// What the rule engine says of itself, by Prometheus' names (`rules/group.go`).
public enum RuleMetrics {
    /// Evaluations of rules, with `rule_group`.
    public static let evaluations = MetricDescriptor(
        "prometheus_rule_evaluations_total", .counter, help: "Evaluations of rules.")
    /// Evaluations that failed, with `rule_group`.
    public static let failures = MetricDescriptor(
        "prometheus_rule_evaluation_failures_total", .counter,
        help: "Evaluations of rules that failed.")
    /// Evaluations of groups, with `rule_group`.
    public static let iterations = MetricDescriptor(
        "prometheus_rule_group_iterations_total", .counter,
        help: "Evaluations of groups that were due, those missed included.")
    /// Evaluations left out, with `rule_group`.
    public static let missed = MetricDescriptor(
        "prometheus_rule_group_iterations_missed_total", .counter,
        help: "Evaluations of groups left out because one before took too long.")
    /// The interval, with `rule_group`.
    public static let interval = MetricDescriptor(
        "prometheus_rule_group_interval_seconds", .gauge, unit: "seconds",
        help: "Time between two evaluations of a group.")
    /// The last evaluation's time, with `rule_group`.
    public static let lastEvaluation = MetricDescriptor(
        "prometheus_rule_group_last_evaluation_timestamp_seconds", .gauge, unit: "seconds",
        help: "When a group was last evaluated.")
    /// The last evaluation's duration, with `rule_group`.
    public static let lastDuration = MetricDescriptor(
        "prometheus_rule_group_last_duration_seconds", .gauge, unit: "seconds",
        help: "How long a group's last evaluation took.")
    /// All evaluations' duration, with `rule_group`.
    public static let totalDuration = MetricDescriptor(
        "ullage_rule_group_duration_seconds_total", .counter, unit: "seconds",
        help: "How long all evaluations of a group took.")
    /// Series of the last evaluation, with `rule_group`.
    public static let lastSamples = MetricDescriptor(
        "prometheus_rule_group_last_evaluation_samples", .gauge,
        help: "Samples that a group's last evaluation gave.")
    /// Rules, with `rule_group`.
    public static let rules = MetricDescriptor(
        "prometheus_rule_group_rules", .gauge, help: "Rules of a group.")
    /// Samples lost, with `rule_group`.
    public static let dropped = MetricDescriptor(
        "ullage_rule_samples_dropped_total", .counter,
        help: "Samples of rules that the store did not take.")
    /// Whether the rule files in use are those in the directory.
    public static let reloadSuccessful = MetricDescriptor(
        "ullage_rules_last_reload_successful", .gauge,
        help: "Whether all rule files were good when they were last read.")

    /// All of them.
    public static let all = [
        evaluations, failures, iterations, missed, interval, lastEvaluation, lastDuration,
        totalDuration, lastSamples, rules, dropped, reloadSuccessful,
    ]
}
