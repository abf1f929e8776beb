// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import PromQL

/// `/federate?match[]=`: the newest sample of each series that matches, for another Prometheus
/// (https://prometheus.io/docs/prometheus/latest/federation/).
enum FederateRoute {
    static let endpoint = Endpoint(path: "/federate") { try federate($0) }

    private static func federate(_ call: APICall) throws -> Answer {
        let now = Parameters.now()
        let lookback = call.services.engineOptions.lookback
        let range = TimeRange(start: now - lookback + 1, end: now)
        let querier = call.querier
        var newest: [Labels: (time: Milliseconds, value: Double)] = [:]
        var buffer = SampleBuffer()
        for selector in call.parameters.all("match[]").isEmpty
            ? [] : try call.selectors(required: true)
        {
            for series in try querier.select(selector, in: range, hints: SelectHints()) {
                while try series.cursor.next(into: &buffer) {
                    guard let time = buffer.timestamps.last, let value = buffer.values.last
                    else { continue }
                    newest[series.labels] = (time, value)
                }
            }
        }
        let families = Dictionary(
            try querier.metadata().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var text: [UInt8] = []
        var family = ""
        for (labels, sample) in newest.sorted(by: { precedes($0.key, $1.key) })
        where !StaleMarker.isStale(sample.value) {
            let name = labels[Labels.metricName]
            if name != family {
                family = name
                appendHeader(name, families[name], to: &text)
            }
            var rest = labels
            rest[Labels.metricName] = ""
            text += ExpositionText.linePrefix(name: name, labels: rest)
            NumberText.appendJSON(sample.value, to: &text)
            text.append(UInt8(ascii: " "))
            NumberText.append(sample.time, to: &text)
            text.append(UInt8(ascii: "\n"))
        }
        return Answer(contentType: "text/plain; version=0.0.4; charset=utf-8", body: text)
    }

    /// By metric first, so that each family stands together.
    private static func precedes(_ a: Labels, _ b: Labels) -> Bool {
        let (first, second) = (a[Labels.metricName], b[Labels.metricName])
        return first == second
            ? a.precedes(b)
            : first.utf8.lexicographicallyPrecedes(second.utf8)
    }

    private static func appendHeader(
        _ name: String, _ metric: MetricDescriptor?, to text: inout [UInt8]
    ) {
        if let metric, metric.type == .counter || metric.type == .gauge {
            ExpositionText.appendHeader(metric, to: &text)
        } else {
            text += "# TYPE \(name) untyped\n".utf8
        }
    }
}
