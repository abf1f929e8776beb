// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import PromQL
import Synchronization

/// Shows PromQL's engine each range aggregation of a query as the series of a selector.
struct RangeQuerier: SeriesQuerier {
    let engine: LogEngine
    let ranges: [RangeAggregation]
    let grid: WindowGrid
    let interruption: (@Sendable () -> QueryError?)?
    private let outcome = Outcome()

    private final class Outcome: Sendable {
        let state = Mutex<(stats: LogStats, failure: QueryError?)>((LogStats(), nil))
    }

    init(
        engine: LogEngine, ranges: [RangeAggregation], grid: WindowGrid,
        interruption: (@Sendable () -> QueryError?)?
    ) {
        self.engine = engine
        self.ranges = ranges
        self.grid = grid
        self.interruption = interruption
    }

    /// What all range aggregations cost together.
    var stats: LogStats { outcome.state.withLock { $0.stats } }
    /// Why one of them has no value.
    var failure: QueryError? { outcome.state.withLock { $0.failure } }

    func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        guard let number = matchers.first.flatMap({ Int($0.value) }),
            ranges.indices.contains(number)
        else { return [] }
        do throws(QueryError) {
            var evaluation = try RangeEvaluation(
                ranges[number], engine, grid, Meter(engine.options, interruption))
            let result = try evaluation.run()
            let stats = evaluation.meter.stats
            outcome.state.withLock { state in
                state.stats.lines += stats.lines
                state.stats.bytes += stats.bytes
                state.stats.matched += stats.matched
            }
            return result
        } catch {
            outcome.state.withLock { $0.failure = $0.failure ?? error }
            throw error
        }
    }

    func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] { [] }
    func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] { [] }
    func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String] { [] }
    func metadata() throws -> [MetricDescriptor] { [] }
}

/// Yields the values of one series that are there.
final class ValuesCursor: SampleCursor {
    private var values: [Double?]
    private let grid: WindowGrid

    init(_ values: [Double?], _ grid: WindowGrid) {
        self.values = values
        self.grid = grid
    }

    func next(into buffer: inout SampleBuffer) throws -> Bool {
        buffer.removeAll()
        for (i, value) in values.enumerated() {
            guard let value else { continue }
            buffer.timestamps.append(grid.time(i))
            buffer.values.append(value)
        }
        values = []
        return !buffer.timestamps.isEmpty
    }
}

/// One pass over the lines of a range aggregation.
struct RangeEvaluation {
    private let range: RangeAggregation
    private let engine: LogEngine
    private let grid: WindowGrid
    private let processor: LineProcessor
    private let conditions: [LabelConditionStep]
    private let collector: any WindowCollector
    private var numbers: [Labels: Int] = [:]
    private var series: [Labels] = []
    private(set) var meter: Meter

    init(
        _ range: RangeAggregation, _ engine: LogEngine, _ grid: WindowGrid, _ meter: Meter
    ) throws(QueryError) {
        self.range = range
        self.engine = engine
        self.meter = meter
        var grid = grid
        grid.width = range.window
        grid.offset = range.offset
        self.grid = grid
        do throws(PatternError) {
            processor = try LineProcessor(range.pipeline, wanted: Self.wanted(range))
            var conditions: [LabelConditionStep] = []
            for condition in range.unwrap?.conditions ?? [] {
                conditions.append(try LabelConditionStep(condition))
            }
            self.conditions = conditions
        } catch { throw QueryError(.badData, error.description) }
        collector = Self.collector(range, grid)
    }

    /// The labels that decide about the outcome.
    private static func wanted(_ range: RangeAggregation) -> WantedLabels {
        guard range.name == "absent_over_time" || range.grouping?.isWithout == false else {
            return WantedLabels()
        }
        var names = Set(range.grouping?.labels ?? [])
        if let unwrap = range.unwrap {
            names.insert(unwrap.label)
            for condition in unwrap.conditions { names.formUnion(condition.names) }
        }
        return range.pipeline.wanted(for: names)
    }

    private static func collector(
        _ range: RangeAggregation, _ grid: WindowGrid
    ) -> any WindowCollector {
        switch range.name {
        case "rate", "bytes_rate": Windows<RateState>(grid)
        case "avg_over_time": Windows<MeanState>(grid)
        case "min_over_time": Windows<MinState>(grid)
        case "max_over_time": Windows<MaxState>(grid)
        case "stdvar_over_time": Windows<VarianceState>(grid)
        case "stddev_over_time": Windows<DeviationState>(grid)
        case "first_over_time": Windows<FirstState>(grid)
        case "last_over_time": Windows<LastState>(grid)
        case "rate_counter": Windows<CounterState>(grid)
        case "quantile_over_time": QuantileWindows(grid, quantile: range.parameter ?? 0.5)
        default: Windows<SumState>(grid)
        }
    }

