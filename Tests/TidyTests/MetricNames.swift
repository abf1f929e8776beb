// SPDX-License-Identifier: Apache-2.0

/// The names of metrics that the catalogue has.
enum MetricNames {
    private static let catalogue = SourceTree.sources.filter { $0.path.contains("Model/Catalogue") }
        .map { $0.lines.joined(separator: "\n") }.joined()

    /// Whether a name, or the family it is made of, is written in the catalogue.
    static func isKnown(_ metric: String) -> Bool {
        let short = metric.hasPrefix("node_") ? String(metric.dropFirst(5)) : metric
        if catalogue.contains("\"\(short)\"") { return true }
        let families = [
            "memory_", "vmstat_", "netstat_", "sockstat_", "pressure_", "network_",
            "container_pressure_", "container_network_",
        ]
        return families.contains { short.hasPrefix($0) && catalogue.contains($0) }
    }
}
