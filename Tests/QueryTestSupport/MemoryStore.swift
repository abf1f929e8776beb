// SPDX-License-Identifier: Apache-2.0

import Matching
public import Model

/// Series in memory, for tests of what queries them.
public final class MemoryStore: SeriesQuerier {
    /// One series.
    public struct Series: Sendable {
        /// All labels.
        public var labels: Labels
        /// In order of time; stale markers included.
        public var samples: [(time: Milliseconds, value: Double)]
    }

    /// The series, sorted by labels.
    public let series: [Series]

    /// A store of these series; samples of the same labels are joined, later ones win.
    public init(_ all: [(Labels, [(Milliseconds, Double)])]) {
        var samples: [Labels: [Milliseconds: Double]] = [:]
        for (labels, values) in all {
            for (time, value) in values { samples[labels, default: [:]][time] = value }
        }
        series = samples.map { labels, values in
            Series(
                labels: labels,
                samples: values.sorted { $0.key < $1.key }.map { (time: $0.key, value: $0.value) })
        }.sorted { $0.labels.pairs.lexicographicallyPrecedes($1.labels.pairs) }
    }

    private func matching(
        _ matchers: [Matcher], _ range: TimeRange
    ) throws -> [(Labels, [(time: Milliseconds, value: Double)])] {
        let compiled = try CompiledMatchers(matchers)
        return series.compactMap { one in
            guard compiled.match(one.labels) else { return nil }
            let samples = one.samples.filter { $0.time >= range.start && $0.time <= range.end }
            return samples.isEmpty ? nil : (one.labels, samples)
        }
    }

    /// See `SeriesQuerier`.
    public func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        try matching(matchers, range).map {
            SelectedSeries(labels: $0.0, cursor: Cursor($0.1))
        }
    }

    /// See `SeriesQuerier`.
    public func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] {
        try matching(matchers, range).map(\.0)
    }

    /// See `SeriesQuerier`.
    public func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] {
        Set(try matching(matchers, range).flatMap { $0.0.pairs.map(\.name) }).sorted()
    }

    /// See `SeriesQuerier`.
    public func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String] {
        Set(try matching(matchers, range).map { $0.0[name] }).subtracting([""]).sorted()
    }

    /// See `SeriesQuerier`.
    public func metadata() throws -> [MetricDescriptor] { [] }

    /// Yields seven samples at a time, so that windows span several runs.
    private final class Cursor: SampleCursor {
        private let samples: [(time: Milliseconds, value: Double)]
        private var next = 0

        init(_ samples: [(time: Milliseconds, value: Double)]) { self.samples = samples }

        func next(into buffer: inout SampleBuffer) throws -> Bool {
            buffer.removeAll()
            for sample in samples[next...].prefix(7) {
                buffer.timestamps.append(sample.time)
                buffer.values.append(sample.value)
            }
            next += buffer.timestamps.count
            return !buffer.timestamps.isEmpty
        }
    }
}
