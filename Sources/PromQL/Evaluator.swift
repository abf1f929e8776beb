// SPDX-License-Identifier: Apache-2.0

import Model

/// One evaluation of one query: what its nodes share. Used by one thread; while the series of a
/// selector are spread over several, these only read what does not change, and the budget.
final class Evaluator {
    let querier: any SeriesQuerier
    let options: Engine.Options
    let query: QueryOptions
    /// The steps of the whole query, for `@ start()`, `step()` and the like.
    let grid: Grid
    /// The end that was asked for, for `@ end()`: the last step may be before it.
    let end: Milliseconds
    /// The query's step as `step()` has it, 0 for an instant query.
    let step: Milliseconds
    let lookback: Milliseconds
    var annotations: Annotations
    var stats = QueryStats()
    let budget: QueryBudget

    init(
        querier: any SeriesQuerier, options: Engine.Options, query: QueryOptions, text: String,
        grid: Grid, end: Milliseconds, step: Milliseconds
    ) {
        self.querier = querier
        self.options = options
        self.query = query
        self.grid = grid
        self.end = end
        self.step = step
        lookback = query.lookback ?? options.lookback
        annotations = Annotations(text: text)
        budget = QueryBudget(maxSamples: options.maxSamples, interruption: query.interruption)
    }

    // MARK: Bounds

    /// Counts the values that one node yields.
    func count(rows: Int, _ grid: Grid) throws(QueryError) {
        let (values, overflow) = rows.multipliedReportingOverflow(by: grid.count)
        guard !overflow, values <= options.maxSamples else { throw budget.tooMany }
        stats.peak = max(stats.peak, values)
        try budget.checkInterruption(work: values + 100)
    }

    // MARK: Nodes

    /// The value of a node at each step.
    func evaluate(_ expression: Expression, _ grid: Grid) throws -> Evaluated {
        if grid.count > 1, isInvariant(expression) {
            return repeated(try evaluate(expression, Grid.at(grid.start)), grid.count)
        }
        switch expression {
        case .number(let value, _, _):
            return .scalar([Double](repeating: value, count: grid.count))
        case .string(let text, _): return .string(text)
        case .paren(let inner, _): return try evaluate(inner, grid)
        case .unary(let sign, let operand, _): return try negate(operand, sign: sign, grid)
        case .binary(let binary): return try evaluate(binary, grid)
        case .call(let name, let arguments, let range):
            return try call(name, arguments, range, grid)
        case .aggregate(let aggregate): return .rows(try evaluate(aggregate, grid))
        case .selector(let selector):
            return .rows(
                selector.isSmoothed
                    ? try smoothed(selector, grid) : try instantRows(selector, grid))
        case .subquery:
            throw QueryError(.execution, "a range vector has no value of its own")
        }
    }

    /// The rows of a vector node.
    func rows(_ expression: Expression, _ grid: Grid) throws -> [Row] {
        guard case .rows(let rows) = try evaluate(expression, grid) else {
            throw QueryError(.execution, "expected a vector")
        }
        try count(rows: rows.count, grid)
        return rows
    }

    /// The values of a scalar node.
    func scalars(_ expression: Expression, _ grid: Grid) throws -> [Double] {
        guard case .scalar(let values) = try evaluate(expression, grid) else {
            throw QueryError(.execution, "expected a scalar")
        }
        return values
    }

    /// The text of a string node.
    func text(_ expression: Expression) -> String {
        guard case .string(let text, _) = expression.unwrapped else { return "" }
        return text
    }

    private func repeated(_ value: Evaluated, _ count: Int) -> Evaluated {
        switch value {
        case .string: value
        case .scalar(let values): .scalar([Double](repeating: values[0], count: count))
        case .rows(let rows):
            .rows(
                rows.map { row in
                    var row = row
                    row.values = [Double](repeating: row.values[0], count: count)
                    return row
                })
        }
    }

    private static let timeDependent: Set<String> = [
        "time", "timestamp", "day_of_month", "day_of_week", "day_of_year", "days_in_month",
        "hour", "minute", "month", "year", "predict_linear", "sort", "sort_desc", "sort_by_label",
        "sort_by_label_desc",
    ]

