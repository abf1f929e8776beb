// SPDX-License-Identifier: Apache-2.0

import Model

/// Selectors, windows and subqueries: the only nodes that read samples.
extension Evaluator {
    // MARK: Times

    func milliseconds(_ duration: DurationExpression) throws(QueryError) -> Milliseconds {
        try duration.milliseconds(
            step: Double(step) / 1000, range: Double(end - grid.start) / 1000)
    }

    private func positive(_ duration: DurationExpression) throws(QueryError) -> Milliseconds {
        let value = try milliseconds(duration)
        guard value > 0 else {
            throw QueryError(.badData, "duration must be greater than 0")
        }
        return value
    }

    func pinned(_ at: AtModifier?) -> Milliseconds? {
        switch at {
        case .time(let time): time
        case .start: grid.start
        case .end: end
        case nil: nil
        }
    }

    // MARK: Reading

    /// The series of `selector` with samples after `after` and up to `end`.
    func select(
        _ selector: Expression.Selector, after: Milliseconds, through end: Milliseconds,
        hints: SelectHints
    ) throws -> [SelectedSeries] {
        guard after < end else { return [] }
        let series = try querier.select(
            selector.matchers, in: TimeRange(start: after + 1, end: end), hints: hints)
        stats.series += series.count
        stats.resolution = series.reduce(stats.resolution) { max($0, $1.resolution) }
        guard stats.series <= options.maxSeries else {
            throw QueryError(
                .execution,
                "the query selects more than \(options.maxSeries) series (query.max_series): "
                    + "add conditions to its selectors")
        }
        return series
    }

    private func shifted(_ time: Milliseconds, by offset: Milliseconds) -> Milliseconds {
        let (result, overflow) = time.subtractingReportingOverflow(offset)
        return overflow ? (offset > 0 ? .min / 2 : .max / 2) : result
    }

    // MARK: Instant vectors

    /// The newest sample of each series within the lookback at each step.
    func instantRows(_ selector: Expression.Selector, _ grid: Grid) throws -> [Row] {
        try instantRows(selector, grid) { _, value in value }
    }

    /// The time of the newest sample in seconds, for `timestamp()`.
    func timestampRows(_ selector: Expression.Selector, _ grid: Grid) throws -> [Row] {
        try instantRows(selector, grid) { time, _ in Double(time) / 1000 }
    }

    private func instantRows(
        _ selector: Expression.Selector, _ grid: Grid,
        _ result: (Milliseconds, Double) -> Double
    ) throws -> [Row] {
        let offset = try selector.offset.map { duration throws(QueryError) in
            try milliseconds(duration)
        }
        let first = shifted(pinned(selector.at) ?? grid.start, by: offset ?? 0)
        let source = Grid(start: first, step: selector.at == nil ? grid.step : 0, count: grid.count)
        let selected = try select(
            selector, after: shifted(source.start, by: lookback), through: source.end,
            hints: SelectHints(step: grid.count > 1 ? grid.step : 0, looksBack: true))
        try count(rows: selected.count, grid)
        let rows = try SeriesLoop.map(
            selected.count, values: grid.count, threads: options.threads, scratch: SampleBuffer.init
        ) { i, buffer -> Row? in
            var row = Row(labels: selected[i].labels, count: grid.count)
            let found = try fill(&row.values, from: selected[i], source, &buffer, result)
            return found ? row : nil
        }
        return rows.compactMap { $0 }
    }

