// SPDX-License-Identifier: Apache-2.0

/// The metric types of the Prometheus exposition format.
public enum MetricType: String, Hashable, Sendable {
    /// A value that only grows, but for resets.
    case counter
    /// A value that goes up and down.
    case gauge
    /// Cumulative buckets with `_bucket`, `_sum` and `_count` series.
    case histogram
    /// Quantiles with `_sum` and `_count` series.
    case summary
    /// Nothing is known of it.
    case unknown
}

/// What a metric is: everything `# HELP` and `# TYPE` say of it, and where the value comes from.
public struct MetricDescriptor: Hashable, Sendable {
    /// The family's name, such as `container_cpu_usage_seconds_total`.
    public let name: String
    /// The metric's type.
    public let type: MetricType
    /// The base unit (`seconds`, `bytes`, `ratio`), or empty for a plain count.
    public let unit: String
    /// One sentence for `# HELP`.
    public let help: String
    /// The kernel file or other origin of the value, for documentation and `ullage doctor`.
    public let source: String

    /// A descriptor of these parts.
    public init(
        _ name: String, _ type: MetricType, unit: String = "", help: String, source: String = ""
    ) {
        self.name = name
        self.type = type
        self.unit = unit
        self.help = help
        self.source = source
    }
}
