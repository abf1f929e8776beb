// SPDX-License-Identifier: Apache-2.0

/// A format in which metrics are exposed, as Prometheus' content negotiation names them.
public enum ExpositionFormat: String, Hashable, Sendable, CaseIterable {
    /// The text format 0.0.4.
    case text004 = "text/plain; version=0.0.4; charset=utf-8"
    /// The text format 1.0.0: 0.0.4 that says how names are escaped.
    case text100 = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
    /// OpenMetrics 0.0.1.
    case openMetrics001 = "application/openmetrics-text; version=0.0.1; charset=utf-8"
    /// OpenMetrics 1.0.0.
    case openMetrics100 =
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"

    /// What `Content-Type` says of it.
    public var contentType: String { rawValue }

    /// Whether it is OpenMetrics.
    public var isOpenMetrics: Bool { self == .openMetrics001 || self == .openMetrics100 }

    /// The format an `Accept` header asks for: the one with the highest `q`, the first of equals;
    /// 0.0.4 when none is asked for that there is, or there is no header. A media type without a
    /// version means the oldest.
    public init(accept: String?) {
        var best: (format: ExpositionFormat, quality: Double) = (.text004, 0)
        for range in (accept ?? "").split(separator: ",").prefix(64) {
            let parts = range.split(separator: ";").map { part in
                part.filter { $0 != " " && $0 != "\t" }.lowercased()
            }
            var version = ""
            var quality = 1.0
            for parameter in parts.dropFirst() {
                let pair = parameter.split(separator: "=", maxSplits: 1)
                guard pair.count == 2 else { continue }
                if pair[0] == "version" { version = pair[1].filter { $0 != "\"" } }
                if pair[0] == "q" { quality = Double(String(pair[1])) ?? 0 }
            }
            guard let type = parts.first, quality > best.quality, quality <= 1,
                let format = Self.named(type, version: version)
            else { continue }
            best = (format, quality)
        }
        self = best.format
    }

    private static func named(_ type: String, version: String) -> ExpositionFormat? {
        switch (type, version) {
        case ("application/openmetrics-text", "1.0.0"): .openMetrics100
        case ("application/openmetrics-text", ""), ("application/openmetrics-text", "0.0.1"):
            .openMetrics001
        case ("text/plain", "1.0.0"): .text100
        case ("text/plain", ""), ("text/plain", "0.0.4"), ("text/*", ""), ("*/*", ""): .text004
        default: nil
        }
    }
}

/// What a scrape asks for.
public struct ExpositionRequest: Sendable {
    /// The format.
    public var format: ExpositionFormat
    /// Groups of metrics: `cpu` is `node_cpu_...`, `container` is `container_...`; all when empty.
    public var collectors: [String]
    /// Selectors of which a series must satisfy one; all series when empty.
    public var selectors: [[Matcher]]

    /// A request for everything in `format`, unless narrowed.
    public init(
        format: ExpositionFormat = .text004, collectors: [String] = [],
        selectors: [[Matcher]] = []
    ) {
        self.format = format
        self.collectors = collectors
        self.selectors = selectors
    }

    /// node_exporter's collectors whose metrics are not called after them.
    private static let prefixes: [String: [String]] = [
        "loadavg": ["node_load"], "meminfo": ["node_memory_"], "diskstats": ["node_disk_"],
        "netdev": ["node_network_"], "netclass": ["node_network_"], "cpufreq": ["node_cpu_"],
        "conntrack": ["node_nf_conntrack_"], "os": ["node_os_"], "mdadm": ["node_md_"],
        "stat": [
            "node_boot_time_", "node_context_switches_", "node_forks_", "node_intr_",
            "node_procs_", "node_cpu_",
        ],
    ]

    /// Whether a metric belongs to one of the groups asked for: by the group's name before the
    /// rest of the metric's, or as node_exporter's collector of that name.
    public func includes(_ metric: String) -> Bool {
        collectors.isEmpty
            || collectors.contains { group in
                metric == group || metric.hasPrefix(group + "_") || metric == "node_" + group
                    || metric.hasPrefix("node_" + group + "_")
                    || (Self.prefixes[group] ?? []).contains { metric.hasPrefix($0) }
            }
    }
}
