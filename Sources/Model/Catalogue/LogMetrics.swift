// SPDX-License-Identifier: Apache-2.0

/// What the agent says of the logs it keeps.
public enum LogMetrics {
    /// Logs that are tailed.
    public static let tailed = MetricDescriptor(
        "ullage_logs_tailed", .gauge, help: "Logs that are tailed.")
    /// Logs in the journal.
    public static let journaled = MetricDescriptor(
        "ullage_logs_journaled", .gauge,
        help: "Logs of containers and units that had an entry in systemd's journal lately.")
    /// Entries of the journal read.
    public static let journalEntries = MetricDescriptor(
        "ullage_logs_journal_entries_total", .counter,
        help: "Entries of systemd's journal that were read, wanted or not.")
    /// Times entries were lost.
    public static let journalLosses = MetricDescriptor(
        "ullage_logs_journal_losses_total", .counter,
        help: "Times entries of systemd's journal were removed before they were read.")
    /// Failures of reading it.
    public static let journalErrors = MetricDescriptor(
        "ullage_logs_journal_errors_total", .counter,
        help:
            "Times systemd's journal or an entry of it could not be read, or the store refused it.")
    /// Logs looked at each second for want of an inotify watch.
    public static let polled = MetricDescriptor(
        "ullage_logs_polled", .gauge,
        help: "Logs looked at each second because their directory cannot be watched.")
    /// Rotations followed.
    public static let rotations = MetricDescriptor(
        "ullage_logs_rotations_total", .counter, help: "Times a log went on in another file.")
    /// Files cut off.
    public static let truncations = MetricDescriptor(
        "ullage_logs_truncations_total", .counter, help: "Times a log file was cut off.")
    /// Bytes that were no records.
    public static let damagedBytes = MetricDescriptor(
        "ullage_logs_damaged_bytes_total", .counter, unit: "bytes",
        help: "Bytes of log files that were no records.")
    /// Failures of tailing.
    public static let tailErrors = MetricDescriptor(
        "ullage_logs_tail_errors_total", .counter,
        help: "Times a log could not be read or the store refused it; it is tried again.")
    /// Lines that metrics made of lines left out.
    public static let meterDropped = MetricDescriptor(
        "ullage_log_metric_dropped_lines_total", .counter,
        help: "Lines that metrics of logs.metrics left out, by metric and reason.")
    /// What pipelines did.
    public static let pipeline = MetricDescriptor(
        "ullage_log_pipeline_total", .counter,
        help:
            "What pipelines did, by result: entries dropped by keep and drop, entries over the rate "
            + "limit, secrets redacted, entries without a field that was wanted.")
    /// Entries stored.
    public static let storedEntries = MetricDescriptor(
        "ullage_log_store_entries_total", .counter, help: "Log entries stored.")
    /// Their text.
    public static let storedText = MetricDescriptor(
        "ullage_log_store_text_bytes_total", .counter, unit: "bytes",
        help: "Bytes of text in the log entries stored.")
    /// Bytes on disk.
    public static let storeBytes = MetricDescriptor(
        "ullage_log_store_bytes", .gauge, unit: "bytes", help: "Bytes the logs have on disk.")
    /// Writes that failed.
    public static let storeErrors = MetricDescriptor(
        "ullage_log_store_errors_total", .counter, help: "Writes of the log store that failed.")
    /// Segments removed by age or size.
    public static let removedSegments = MetricDescriptor(
        "ullage_log_store_removed_segments_total", .counter,
        help: "Segments of logs removed because of their age or of the space they took.")
    /// Gap entries.
    public static let gaps = MetricDescriptor(
        "ullage_log_store_gaps_total", .counter,
        help: "Entries stored that say that lines are missing.")
}
