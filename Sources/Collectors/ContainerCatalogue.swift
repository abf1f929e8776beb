// SPDX-License-Identifier: Apache-2.0

public import Model

/// The metrics of containers as documentation has them.
public enum ContainerCatalogue {
    /// Every metric a container can have, by name.
    public static let all: [MetricDescriptor] = {
        let devices =
            ContainerMetrics.fsDevice + ContainerMetrics.fsCost + NamedSeries.metrics
            + [ContainerMetrics.auditCheck, ContainerMetrics.namespace]
        let listed = ContainerFields.all.map(\.metric) + devices + ContainerMetrics.network
        return Set(listed).sorted { $0.name < $1.name }
    }()

    /// The rows of the table in `docs/metrics.md`.
    public static func table() -> String {
        var text = "| name | type | unit | source |\n|---|---|---|---|\n"
        for metric in all {
            text += "| `\(metric.name)` | \(metric.type.rawValue) | \(metric.unit) "
            text += "| \(metric.source) |\n"
        }
        return text
    }
}
