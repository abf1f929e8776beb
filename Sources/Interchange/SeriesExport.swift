// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model

/// Writes stored samples as text.
///
/// It owns nothing but the piece that is being written; samples flow from the querier to the sink,
/// metric by metric and run by run, so that the memory needed is one metric's packed samples,
/// however long the range. What the sink throws ends the export.
///
/// Neither format has stale markers: a series that ended ends with its last sample. The payload of a
/// NaN is lost.
public struct SeriesExport {
    /// How it is written.
    public enum Format: Sendable {
        /// OpenMetrics 1.0, families together, series sorted by labels. Reads back the same.
        case openMetrics
        /// RFC 4180: a column for each label, then `timestamp` in seconds and `value`.
        case csv
    }

    /// What was written.
    public struct Report: Hashable, Sendable {
        /// Series with samples in the range.
        public var series = 0
        /// Samples.
        public var samples = 0
    }

    private static let pieceBytes = 1 << 18

    private let querier: any SeriesQuerier
    private let selectors: [[Matcher]]
    private let range: TimeRange

    /// An export of the series that satisfy one of `selectors` (all when there is none), in `range`.
    public init(_ querier: any SeriesQuerier, selectors: [[Matcher]], range: TimeRange) {
        self.querier = querier
        self.selectors =
            selectors.isEmpty ? [[Matcher(Labels.metricName, .notEqual, "")]] : selectors
        self.range = range
    }

    /// Writes everything, in pieces. Throws what the store or the sink throws.
    public func write(as format: Format, _ sink: @escaping ([UInt8]) throws -> Void) throws
        -> Report
    {
        var output = Output(sink: sink)
        let types = Dictionary(
            try querier.metadata().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var columns: [String] = []
        if format == .csv {
            columns = try union { try querier.labelNames($0, in: range) }
            let header = (columns + ["timestamp", "value"]).map { CSV.cell($0) }
            output.bytes += Array(header.joined(separator: ",").utf8) + [0x0d, 0x0a]
        }
        var report = Report()
        var family = ""
        for (owner, name) in try names(types) {
            if format == .openMetrics, let known = types[owner], family != owner {
                ExpositionText.appendHeader(known, format: .openMetrics100, to: &output.bytes)
            }
            family = owner
            for series in try matching(name) {
                let prefix =
                    format == .csv
                    ? Self.cells(series.labels, columns)
                    : OpenMetricsWriter.linePrefix(series.labels)
                let count = try write(series.cursor, prefix, as: format, to: &output)
                report.samples += count
                report.series += count > 0 ? 1 : 0
            }
        }
        if format == .openMetrics { output.bytes += OpenMetricsWriter.end }
        try output.flush()
        return report
    }

    private struct Output {
        var bytes: [UInt8] = []
        let sink: ([UInt8]) throws -> Void

        mutating func flush() throws {
            try sink(bytes)
            bytes.removeAll(keepingCapacity: true)
        }
    }

    /// The names of samples with the family each belongs to, families together.
    private func names(
        _ types: [String: MetricDescriptor]
    ) throws -> [(family: String, name: String)] {
        let names = try union { try querier.labelValues(of: Labels.metricName, $0, in: range) }
        return names.map { name in
            for ending in ["_bucket", "_sum", "_count"] where name.hasSuffix(ending) {
                let stem = String(name.dropLast(ending.count))
                if let type = types[stem]?.type, type == .histogram || type == .summary {
                    return (stem, name)
                }
            }
            return (name, name)
        }.sorted { ($0.family, $0.name) < ($1.family, $1.name) }
    }

    private func union(_ list: ([Matcher]) throws -> [String]) rethrows -> [String] {
        var all: Set<String> = []
        for selector in selectors { all.formUnion(try list(selector)) }
        return all.sorted()
    }

    /// The series of a name that satisfy one of the selectors, each once.
    private func matching(_ name: String) throws -> [SelectedSeries] {
        let byName = Matcher(Labels.metricName, .equal, name)
        var found: [SelectedSeries] = []
        var seen: Set<Labels> = []
        for selector in selectors {
            for one in try querier.select([byName] + selector, in: range, hints: SelectHints())
            where selectors.count == 1 || seen.insert(one.labels).inserted {
                found.append(one)
            }
        }
        return found
    }

    /// Appends a series' samples; how many there were.
    private func write(
        _ cursor: any SampleCursor, _ prefix: [UInt8], as format: Format, to output: inout Output
    ) throws -> Int {
        var buffer = SampleBuffer()
        var count = 0
        while try cursor.next(into: &buffer) {
            for (time, value) in zip(buffer.timestamps, buffer.values)
            where !StaleMarker.isStale(value) && time >= range.start && time <= range.end {
                switch format {
                case .openMetrics:
                    OpenMetricsWriter.append(
                        prefix: prefix, value: value, timestamp: time, to: &output.bytes)
                case .csv:
                    output.bytes += prefix
                    OpenMetricsWriter.appendSeconds(time, to: &output.bytes)
                    output.bytes.append(UInt8(ascii: ","))
                    ExpositionText.append(value, to: &output.bytes)
                    output.bytes += "\r\n".utf8
                }
                count += 1
                if output.bytes.count >= Self.pieceBytes { try output.flush() }
            }
        }
        return count
    }

    private static func cells(_ labels: Labels, _ columns: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for column in columns {
            bytes += CSV.cell(labels[column]).utf8
            bytes.append(UInt8(ascii: ","))
        }
        return bytes
    }
}
