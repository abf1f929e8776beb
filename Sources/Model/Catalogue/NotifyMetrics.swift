// SPDX-License-Identifier: Apache-2.0

/// What the agent says of its notifications. Those to Alertmanagers have Prometheus' names.
extension AgentMetrics {
    /// Notifications by outcome, with `receiver`, `integration` and `result`.
    public static let notifications = MetricDescriptor(
        "ullage_notifications_total", .counter,
        help: "Notifications by outcome: sent, failed (given up), dropped (no room).")
    /// Attempts that are made again, with `receiver` and `integration`.
    public static let notificationRetries = MetricDescriptor(
        "ullage_notification_retries_total", .counter,
        help: "Attempts to notify that failed and are made again.")
    /// How long attempts took, with `receiver` and `integration`.
    public static let notificationSeconds = MetricDescriptor(
        "ullage_notification_seconds_total", .counter, unit: "seconds",
        help: "Time that attempts to notify took.")
    /// Notifications that wait.
    public static let notificationsQueued = MetricDescriptor(
        "ullage_notifications_queued", .gauge, help: "Notifications that wait to be delivered.")
    /// Alerts held back, with `reason`.
    public static let alertsSuppressed = MetricDescriptor(
        "ullage_alerts_suppressed_total", .counter,
        help: "Alerts not told of at a look at their group: inhibited, silenced, muted.")
    /// Alerts in groups.
    public static let alertsGrouped = MetricDescriptor(
        "ullage_alerts_grouped", .gauge, help: "Alerts in groups of the agent's own routes.")
    /// Silences, with `state`.
    public static let silences = MetricDescriptor(
        "ullage_silences", .gauge, help: "Silences by state.")

    /// Alerts delivered, with `alertmanager`.
    public static let alertmanagerSent = MetricDescriptor(
        "prometheus_notifications_sent_total", .counter,
        help: "Alerts that an Alertmanager took.")
    /// Alerts in failed requests, with `alertmanager`.
    public static let alertmanagerErrors = MetricDescriptor(
        "prometheus_notifications_errors_total", .counter,
        help: "Alerts in requests to an Alertmanager that failed; they are sent again.")
    /// Alerts that found no room.
    public static let alertmanagerDropped = MetricDescriptor(
        "prometheus_notifications_dropped_total", .counter,
        help: "Alerts that found no room in a queue.")
    /// Alerts that wait, with `alertmanager`.
    public static let alertmanagerQueue = MetricDescriptor(
        "prometheus_notifications_queue_length", .gauge,
        help: "Alerts that wait for an Alertmanager.")
    /// Alerts that may wait.
    public static let alertmanagerCapacity = MetricDescriptor(
        "prometheus_notifications_queue_capacity", .gauge,
        help: "Alerts that may wait for an Alertmanager.")
    /// Alertmanagers configured.
    public static let alertmanagersKnown = MetricDescriptor(
        "prometheus_notifications_alertmanagers_discovered", .gauge,
        help: "Alertmanagers that alerts are sent to.")
}
