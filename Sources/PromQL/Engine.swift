// SPDX-License-Identifier: Apache-2.0

public import Model

/// Evaluates PromQL over a `SeriesQuerier`.
///
/// It knows numbers, selectors, and functions of a range selector (`rate`, `increase` and the
/// `*_over_time` family); anything else is refused with its place. Windows are left-open and
/// staleness is Prometheus': `lookback` for instant selectors, cut off by a stale marker.
///
/// Blocks its caller while it evaluates, so callers run it on threads of their own, never on the
/// cooperative pool. One engine serves any number of threads.
public struct Engine: Sendable {
    /// The bounds of one query.
    public struct Options: Sendable {
        /// How far back an instant selector looks for a sample.
        public var lookback: Milliseconds = 300_000
        /// Samples one query may read.
        public var maxSamples = 50_000_000
        /// Steps a range query may have: Prometheus' 11,000.
        public var maxSteps: Int64 = 11_000

        /// Prometheus' defaults.
        public init() {}
    }

    let querier: any SeriesQuerier
    let options: Options

    /// An engine over `querier` within `options`.
    public init(querier: any SeriesQuerier, options: Options = Options()) {
        self.querier = querier
        self.options = options
    }

    /// The value of `expression` at one time.
    public func instant(_ expression: String, at time: Milliseconds) throws(QueryError)
        -> QueryResult
    {
        let parsed = try Parser.parse(expression)
        if case .number(let value) = parsed {
            return QueryResult(value: .scalar(Point(timestamp: time, value: value)))
        }
        let (series, stats) = try evaluate(parsed, start: time, end: time, step: 1)
        var result = QueryResult(
            value: .vector(
                series.compactMap { one in
                    one.points.first.map { VectorSample(labels: one.labels, point: $0) }
                }))
        result.stats = stats
        return result
    }

    /// The values of `expression` from `start` to `end`, every `step`.
    public func range(
        _ expression: String, start: Milliseconds, end: Milliseconds, step: Milliseconds
    ) throws(QueryError) -> QueryResult {
        guard step > 0 else {
            throw QueryError(
                .badData,
                "zero or negative query resolution step widths are not accepted. "
                    + "Try a positive integer")
        }
        guard end >= start else {
            throw QueryError(.badData, "end timestamp must not be before start time")
        }
        let (span, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, span / step < options.maxSteps else {
            throw QueryError(
                .badData,
                "exceeded maximum resolution of 11,000 points per timeseries. Try "
                    + "decreasing the query resolution (?step=XX)")
        }
        let parsed = try Parser.parse(expression)
        if case .number(let value) = parsed {
            let points = stride(from: start, through: end, by: Int(step)).map {
                Point(timestamp: $0, value: value)
            }
            return QueryResult(value: .matrix([MatrixSeries(labels: [:], points: points)]))
        }
        let (series, stats) = try evaluate(parsed, start: start, end: end, step: step)
        var result = QueryResult(value: .matrix(series))
        result.stats = stats
        return result
    }

    /// The matchers of a selector, as `match[]` has them.
    public static func matchers(_ selector: String) throws(QueryError) -> [Matcher] {
        try Parser.selector(selector)
    }

    private func evaluate(
        _ expression: Expression, start: Milliseconds, end: Milliseconds, step: Milliseconds
    ) throws(QueryError) -> ([MatrixSeries], QueryStats) {
        var stats = QueryStats()
        let matchers: [Matcher]
        let window: Milliseconds
        let function: RangeFunction?
        switch expression {
        case .number: return ([], stats)
        case .selector(let m): (matchers, window, function) = (m, options.lookback, nil)
        case .range(let f, let m, let w): (matchers, window, function) = (m, w, f)
        }
        let (from, overflow) = start.subtractingReportingOverflow(window)
        let range = TimeRange(start: overflow ? .min : from + 1, end: end)
        let hints = SelectHints(step: step, window: window, function: function?.rawValue ?? "")
        let selected: [SelectedSeries]
        do { selected = try querier.select(matchers, in: range, hints: hints) } catch {
            throw QueryError(.badData, "\(error)")
        }
        var result: [MatrixSeries] = []
        for one in selected {
            var evaluation = Evaluation(window: window, function: function)
            let points: [Point]
            do {
                points = try evaluation.run(one.cursor, start: start, end: end, step: step)
            } catch { throw QueryError(.execution, "\(error)") }
            stats.samples += evaluation.samples
            guard stats.samples <= options.maxSamples else {
                throw QueryError(
                    .execution, "query processing would load too many samples into memory")
            }
            guard !points.isEmpty else { continue }
            var labels = one.labels
            if function != nil, function != .lastOverTime { labels[Labels.metricName] = "" }
            result.append(MatrixSeries(labels: labels, points: points))
        }
        stats.series = selected.count
        stats.steps = Int((end - start) / step) + 1
        return (result, stats)
    }
}
