// SPDX-License-Identifier: Apache-2.0

/// What the agent says of its sinks.
public enum ShipMetrics {
    /// How far behind in time.
    public static let lagSeconds = MetricDescriptor(
        "ullage_ship_lag_seconds", .gauge, unit: "seconds",
        help: "Age of the oldest record that a sink has not taken; 0 when it has everything.")
    /// How far behind in bytes.
    public static let lagBytes = MetricDescriptor(
        "ullage_ship_lag_bytes", .gauge, unit: "bytes",
        help: "Bytes in the store that a sink has not taken.")
    /// What was taken.
    public static let records = MetricDescriptor(
        "ullage_ship_records_total", .counter, help: "Samples or log lines that a sink has taken.")
    /// Its bytes on the wire.
    public static let bytes = MetricDescriptor(
        "ullage_ship_bytes_total", .counter, unit: "bytes",
        help: "Bytes of request bodies that a sink has taken.")
    /// Requests and their outcome.
    public static let attempts = MetricDescriptor(
        "ullage_ship_attempts_total", .counter, help: "Requests to a sink, by what became of them.")
    /// What was refused for good.
    public static let refused = MetricDescriptor(
        "ullage_ship_refused_records_total", .counter,
        help: "Records that a sink refused for good; they are in its dead letters.")
    /// What was not sent.
    public static let skipped = MetricDescriptor(
        "ullage_ship_skipped_records_total", .counter,
        help: "Records that were not sent because more waited than may.")
    /// What was lost before it was sent.
    public static let gaps = MetricDescriptor(
        "ullage_ship_gaps_total", .counter,
        help: "Times at which records were gone from the store before a sink had them.")
    /// When something was last taken.
    public static let lastSuccess = MetricDescriptor(
        "ullage_ship_last_success_timestamp_seconds", .gauge, unit: "seconds",
        help: "When a sink last took something; 0 when it never did.")

    /// All of them, for the documentation.
    public static let all = [
        lagSeconds, lagBytes, records, bytes, attempts, refused, skipped, gaps, lastSuccess,
    ]
}
