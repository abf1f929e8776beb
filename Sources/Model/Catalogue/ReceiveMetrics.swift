// SPDX-License-Identifier: Apache-2.0

/// What the agent says of what other hosts send to it.
public enum ReceiveMetrics {
    /// Requests and their outcome.
    public static let requests = MetricDescriptor(
        "ullage_receive_requests_total", .counter,
        help: "Requests that brought samples or lines, by protocol and by what became of them.")
    /// Their bytes.
    public static let bytes = MetricDescriptor(
        "ullage_receive_bytes_total", .counter, unit: "bytes",
        help: "Bytes of the bodies of requests that brought samples or lines.")
    /// What was stored.
    public static let records = MetricDescriptor(
        "ullage_receive_records_total", .counter, help: "Samples or lines received and stored.")
    /// What was there.
    public static let duplicates = MetricDescriptor(
        "ullage_receive_duplicate_records_total", .counter,
        help: "Samples or lines received that were there already.")
    /// What was out of order.
    public static let late = MetricDescriptor(
        "ullage_receive_late_records_total", .counter,
        help: "Samples received after a newer one of their series, and stored.")
    /// What was not stored.
    public static let refused = MetricDescriptor(
        "ullage_receive_refused_records_total", .counter,
        help: "Samples or lines received and not stored, by why.")

    /// All of them, for the documentation.
    public static let all = [requests, bytes, records, duplicates, late, refused]
}
