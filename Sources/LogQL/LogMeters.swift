// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
public import Model
public import PromQL
import Synchronization

/// A metric made of log lines, as the configuration describes it.
public struct LogMetric: Hashable, Sendable {
    /// What is made of the lines.
    public enum Kind: String, Hashable, Sendable {
        /// How many there were.
        case count
        /// The sum of a label's values.
        case sum
        /// How a label's values are spread.
        case histogram
    }

    /// The metric, with its type.
    public let descriptor: MetricDescriptor
    /// What is made of the lines.
    public let kind: Kind
    let pipeline: LogPipeline
    let value: Unwrap?
    let labels: [String]
    let buckets: [Double]

    /// The bounds of a histogram that names none.
    public static let standardBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    /// Prefixes of the agent's own metrics.
    private static let reserved = ["container_", "machine_", "node_", "process_", "ullage_"]

    /// A metric of these parts. `query` is a query for lines; `value` the label whose value is
    /// taken, or `duration(label)`, `bytes(label)`; `labels` become the series' labels. Throws
    /// with what is wrong.
    public init(
        name: String, help: String, kind: Kind, query: String, value: String, labels: [String],
        buckets: [Double]
    ) throws(QueryError) {
        guard Quoting.isPlainLabel(name.filter { $0 != ":" }) else {
            throw QueryError(.badData, "\(Quoting.quote(name)) cannot be a metric's name")
        }
        if let prefix = Self.reserved.first(where: { name.hasPrefix($0) }) {
            throw QueryError(.badData, "names that begin with \(prefix) are the agent's own")
        }
        for label in labels where !Quoting.isPlainLabel(label) || label.hasPrefix("__") {
            throw QueryError(.badData, "\(Quoting.quote(label)) cannot be a label's name")
        }
        guard zip(buckets, buckets.dropFirst()).allSatisfy({ $0 < $1 }), buckets.count <= 100 else {
            throw QueryError(.badData, "buckets must rise, and be at most 100")
        }
        self.pipeline = try LogParser.pipeline(query)
        self.value = value.isEmpty ? nil : try Unwrap(value)
        guard (kind == .count) == (self.value == nil) else {
            throw QueryError(
                .badData,
                kind == .count
                    ? "a count takes no value" : "a \(kind.rawValue) needs the value's label")
        }
        self.kind = kind
        self.labels = labels
        self.buckets = buckets.isEmpty ? Self.standardBuckets : buckets
        descriptor = MetricDescriptor(
            name, kind == .histogram ? .histogram : .counter,
            help: help.isEmpty ? "Made of the lines of \(pipeline.selector)." : help,
            source: "logs.metrics of the configuration")
    }
}

extension Unwrap {
    /// Reads `label` or `conversion(label)`.
    init(_ text: String) throws(QueryError) {
        let parts = text.split(separator: "(", omittingEmptySubsequences: false)
        let conversion = parts.count == 2 && text.hasSuffix(")") ? String(parts[0]) : ""
        let label = conversion.isEmpty ? text : String(parts[1].dropLast())
        guard let known = Conversion(rawValue: conversion), Quoting.isPlainLabel(label) else {
            throw QueryError(
                .badData,
                "the value \(Quoting.quote(text)) is no label, duration(label) or bytes(label)")
        }
        self.init(label: label, conversion: known)
    }

    /// The number that a label's value stands for.
    func number(_ text: String) -> Double? {
        switch conversion {
        case .number: GoNumber.parse(text)
        case .bytes: ByteSize.parse(text)
        case .duration, .durationSeconds: GoDuration.parse(text).map { Double($0) / 1e9 }
        }
    }
}

/// Counts lines for metrics as they are stored: each line once, when it comes, so that no line is
/// read again. Memory is bounded by the number of series. Any number of threads may use it.
public final class LogMeters: Sendable {
    /// One sample.
    public struct Reading: Sendable {
        /// The metric.
        public var metric: MetricDescriptor
        /// What the sample is called: of a histogram, with `_bucket`, `_sum` or `_count`.
        public var sampleName: String
        /// What sets it apart from others of the metric.
        public var labels: Labels
        /// The number since the agent started.
        public var value: Double
    }

    /// Series one metric may have; lines of further ones are dropped and counted.
    public static let maxSeries = 1_000

    private let state: Mutex<[Metered]>

    /// Begins at zero.
    public init(_ metrics: [LogMetric]) throws(QueryError) {
        do throws(PatternError) {
            var all: [Metered] = []
            for metric in metrics { all.append(try Metered(metric)) }
            state = Mutex(all)
        } catch { throw QueryError(.badData, error.description) }
    }

    /// Takes in the lines of a batch. Gaps and the beginnings of lines that go on are none.
    public func observe(_ batch: borrowing LogBatch, of identity: LogIdentity) {
        let (items, text) = (batch.items, batch.text)
        state.withLock { all in
            for i in all.indices { all[i].observe(items, text, identity) }
        }
    }