    /// Puts the newest sample of each step into `values`; false when there is none at all.
    private func fill(
        _ values: inout [Double], from series: SelectedSeries, _ source: Grid,
        _ buffer: inout SampleBuffer, _ result: (Milliseconds, Double) -> Double
    ) throws -> Bool {
        let cursor = series.cursor
        // Two samples that follow one another may be nearly two steps of a tier apart.
        let lookback = max(lookback, 2 * series.resolution)
        var next = 0
        var available = 0
        var isAtEnd = false
        var time = Milliseconds.min
        var value = Absent.value
        var found = false
        for i in 0..<source.count {
            let now = source.time(i)
            while true {
                buffer.timestamps.withUnsafeBufferPointer { times in
                    buffer.values.withUnsafeBufferPointer { samples in
                        while next < available, times[next] <= now {
                            time = times[next]
                            value = samples[next]
                            next += 1
                        }
                    }
                }
                guard next == available, !isAtEnd else { break }
                isAtEnd = try !cursor.next(into: &buffer)
                next = 0
                available = buffer.timestamps.count
                try budget.count(samples: available)
            }
            guard time != .min, time > now &- lookback, !Absent.isAbsent(value) else { continue }
            values[i] = result(time, value)
            found = true
        }
        return found
    }

    /// Values at the exact times, drawn between the samples on both sides; the newest sample when
    /// there is none after it.
    func smoothed(_ selector: Expression.Selector, _ grid: Grid) throws -> [Row] {
        let offset = try selector.offset.map { duration throws(QueryError) in
            try milliseconds(duration)
        }
        let first = shifted(pinned(selector.at) ?? grid.start, by: offset ?? 0)
        let source = Grid(start: first, step: selector.at == nil ? grid.step : 0, count: grid.count)
        let selected = try select(
            selector, after: shifted(source.start, by: lookback), through: source.end + lookback,
            hints: SelectHints(step: grid.step))
        var rows: [Row] = []
        for one in selected {
            var row = Row(labels: one.labels, count: grid.count)
            var window = SampleWindow(cursor: one.cursor)
            for i in 0..<grid.count {
                let now = source.time(i)
                try window.move(after: now - lookback, through: now + lookback, budget)
                let samples = window.samples
                let at = samples.firstIndex { $0.time >= now } ?? samples.count
                if at < samples.count, samples[at].time == now {
                    row.values[i] = samples[at].value
                } else if at > 0 {
                    row.values[i] =
                        at < samples.count
                        ? Extended.between(samples[at - 1], samples[at], now, isCounter: false)
                        : samples[at - 1].value
                }
            }
            if row.values.contains(where: { !Absent.isAbsent($0) }) { rows.append(row) }
        }
        return rows
    }

    // MARK: Range vectors

    /// The windows of a range vector, ready to be moved over the steps of `grid`.
    func windows(
        _ expression: Expression, _ grid: Grid, function: String
    ) throws -> WindowedSeries {
        switch expression.unwrapped {
        case .selector(let selector): try windows(selector, grid, function)
        case .subquery(let subquery): try windows(subquery, grid)
        default: throw QueryError(.execution, "expected a range vector")
        }
    }

    private func windows(
        _ selector: Expression.Selector, _ grid: Grid, _ function: String
    ) throws -> WindowedSeries {
        guard let duration = selector.window else {
            throw QueryError(.execution, "expected a range vector")
        }
        let window = try positive(duration)
        let offset = try selector.offset.map { duration throws(QueryError) in
            try milliseconds(duration)
        }
        var result = WindowedSeries(
            window: window, offset: offset ?? 0, pinned: pinned(selector.at),
            range: selector.range)
        if selector.isAnchored { result.extension = .anchored }
        if selector.isSmoothed { result.extension = .smoothed }
        if result.extension != .none { result.before = lookback }
        if result.extension == .smoothed { result.after = lookback }
        let start = shifted(result.pinned ?? grid.start, by: result.offset)
        let end = shifted(result.pinned ?? grid.end, by: result.offset)
        let selected = try select(
            selector, after: shifted(start, by: window + result.before),
            through: end + result.after,
            hints: SelectHints(
                step: grid.count > 1 ? grid.step : 0, window: window, function: function))
        result.series = selected.map {
            WindowedSeries.One(
                labels: $0.labels, dropsName: false,
                samples: SampleWindow(
                    cursor: $0.cursor, countsResets: function == "rate" || function == "increase"))
        }
        return result
    }

