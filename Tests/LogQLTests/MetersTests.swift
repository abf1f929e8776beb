// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import Testing

@testable import LogQL

@Suite struct MetersTests {
    private func metric(
        _ kind: LogMetric.Kind, _ query: String, value: String = "", labels: [String] = [],
        buckets: [Double] = []
    ) throws -> LogMetric {
        try LogMetric(
            name: "m", help: "", kind: kind, query: query, value: value, labels: labels,
            buckets: buckets)
    }

    private func readings(
        _ metric: LogMetric, _ lines: [String]
    ) throws -> (samples: [String: Double], dropped: [String: Int]) {
        let meters = try LogMeters([metric])
        var batch = LogBatch()
        for (i, line) in lines.enumerated() {
            Array(line.utf8).withUnsafeBytes {
                batch.append($0, timestamp: Int64(i), stream: .stdout, level: .info)
            }
        }
        for text in ["a gap", "status=200 and so on"] {
            Array(text.utf8).withUnsafeBytes {
                batch.append(
                    $0, timestamp: 9, stream: .stdout, level: .info, isPartial: text != "a gap",
                    isGap: text == "a gap")
            }
        }
        meters.observe(batch, of: FilledStore.identity("web"))
        meters.observe(batch, of: FilledStore.identity("db"))
        let (samples, dropped) = meters.readings()
        return (
            Dictionary(
                samples.map { ($0.sampleName + $0.labels.shown, $0.value) },
                uniquingKeysWith: { $1 }),
            Dictionary(dropped.map { ($0.reason, $0.count) }, uniquingKeysWith: { $1 })
        )
    }

    private let lines = [
        "status=200 took=100ms size=1KB", "status=500 took=2s size=1KB", "status=200 took=300ms",
        "status=200 took=fast",
    ]

    @Test func linesAreCountedByLabels() throws {
        let query = #"{container="web"} |= "took" | logfmt"#
        let counted = try readings(metric(.count, query, labels: ["status"]), lines)
        #expect(
            counted.samples == [#"m{status="200"}"#: 3, #"m{status="500"}"#: 1])
        let both = try readings(
            metric(.count, #"{engine="docker", level="info"}"#, labels: ["container", "level"]),
            lines)
        #expect(
            both.samples == [
                #"m{container="web", level="info"}"#: 4, #"m{container="db", level="info"}"#: 4,
            ])
    }

    @Test func valuesAreSummedAndSpread() throws {
        let query = #"{container="web"} | logfmt"#
        let sum = try readings(metric(.sum, query, value: "bytes(size)"), lines)
        #expect(sum.samples == ["m{}": 2000])
        let spread = try readings(
            metric(
                .histogram, query, value: "duration(took)", labels: ["status"], buckets: [0.1, 1]),
            lines)
        #expect(spread.samples[#"m_bucket{le="0.1", status="200"}"#] == 1)
        #expect(spread.samples[#"m_bucket{le="1", status="200"}"#] == 2)
        #expect(spread.samples[#"m_bucket{le="+Inf", status="200"}"#] == 2)
        #expect(spread.samples[#"m_bucket{le="1", status="500"}"#] == 0)
        #expect(spread.samples[#"m_count{status="500"}"#] == 1)
        #expect(spread.samples[#"m_sum{status="500"}"#] == 2)
        // `took=fast` is no duration.
        #expect(spread.dropped == ["error": 1, "too_many_series": 0])
    }

    @Test func seriesAreBounded() throws {
        let many = (0..<2_000).map { "id=\($0)" }
        let result = try readings(
            metric(.count, #"{container="web"} | logfmt"#, labels: ["id"]), many)
        #expect(result.samples.count == LogMeters.maxSeries)
        #expect(result.dropped["too_many_series"] == 2_000 - LogMeters.maxSeries)
    }

    @Test func whatIsWrongIsRefused() {
        let web = #"{container="web"}"#
        for (kind, name, query, value, labels, buckets) in [
            (LogMetric.Kind.count, "1m", web, "", [], []), (.count, "node_x", web, "", [], []),
            (.count, "m", "{", "", [], []), (.count, "m", "rate(\(web)[1m])", "", [], []),
            (.count, "m", web, "took", [], []), (.sum, "m", web, "", [], []),
            (.sum, "m", web, "hours(took)", [], []), (.sum, "m", web, "a-b", [], []),
            (.count, "m", web, "", ["a-b"], []), (.count, "m", web, "", ["__x"], []),
            (.histogram, "m", web, "took", [], [2.0, 1.0]),
        ] as [(LogMetric.Kind, String, String, String, [String], [Double])] {
            #expect(throws: QueryError.self, "\(name) \(query) \(value)") {
                try LogMetric(
                    name: name, help: "", kind: kind, query: query, value: value, labels: labels,
                    buckets: buckets)
            }
        }
    }
}
