// SPDX-License-Identifier: Apache-2.0

public import Model

/// The metrics of containers as documentation has them.
public enum ContainerCatalogue {
    /// Every metric a container can have, by name.
    public static let all: [MetricDescriptor] = {
        let devices =
            ContainerMetrics.fsDevice + ContainerMetrics.fsCost + NamedSeries.metrics
            + SlowSeries.metrics
            + [ContainerMetrics.auditCheck, ContainerMetrics.namespace]
        let listed = ContainerFields.all.map(\.metric) + devices + ContainerMetrics.network
        return Set(listed).sorted { $0.name < $1.name }
    }()

    /// The rows of the table in `docs/metrics.md`.
    public static func table() -> String {
        var text = "| name | type | unit | source | since |\n|---|---|---|---|---|\n"
        for metric in all {
            text += "| `\(metric.name)` | \(metric.type.rawValue) | \(metric.unit) "
            text += "| \(metric.source) | \(since(metric)) |\n"
        }
        return text
    }

    /// The kernel release that brought what a metric is read from to cgroup v2, where that is later
    /// than 5.15, the oldest that is tested (cgroup-v2.rst of each release).
    private static let releases: [(source: String, release: String)] = [
        ("memory.stat kernel", "5.18"), ("memory.stat zswap", "5.19"),
        ("memory.stat zswapped", "5.19"), ("memory.stat vmalloc", "5.18"),
        ("memory.stat sec_pagetables", "6.1"), ("memory.stat pgscan_proactive", "6.15"),
        ("memory.stat pgsteal_proactive", "6.15"), ("memory.stat zswpwb", "6.8"),
        ("memory.stat hugetlb", "6.14"), ("memory.peak", "5.19"), ("memory.swap.peak", "6.5"),
        ("memory.zswap.current", "5.19"), ("memory.zswap.max", "5.19"),
        ("memory.events oom_group_kill", "5.17"), ("memory.events sock_throttled", "6.19"),
        ("cpu.stat.local", "6.7"), ("cpu.stat nr_bursts", "5.16"), ("cpu.stat burst_usec", "5.16"),
        ("cpu.stat nice_usec", "6.12"), ("cpu.stat core_sched", "6.2"), ("irq.pressure", "6.1"),
        ("cpu.pressure full", "5.13"), ("pids.peak", "6.7"), ("pids.events.local", "6.11"),
        ("cgroup.stat.local", "6.17"), ("dmem.current", "6.14"),
    ]

    private static func since(_ metric: MetricDescriptor) -> String {
        let match = releases.filter { metric.source.hasPrefix($0.source) }
            .max { $0.source.utf8.count < $1.source.utf8.count }
        return match.map { "Linux " + $0.release } ?? ""
    }
}
