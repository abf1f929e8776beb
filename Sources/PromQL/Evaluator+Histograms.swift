// SPDX-License-Identifier: Apache-2.0

import Model

/// Classic histograms: series that differ in the label `le` alone, each the count of observations
/// up to that bound.
extension Evaluator {
    private static let bound = "le"

    /// The buckets of one histogram: rows of the argument with their bounds, in order of bounds.
    private struct Histogram {
        var labels: Labels
        let metric: String
        var buckets: [(bound: Double, row: Int)] = []
    }

    func histogram(_ name: String, _ arguments: [Expression], _ grid: Grid) throws -> [Row] {
        switch name {
        case "histogram_quantile":
            let quantiles = try scalars(arguments[0], grid)
            remark(quantiles, arguments[0].range)
            return try quantileRows(arguments[1], grid, [("", "", quantiles)])
        case "histogram_quantiles":
            let label = text(arguments[1])
            var wanted: [(String, String, [Double])] = []
            for argument in arguments.dropFirst(2) {
                let values = try scalars(argument, grid)
                remark(values, argument.range)
                // The label takes the value at the first step; the argument is a literal in
                // practice.
                wanted.append((label, Self.openMetrics(values[0]), values))
            }
            return try quantileRows(arguments[0], grid, wanted)
        case "histogram_fraction":
            let (lower, upper) = (
                try scalars(arguments[0], grid), try scalars(arguments[1], grid)
            )
            return try histogramRows(arguments[2], grid) { buckets, i, _ in
                Buckets.fraction(from: lower[i], to: upper[i], &buckets)
            }
        default:
            // The others read native histograms, of which the store has none; for a float they
            // have no value.
            _ = try rows(arguments[0], grid)
            return []
        }
    }

    private func remark(_ quantiles: [Double], _ range: Range<Int>) {
        for value in quantiles where value.isNaN || value < 0 || value > 1 {
            annotations.quantileOutOfRange(value, range)
        }
    }

    /// A number as OpenMetrics writes bounds: always with a fraction.
    private static func openMetrics(_ value: Double) -> String {
        if value.isInfinite || value.isNaN { return Quoting.decimal(value) }
        let text = Quoting.general(value)
        return text.contains(".") || text.contains("e") ? text : text + ".0"
    }

    private func quantileRows(
        _ argument: Expression, _ grid: Grid, _ wanted: [(String, String, [Double])]
    ) throws -> [Row] {
        var result: [Row] = []
        for (label, value, quantiles) in wanted {
            var rows = try histogramRows(argument, grid) { buckets, i, metric in
                let answer = Buckets.quantile(quantiles[i], &buckets)
                if let forced = answer.forced {
                    annotations.forcedMonotonic(
                        metric: options.delaysNameRemoval ? metric : "", at: grid.time(i),
                        from: forced.from, to: forced.to, by: forced.difference, argument.range)
                }
                return answer.value
            }
            if !label.isEmpty {
                for i in rows.indices { rows[i].labels[label] = value }
            }
            result += rows
        }
        return try merged(result)
    }

    /// Evaluates `body` for the buckets of each histogram at each step where it has any.
    private func histogramRows(
        _ argument: Expression, _ grid: Grid,
        _ body: (inout [Buckets.Bucket], Int, String) -> Double
    ) throws -> [Row] {
        let rows = try rows(argument, grid)
        var histograms: [Histogram] = []
        var places: [Labels: Int] = [:]
        for (i, row) in rows.enumerated() {
            let text = row.labels[Self.bound]
            guard let bound = Self.parse(text) else {
                if row.values.contains(where: { !Absent.isAbsent($0) }) {
                    annotations.badBucket(
                        text,
                        metric: options.delaysNameRemoval ? row.labels[Labels.metricName] : "",
                        argument.range)
                }
                continue
            }
            let key = row.labels.removing([Self.bound])
            if places[key] == nil {
                places[key] = histograms.count
                histograms.append(
                    Histogram(labels: key, metric: row.labels[Labels.metricName]))
            }
            if let place = places[key] { histograms[place].buckets.append((bound, i)) }
        }
        var result: [Row] = []
        var buckets: [Buckets.Bucket] = []
        for histogram in histograms {
            var row = Row(labels: histogram.labels, count: grid.count)
            let members = histogram.buckets.sorted { $0.bound < $1.bound }
            for i in 0..<grid.count {
                buckets.removeAll(keepingCapacity: true)
                for (bound, member) in members {
                    let count = rows[member].values[i]
                    if !Absent.isAbsent(count) { buckets.append(.init(bound: bound, count: count)) }
                }
                if !buckets.isEmpty { row.values[i] = body(&buckets, i, histogram.metric) }
            }
            try budget.checkInterruption(work: grid.count * members.count)
            result.append(row)
        }
        return try withoutNames(result)
    }

    /// A bucket's bound, as Go's `ParseFloat` reads it.
    static func parse(_ text: String) -> Double? {
        switch text.lowercased() {
        case "": nil
        case "+inf", "inf", "+infinity", "infinity": .infinity
        case "-inf", "-infinity": -.infinity
        default: Double(text)
        }
    }
}