    private func windows(
        _ subquery: Expression.Subquery, _ grid: Grid
    ) throws -> WindowedSeries {
        let window = try positive(subquery.window)
        let offset = try subquery.offset.map { duration throws(QueryError) in
            try milliseconds(duration)
        }
        var result = WindowedSeries(
            window: window, offset: offset ?? 0, pinned: pinned(subquery.at),
            range: subquery.range)
        let interval = try subquery.step.map { duration throws(QueryError) in
            try positive(duration)
        }
        let step = interval ?? options.subqueryStep
        let before = shifted(
            shifted(result.pinned ?? grid.start, by: result.offset), by: window)
        let end = shifted(result.pinned ?? grid.end, by: result.offset)
        var start = step * (before / step)
        if start <= before { start += step }
        guard start <= end else { return result }
        let steps = (end - start) / step
        guard steps < Milliseconds(options.maxSamples) else {
            throw QueryError(
                .execution,
                "query processing would load too many samples into memory in query execution "
                    + "(a subquery of \(steps) steps)")
        }
        let inner = Grid(start: start, step: step, count: Int(steps) + 1)
        let rows: [Row]
        switch try evaluate(subquery.operand, inner) {
        case .rows(let found): rows = found
        case .scalar(let values): rows = [Row(labels: [:], values: values)]
        case .string: rows = []
        }
        try count(rows: rows.count, inner)
        result.series = rows.map { row in
            var times: [Milliseconds] = []
            var values: [Double] = []
            for (i, value) in row.values.enumerated() where !Absent.isAbsent(value) {
                times.append(inner.time(i))
                values.append(value)
            }
            return WindowedSeries.One(
                labels: row.labels, dropsName: row.dropsName,
                samples: SampleWindow(times: times, values: values))
        }
        return result
    }

    /// The samples of a range vector, as an instant query answers it.
    func matrix(_ expression: Expression, _ grid: Grid) throws -> [MatrixSeries] {
        var windowed = try windows(expression, grid, function: "")
        var result: [MatrixSeries] = []
        let end = windowed.end(grid.start)
        for i in windowed.series.indices {
            try windowed.series[i].samples.move(
                after: end - windowed.window - windowed.before, through: end + windowed.after,
                budget)
            let one = windowed.series[i]
            var samples = one.samples.samples
            if windowed.extension != .none {
                samples = Extended.edges(
                    samples, after: end - windowed.window, through: end,
                    isSmoothed: windowed.extension == .smoothed)
            }
            guard !samples.isEmpty else { continue }
            result.append(
                MatrixSeries(
                    labels: one.dropsName ? one.labels.withoutName : one.labels,
                    points: samples.map { Point(timestamp: $0.time, value: $0.value) }))
        }
        return result.sorted { $0.labels.precedes($1.labels) }
    }
}

/// The series of a range vector and where their windows are.
struct WindowedSeries {
    struct One {
        let labels: Labels
        let dropsName: Bool
        var samples: SampleWindow
    }

    /// What a window takes in beyond its edges.
    enum Extension { case none, anchored, smoothed }

    let window: Milliseconds
    let offset: Milliseconds
    let pinned: Milliseconds?
    /// The bytes of the query it came from.
    let range: Range<Int>
    var `extension` = Extension.none
    /// How far before and after the window samples are read.
    var before: Milliseconds = 0
    var after: Milliseconds = 0
    var series: [One] = []

    init(
        window: Milliseconds, offset: Milliseconds, pinned: Milliseconds?, range: Range<Int>
    ) {
        self.window = window
        self.offset = offset
        self.pinned = pinned
        self.range = range
    }

    /// The end of the window of the step at `time`.
    func end(_ time: Milliseconds) -> Milliseconds { (pinned ?? time) - offset }
}