    /// The series with their values.
    mutating func run() throws(QueryError) -> [SelectedSeries] {
        let (first, overflow) = grid.end(0).subtractingReportingOverflow(grid.width)
        let last = grid.end(grid.count - 1)
        var meter = meter
        defer { self.meter = meter }
        let reading = LineReading(
            range.pipeline, processor, from: overflow ? .min : first &+ 1, to: last)
        if range.name == "rate_counter" {
            // A counter's resets are between a line and the one before it.
            try reading.inOrder(of: engine.querier, meter: &meter) {
                (entry, stream, bytes, meter) throws(QueryError) in
                if !entry.isGap { try take(bytes, entry.timestamp, stream, &meter) }
                return true
            }
        } else {
            try reading.inAnyOrder(of: engine.querier, meter: &meter) {
                (bytes, time, stream, meter) throws(QueryError) in
                try take(bytes, time, stream, &meter)
            }
        }
        if isAbsence { return absence() }
        var result: [SelectedSeries] = []
        for (number, labels) in series.enumerated() {
            let cursor = ValuesCursor(collector.values(of: number), grid)
            result.append(SelectedSeries(labels: labels, cursor: cursor))
        }
        return result.sorted { $0.labels.precedes($1.labels) }
    }

    private var isAbsence: Bool { range.name == "absent_over_time" }

    private mutating func take(
        _ bytes: UnsafeRawBufferPointer, _ time: Int64, _ stream: KnownStream,
        _ meter: inout Meter
    ) throws(QueryError) {
        guard processor.run(bytes, timestamp: time, isFiltered: true, of: stream),
            let value = try value(stream)
        else { return }
        meter.took()
        collector.add(value, at: time, series: isAbsence ? 0 : try number(of: stream))
        guard collector.parts <= engine.options.maxParts else {
            throw QueryError(
                .badData,
                "the query would keep too many values (more than \(engine.options.maxParts)). "
                    + "Aggregate, or take a larger step")
        }
    }

    private func absence() -> [SelectedSeries] {
        var values = collector.values(of: 0)
        if values.isEmpty { values = [Double?](repeating: nil, count: grid.count) }
        var labels = Labels()
        for matcher in range.pipeline.matchers where matcher.operation == .equal {
            labels[matcher.name] = matcher.value
        }
        return [
            SelectedSeries(
                labels: labels, cursor: ValuesCursor(values.map { $0 == nil ? 1 : nil }, grid))
        ]
    }

    /// The number that a line stands for; nil when it has none.
    private func value(_ stream: KnownStream) throws(QueryError) -> Double? {
        guard let unwrap = range.unwrap else {
            if processor.changesLabels { try refuseErrors() }
            return range.name.hasPrefix("bytes_") ? Double(processor.state.bytes.count) : 1
        }
        if !processor.changesLabels {
            processor.state.labels.reset(stream: stream.labels, metadata: stream.metadata)
        }
        let text = processor.state.labels[unwrap.label]
        guard !text.isEmpty else {
            // A line without the label stands for nothing, unless something went wrong before.
            for condition in conditions where !condition.run(processor.state) { return nil }
            try refuseErrors()
            return nil
        }
        let value = unwrap.number(text)
        if value == nil {
            processor.state.labels.fail(
                "SampleExtractionErr", "\(unwrap.label)=\(Quoting.quote(text)) is no number")
        } else if range.grouping == nil {
            // The label is now the value.
            processor.state.labels.remove(unwrap.label)
        }
        for condition in conditions where !condition.run(processor.state) { return nil }
        try refuseErrors()
        return value
    }

    private func refuseErrors() throws(QueryError) {
        let labels = processor.state.labels
        guard labels.hasError else { return }
        throw QueryError(
            .badData,
            "pipeline error: '\(labels.error)' for series: '\(labels.all.shown)'. Use a label "
                + "filter to intentionally skip this error. (e.g | __error__!=\"\(labels.error)\"). "
                + "To skip all potential errors you can match empty errors.(e.g __error__=\"\") The "
                + "label filter can also be specified after unwrap. (e.g | unwrap latency | "
                + "__error__=\"\" )")
    }

    /// The number of the series that the present line belongs to.
    private mutating func number(of stream: KnownStream) throws(QueryError) -> Int {
        let isOfStream = !processor.changesLabels && range.unwrap == nil
        if isOfStream {
            if let known = stream.target { return known }
            processor.state.labels.reset(stream: stream.labels, metadata: stream.metadata)
        }
        var labels = processor.state.labels.all
        if let grouping = range.grouping {
            labels = Labels(
                sorted: labels.pairs.filter {
                    grouping.labels.contains($0.name) != grouping.isWithout
                })
        }
        let number = numbers[labels] ?? series.count
        if number == series.count {
            guard number < engine.options.maxSeries else {
                throw QueryError(
                    .badData,
                    "maximum of series (\(engine.options.maxSeries)) reached for a single query. "
                        + "Aggregate by fewer labels, or drop labels before")
            }
            numbers[labels] = number
            series.append(labels)
        }
        if isOfStream { stream.target = number }
        return number
    }
}

extension Labels {
    /// The set as messages show it.
    var shown: String {
        "{" + pairs.map { "\($0.name)=\(Quoting.quote($0.value))" }.joined(separator: ", ") + "}"
    }
}