    /// Whether the node's value is the same at each step, because all it reads is pinned by `@`.
    private func isInvariant(_ expression: Expression) -> Bool {
        switch expression {
        case .number, .string: false
        case .paren(let inner, _), .unary(_, let inner, _): isInvariant(inner)
        case .binary(let binary):
            isInvariant(binary.left, orConstant: binary.right)
                && isInvariant(binary.right, orConstant: binary.left)
        case .call(let name, let arguments, _):
            !Self.timeDependent.contains(name)
                && arguments.contains(where: isInvariant)
                && arguments.allSatisfy { isConstant($0) || isInvariant($0) }
        case .aggregate(let aggregate):
            isInvariant(aggregate.operand)
                && (aggregate.parameter.map { isConstant($0) || isInvariant($0) } ?? true)
        case .selector(let selector): selector.at != nil
        case .subquery(let subquery): subquery.at != nil
        }
    }

    private func isInvariant(_ side: Expression, orConstant other: Expression) -> Bool {
        isInvariant(side) || (isConstant(side) && isInvariant(other))
    }

    private func isConstant(_ expression: Expression) -> Bool {
        switch expression {
        case .number, .string: true
        case .paren(let inner, _), .unary(_, let inner, _): isConstant(inner)
        case .binary(let binary): isConstant(binary.left) && isConstant(binary.right)
        default: false
        }
    }

    private func negate(
        _ operand: Expression, sign: String, _ grid: Grid
    ) throws -> Evaluated {
        let value = try evaluate(operand, grid)
        guard sign == "-" else { return value }
        switch value {
        case .string: return value
        case .scalar(let values): return .scalar(values.map { -$0 })
        case .rows(let rows):
            return .rows(
                try withoutNames(
                    rows.map { row in
                        var row = row
                        Self.apply(&row.values) { -$0 }
                        return row
                    }))
        }
    }

    /// Replaces each value that is there.
    @inline(__always)
    static func apply(_ values: inout [Double], _ body: (Double) -> Double) {
        values.withUnsafeMutableBufferPointer { values in
            for i in values.indices where !Absent.isAbsent(values[i]) {
                values[i] = body(values[i])
            }
        }
    }

    // MARK: Names

    /// The rows of a function that is no longer about the metric itself. Rows that are alike then
    /// become one; `refusingAlike` makes them an error, as Prometheus does for functions of windows.
    func withoutNames(
        _ rows: [Row], refusingAlike: Bool = false
    ) throws(QueryError) -> [Row] {
        var rows = rows
        if options.delaysNameRemoval {
            for i in rows.indices { rows[i].dropsName = true }
            return rows
        }
        for i in rows.indices { rows[i].labels = rows[i].labels.withoutName }
        guard refusingAlike else { return try merged(rows) }
        guard areUnique(rows) else { throw .sameLabels }
        return rows
    }

    /// Carries out the delayed removal of names.
    func finish(_ rows: [Row]) throws(QueryError) -> [Row] {
        guard rows.contains(where: \.dropsName) else { return try merged(rows) }
        var rows = rows
        for i in rows.indices where rows[i].dropsName {
            rows[i].labels = rows[i].labels.withoutName
        }
        return try merged(rows)
    }

    /// Makes one row of rows that have the same labels; they must not have values at the same step.
    func merged(_ rows: [Row]) throws(QueryError) -> [Row] {
        if areUnique(rows) { return rows }
        var places: [Labels: Int] = [:]
        var result: [Row] = []
        for row in rows {
            guard let place = places[row.labels] else {
                places[row.labels] = result.count
                result.append(row)
                continue
            }
            for i in row.values.indices where !Absent.isAbsent(row.values[i]) {
                guard Absent.isAbsent(result[place].values[i]) else { throw .sameLabels }
                result[place].values[i] = row.values[i]
            }
        }
        return result
    }

    /// Whether no two rows have the same labels.
    private func areUnique(_ rows: [Row]) -> Bool {
        guard rows.count > 1 else { return true }
        var seen: Set<Labels> = []
        seen.reserveCapacity(rows.count)
        return rows.allSatisfy { seen.insert($0.labels).inserted }
    }
}
