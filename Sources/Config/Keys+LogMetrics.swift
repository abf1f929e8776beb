// SPDX-License-Identifier: Apache-2.0

import YAML

extension Keys {
    /// The metrics made of log lines, in the section `logs`.
    static let logMetrics = Key(
        section: "logs", name: "metrics", preset: "[]",
        comment:
            "Metrics made of lines as they are stored: a list of mappings with name, help, type "
            + "(count, sum or histogram), query (LogQL), value (a label, duration(label) or "
            + "bytes(label)), labels and buckets."
    ) { node, c throws(ValueError) in
        guard case .list(let items) = node.content else { throw ValueError("expected a list") }
        var metrics: [Configuration.LogMetric] = []
        for item in items { metrics.append(try logMetric(item)) }
        guard metrics.count <= 100 else { throw ValueError("expected at most 100 metrics") }
        guard Set(metrics.map(\.name)).count == metrics.count else {
            throw ValueError("expected each name once")
        }
        c.logs.metrics = metrics
    }

    private static func logMetric(
        _ node: YAMLNode
    ) throws(ValueError) -> Configuration.LogMetric {
        guard case .map(let pairs) = node.content else {
            throw ValueError("expected a list of mappings")
        }
        var metric = Configuration.LogMetric()
        for (key, value) in pairs {
            guard case .scalar(let name, _) = key.content else { continue }
            switch name {
            case "name": metric.name = try Value.text(value)
            case "help": metric.help = try Value.text(value)
            case "type":
                metric.type = try Value.text(value)
                guard ["count", "sum", "histogram"].contains(metric.type) else {
                    throw ValueError("expected count, sum or histogram as `type`")
                }
            case "query": metric.query = try Value.text(value)
            case "value": metric.value = try Value.text(value)
            case "labels": metric.labels = try Value.texts(value)
            case "buckets":
                metric.buckets = []
                for text in try Value.texts(value) {
                    guard let bound = Double(text), bound.isFinite else {
                        throw ValueError("expected numbers as `buckets`")
                    }
                    metric.buckets.append(bound)
                }
            default:
                throw ValueError(
                    "expected name, help, type, query, value, labels or buckets and no "
                        + "`\(name.prefix(40))`")
            }
        }
        guard !metric.name.isEmpty, !metric.query.isEmpty else {
            throw ValueError("expected a `name` and a `query` in each")
        }
        return metric
    }
}
