// SPDX-License-Identifier: Apache-2.0

public import Model

/// What one query may do otherwise than the engine's other queries.
public struct QueryOptions: Sendable {
    /// How far back an instant selector looks, in milliseconds; nil for the engine's.
    public var lookback: Milliseconds?
    /// Asked now and then while the query runs: why it must stop, or nil. It is called from the
    /// thread that evaluates, and must be quick.
    public var interruption: (@Sendable () -> QueryError?)?

    /// The engine's own options, never interrupted.
    public init(
        lookback: Milliseconds? = nil, interruption: (@Sendable () -> QueryError?)? = nil
    ) {
        self.lookback = lookback
        self.interruption = interruption
    }
}

/// Evaluates PromQL of Prometheus 3 over a `SeriesQuerier`, for floats and classic histograms
/// (https://prometheus.io/docs/prometheus/latest/querying/basics/).
///
/// A query is parsed and checked, then each node of the tree is evaluated for all steps at once:
/// one row of values for each series. Selectors are the only nodes that read the store, series by
/// series and one decoded run of samples at a time, so what is in memory is bounded by the window
/// and by the rows, never by the samples of the range. Rows are counted against `maxSamples`.
///
/// The engine owns nothing but its options. An error of the store ends the query with that error;
/// what may make an answer wrong without ending it is said in the result's warnings and infos.
///
/// Blocks its caller while it evaluates, so callers run it on threads of their own, never on the
/// cooperative pool. One engine serves any number of threads.
public struct Engine: Sendable {
    /// The bounds of one query.
    public struct Options: Sendable {
        /// How far back an instant selector looks for a sample.
        public var lookback: Milliseconds = 300_000
        /// Samples one query may read, and values one node of it may yield.
        public var maxSamples = 50_000_000
        /// Series one query may select, those of each selector counted.
        public var maxSeries = 200_000
        /// Steps a range query may have after the first: Prometheus' 11,000.
        public var maxSteps: Int64 = 11_000
        /// The step of a subquery that names none.
        public var subqueryStep: Milliseconds = 60_000
        /// Whether metric names are dropped at the end of the evaluation, so that `by (__name__)`
        /// and `label_replace` still see them: Prometheus' feature
        /// `promql-delayed-name-removal`, which it has off.
        public var delaysNameRemoval = false

        /// Threads that may work on one query.
        public var threads = SeriesLoop.threads

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
    public func instant(
        _ expression: String, at time: Milliseconds, options query: QueryOptions = QueryOptions()
    ) throws(QueryError) -> QueryResult {
        try instant(try Parser.parse(expression), of: expression, at: time, options: query)
    }

    /// The value at one time of an expression that was read, or made, before; `text` is what its
    /// places refer to.
    public func instant(
        _ parsed: Expression, of text: String, at time: Milliseconds,
        options query: QueryOptions = QueryOptions()
    ) throws(QueryError) -> QueryResult {
        let grid = Grid(start: time, step: 1, count: 1)
        return try run(text, grid: grid, end: time, step: 0, query) { evaluator in
            switch parsed.type {
            case .matrix: return .matrix(try evaluator.matrix(parsed, grid))
            case .string:
                guard case .string(let text) = try evaluator.evaluate(parsed, grid) else {
                    return .string("", at: time)
                }
                return .string(text, at: time)
            case .scalar:
                let value = try evaluator.scalars(parsed, grid)[0]
                return .scalar(Point(timestamp: time, value: value))
            case .vector:
                let rows = try evaluator.finish(try evaluator.rows(parsed, grid))
                return .vector(
                    rows.compactMap { row in
                        guard let value = row.values.first, !Absent.isAbsent(value) else {
                            return nil
                        }
                        return VectorSample(
                            labels: row.labels, point: Point(timestamp: time, value: value))
                    })
            }
        }
    }

    /// The values of `expression` from `start` to `end`, every `step`.
    public func range(
        _ expression: String, start: Milliseconds, end: Milliseconds, step: Milliseconds,
        options query: QueryOptions = QueryOptions()
    ) throws(QueryError) -> QueryResult {
        _ = try grid(start: start, end: end, step: step)
        return try range(
            try Parser.parse(expression), of: expression, start: start, end: end, step: step,
            options: query)
    }

    /// The values of an expression that was read, or made, before; `text` is what its places refer
    /// to.
    public func range(
        _ parsed: Expression, of text: String, start: Milliseconds, end: Milliseconds,
        step: Milliseconds, options query: QueryOptions = QueryOptions()
    ) throws(QueryError) -> QueryResult {
        let grid = try grid(start: start, end: end, step: step)
        guard parsed.type == .vector || parsed.type == .scalar else {
            throw QueryError(
                .badData,
                "invalid expression type \"\(parsed.type.documented)\" for range query, must be "
                    + "Scalar or instant Vector")
        }
        return try run(text, grid: grid, end: end, step: step, query) { evaluator in
            guard parsed.type == .vector else {
                let values = try evaluator.scalars(parsed, grid)
                return .matrix([MatrixSeries(labels: [:], points: grid.points(values))])
            }
            let rows = try evaluator.finish(try evaluator.rows(parsed, grid))
            var series: [MatrixSeries] = []
            series.reserveCapacity(rows.count)
            for row in rows {
                let points = grid.points(row.values)
                if !points.isEmpty {
                    series.append(MatrixSeries(labels: row.labels, points: points))
                }
            }
            return .matrix(series.sorted { $0.labels.precedes($1.labels) })
        }
    }

    /// The matchers of a selector, as `match[]` has them.
    public static func matchers(_ selector: String) throws(QueryError) -> [Matcher] {
        try Parser.selector(selector)
    }

    private func grid(
        start: Milliseconds, end: Milliseconds, step: Milliseconds
    ) throws(QueryError) -> Grid {
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
        guard !overflow, span / step <= options.maxSteps else {
            throw QueryError(
                .badData,
                "exceeded maximum resolution of 11,000 points per timeseries. Try "
                    + "decreasing the query resolution (?step=XX)")
        }
        return Grid(start: start, step: step, count: Int(span / step) + 1)
    }

    private func run(
        _ expression: String, grid: Grid, end: Milliseconds, step: Milliseconds,
        _ query: QueryOptions, _ body: (Evaluator) throws -> QueryValue
    ) throws(QueryError) -> QueryResult {
        let clock = ContinuousClock()
        let began = clock.now
        let evaluator = Evaluator(
            querier: querier, options: options, query: query, text: expression, grid: grid,
            end: end, step: step)
        do {
            var result = QueryResult(value: try body(evaluator))
            (result.warnings, result.infos) = evaluator.annotations.texts()
            result.stats = evaluator.stats
            result.stats.samples = evaluator.budget.samples
            result.stats.steps = grid.count
            let (seconds, attoseconds) = (clock.now - began).components
            result.stats.seconds = Double(seconds) + Double(attoseconds) / 1e18
            return result
        } catch let error as QueryError {
            throw error
        } catch {
            throw QueryError(.execution, "\(error)")
        }
    }
}
