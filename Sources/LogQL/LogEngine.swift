// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL

/// Evaluates LogQL over a `LogQuerier` (https://grafana.com/docs/loki/latest/query/).
///
/// Lines stream: what the store can try (times, outputs, levels, texts and expressions) it tries,
/// block by block; the pipeline sees what is left, one line at a time, and stops at the limit. Of
/// a metric query each range aggregation is one pass over its lines, which keeps per series the
/// parts of windows and no line; operators and aggregations over series are PromQL's, to whose
/// engine each range aggregation looks like a selector.
///
/// Blocks its caller while it evaluates. One engine serves any number of threads.
public struct LogEngine: Sendable {
    /// The bounds of one query.
    public struct Options: Sendable {
        /// Lines one answer may have, whatever limit is asked for: Loki's 5,000.
        public var maxLines = 5_000
        /// Series one range aggregation may make, and streams one answer may have.
        public var maxSeries = 20_000
        /// Parts of windows one range aggregation may keep: each takes 20 to 100 bytes.
        public var maxParts = 4_000_000
        /// Steps a range query may have after the first: Loki's and Prometheus' 11,000.
        public var maxSteps: Int64 = 11_000
        /// Bytes of lines one query may look at.
        public var maxBytes: Int64 = 1 << 40
        /// Bytes of lines one answer may hold.
        public var maxAnswer = 128 << 20

        /// The defaults.
        public init() {}
    }

    let querier: any LogQuerier
    /// The bounds of its queries.
    public let options: Options

    /// An engine over `querier` within `options`.
    public init(querier: any LogQuerier, options: Options = Options()) {
        self.querier = querier
        self.options = options
    }

    /// Milliseconds that a time may be away from the epoch: what nanoseconds can hold.
    private static let farthest: Milliseconds = 9_000_000_000_000

    /// The value of a metric query at one time, in milliseconds.
    public func instant(
        _ metric: MetricExpression, at time: Milliseconds, options query: QueryOptions = .init()
    ) throws(QueryError) -> LogResult {
        try run(metric, start: time, step: 1, count: 1, query) {
            (engine, expression, options) throws(QueryError) in
            try engine.instant(expression, of: "", at: time, options: options)
        }
    }

    /// The value of a metric query at one time: a vector, or a scalar. This is what alerting rules
    /// over logs evaluate. Throws for a query for lines.
    public func instant(
        _ text: String, at time: Milliseconds, options query: QueryOptions = .init()
    ) throws(QueryError) -> QueryResult {
        guard case .metric(let metric) = try LogParser.parse(text) else {
            throw QueryError(
                .badData,
                "log queries are not supported as an instant query type, please change your query "
                    + "to a range query type")
        }
        let result = try instant(metric, at: time, options: query)
        var answer = QueryResult(value: result.value)
        answer.stats.samples = result.stats.lines
        answer.stats.steps = 1
        answer.stats.seconds = result.stats.seconds
        return answer
    }

    /// The values of a metric query from `start` to `end`, every `step`, in milliseconds.
    public func range(
        _ metric: MetricExpression, start: Milliseconds, end: Milliseconds, step: Milliseconds,
        options query: QueryOptions = .init()
    ) throws(QueryError) -> LogResult {
        guard step > 0 else {
            throw QueryError(
                .badData,
                "zero or negative query resolution step widths are not accepted. "
                    + "Try a positive integer")
        }
        guard end >= start else {
            throw QueryError(.badData, "end timestamp must not be before or equal to start time")
        }
        let (span, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, span / step <= options.maxSteps else {
            throw QueryError(
                .badData,
                "exceeded maximum resolution of 11,000 points per time series. Try increasing the "
                    + "value of the step parameter")
        }
        let count = Int(span / step) + 1
        return try run(metric, start: start, step: step, count: count, query) {
            (engine, expression, options) throws(QueryError) in
            try engine.range(
                expression, of: "", start: start, end: end, step: step, options: options)
        }
    }

    private func run(
        _ metric: MetricExpression, start: Milliseconds, step: Milliseconds, count: Int,
        _ query: QueryOptions,
        _ body: (Engine, Expression, QueryOptions) throws(QueryError) -> QueryResult
    ) throws(QueryError) -> LogResult {
        let last = start.addingReportingOverflow(Milliseconds(count) &* step)
        guard start.magnitude <= Self.farthest, step <= Self.farthest, !last.overflow,
            last.partialValue.magnitude <= Self.farthest * 2
        else { throw QueryError(.badData, "a time of the query is too far away") }
        let clock = ContinuousClock()
        let began = clock.now
        let plan = MetricPlan(metric)
        let ranges = RangeQuerier(
            engine: self, ranges: plan.ranges,
            grid: WindowGrid(start: start, step: step, count: count, width: 0, offset: 0),
            interruption: query.interruption)
        var limits = Engine.Options()
        limits.maxSteps = options.maxSteps
        limits.maxSeries = options.maxSeries
        // A sample is of its very step.
        limits.lookback = 1
        let engine = Engine(querier: ranges, options: limits)
        let result: QueryResult
        do throws(QueryError) {
            result = try body(
                engine, plan.expression, QueryOptions(interruption: query.interruption))
        } catch { throw ranges.failure ?? error }
        var stats = ranges.stats
        stats.seconds = (clock.now - began).seconds
        return LogResult(value: result.value, stats: stats)
    }
}

extension Duration {
    /// In seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// What a metric query came to.
public struct LogResult: Hashable, Sendable {
    /// The value.
    public var value: QueryValue
    /// What it cost.
    public var stats: LogStats

    /// A value and its cost.
    public init(value: QueryValue, stats: LogStats) {
        self.value = value
        self.stats = stats
    }
}

/// What a query cost.
public struct LogStats: Hashable, Sendable {
    /// Lines that the store yielded: those its index and the line filters did not rule out.
    public var lines = 0
    /// Bytes of them.
    public var bytes: Int64 = 0
    /// Lines that passed the pipeline.
    public var matched = 0
    /// Wall time in seconds.
    public var seconds = 0.0

    /// Nothing yet.
    public init() {}
}

/// Counts what a query looks at and ends it when it must.
struct Meter {
    private(set) var stats = LogStats()
    private let maxBytes: Int64
    let interruption: (@Sendable () -> QueryError?)?
    private var untilCheck = 0

    init(_ options: LogEngine.Options, _ interruption: (@Sendable () -> QueryError?)?) {
        maxBytes = options.maxBytes
        self.interruption = interruption
    }

    /// Counts a line.
    mutating func saw(_ bytes: Int) throws(QueryError) {
        stats.lines += 1
        stats.bytes += Int64(bytes)
        untilCheck -= 1
        guard untilCheck < 0 else { return }
        untilCheck = 500
        if let error = interruption?() { throw error }
        guard stats.bytes <= maxBytes else {
            throw QueryError(
                .badData,
                "the query would read too many bytes (more than \(maxBytes)). Select fewer "
                    + "streams, a shorter time or a text that lines must hold")
        }
    }

    mutating func took() { stats.matched += 1 }
}