    /// All samples, and the lines that were dropped, by metric and reason.
    public func readings() -> (
        samples: [Reading], dropped: [(metric: String, reason: String, count: Int)]
    ) {
        state.withLock { all in
            (all.flatMap { $0.readings() }, all.flatMap { $0.dropped() })
        }
    }
}

/// One metric with its series.
private struct Metered {
    private struct Series {
        var labels: Labels
        var count = 0.0
        var sum = CompensatedSum()
        /// Values in each bucket and above the last.
        var buckets: [Double]
    }

    private let metric: LogMetric
    private let processor: LineProcessor
    private var streams: [String: KnownStreams] = [:]
    private var numbers: [Labels: Int] = [:]
    private var series: [Series] = []
    private var overflowed = 0
    private var failed = 0

    /// Containers whose labels are kept at hand.
    private static let maxStreams = 5_000

    init(_ metric: LogMetric) throws(PatternError) {
        self.metric = metric
        var names = Set(metric.labels)
        if let value = metric.value { names.insert(value.label) }
        processor = try LineProcessor(metric.pipeline, wanted: metric.pipeline.wanted(for: names))
    }

    mutating func observe(_ items: [LogBatch.Item], _ text: [UInt8], _ identity: LogIdentity) {
        if streams[identity.id] == nil {
            if streams.count >= Self.maxStreams { streams = [:] }
            streams[identity.id] = try? KnownStreams(metric.pipeline.matchers, among: [identity])
        }
        guard let known = streams[identity.id], !known.identities.isEmpty else { return }
        text.withUnsafeBytes { text in
            var at = 0
            for item in items {
                let bytes = UnsafeRawBufferPointer(rebasing: text[at..<(at + item.length)])
                at += item.length
                guard !item.isGap, !item.isPartial else { continue }
                let stream = known.stream(of: 0, item.stream, item.level, isGap: false)
                guard stream.isSelected,
                    processor.run(
                        bytes, timestamp: item.timestamp, isFiltered: false, of: stream)
                else { continue }
                take(stream)
            }
        }
    }

    /// Takes in the line that was processed.
    private mutating func take(_ stream: KnownStream) {
        if !processor.changesLabels {
            processor.state.labels.reset(stream: stream.labels, metadata: stream.metadata)
        }
        guard !processor.state.labels.hasError else {
            failed += 1
            return
        }
        var number = 1.0
        if let value = metric.value {
            let text = processor.state.labels[value.label]
            if text.isEmpty { return }
            guard let found = value.number(text) else {
                failed += 1
                return
            }
            number = found
        }
        let labels = Labels(
            metric.labels.map { Label(name: $0, value: processor.state.labels[$0]) })
        guard let place = place(of: labels) else {
            overflowed += 1
            return
        }
        series[place].count += 1
        series[place].sum.add(number)
        if metric.kind == .histogram {
            let bucket = metric.buckets.firstIndex { number <= $0 } ?? metric.buckets.count
            series[place].buckets[bucket] += 1
        }
    }

    private mutating func place(of labels: Labels) -> Int? {
        if let known = numbers[labels] { return known }
        guard series.count < LogMeters.maxSeries else { return nil }
        numbers[labels] = series.count
        series.append(
            Series(
                labels: labels,
                buckets: metric.kind == .histogram
                    ? [Double](repeating: 0, count: metric.buckets.count + 1) : []))
        return series.count - 1
    }

    func readings() -> [LogMeters.Reading] {
        let name = metric.descriptor.name
        return series.flatMap { one -> [LogMeters.Reading] in
            func reading(_ suffix: String, _ labels: Labels, _ value: Double) -> LogMeters.Reading {
                .init(
                    metric: metric.descriptor, sampleName: name + suffix, labels: labels,
                    value: value)
            }
            switch metric.kind {
            case .count: return [reading("", one.labels, one.count)]
            case .sum: return [reading("", one.labels, one.sum.value)]
            case .histogram:
                var result: [LogMeters.Reading] = []
                var total = 0.0
                for (i, count) in one.buckets.enumerated() {
                    total += count
                    var labels = one.labels
                    labels["le"] =
                        i < metric.buckets.count ? Quoting.decimal(metric.buckets[i]) : "+Inf"
                    result.append(reading("_bucket", labels, total))
                }
                result.append(reading("_sum", one.labels, one.sum.value))
                result.append(reading("_count", one.labels, one.count))
                return result
            }
        }
    }

    func dropped() -> [(metric: String, reason: String, count: Int)] {
        [
            (metric.descriptor.name, "too_many_series", overflowed),
            (metric.descriptor.name, "error", failed),
        ]
    }
}
