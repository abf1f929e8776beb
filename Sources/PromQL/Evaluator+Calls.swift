// SPDX-License-Identifier: Apache-2.0

import Model

/// Function calls.
extension Evaluator {
    func call(
        _ name: String, _ arguments: [Expression], _ range: Range<Int>, _ grid: Grid
    ) throws -> Evaluated {
        if let function = RangeFunction(rawValue: name) {
            return .rows(try overWindows(function, arguments, range, grid))
        }
        if let constant = constant(name, grid) { return .scalar(constant) }
        if let function = MathFunction.all[name] {
            var rows = try rows(arguments[0], grid)
            for i in rows.indices { Self.apply(&rows[i].values, function) }
            return .rows(try withoutNames(rows))
        }
        if let field = CalendarField(rawValue: name) {
            return .rows(try calendar(field, arguments, grid))
        }
        switch name {
        case "scalar": return .scalar(scalar(try rows(arguments[0], grid), grid))
        case "vector":
            return .rows([Row(labels: [:], values: try scalars(arguments[0], grid))])
        case "min_of", "max_of":
            let (a, b) = (try scalars(arguments[0], grid), try scalars(arguments[1], grid))
            return .scalar(
                zip(a, b).map { a, b in
                    if a.isNaN || b.isNaN { return .nan }
                    return name == "min_of" ? min(a, b) : max(a, b)
                })
        case "absent": return .rows(try absent(arguments[0], grid))
        case "timestamp": return .rows(try timestamp(arguments[0], grid))
        case "clamp", "clamp_min", "clamp_max", "round":
            return .rows(try bounded(name, arguments, grid))
        case "label_replace": return .rows(try labelReplace(arguments, grid))
        case "label_join": return .rows(try labelJoin(arguments, grid))
        case "sort", "sort_desc", "sort_by_label", "sort_by_label_desc":
            return .rows(try sort(name, arguments, range, grid))
        default: return .rows(try histogram(name, arguments, grid))
        }
    }

    /// Functions without arguments, which say something of the query.
    private func constant(_ name: String, _ grid: Grid) -> [Double]? {
        let value: Double
        switch name {
        case "time": return (0..<grid.count).map { Double(grid.time($0)) / 1000 }
        case "pi": value = .pi
        case "start": value = Double(self.grid.start) / 1000
        case "end": value = Double(end) / 1000
        case "step": value = Double(step) / 1000
        case "range": value = Double(end - self.grid.start) / 1000
        default: return nil
        }
        return [Double](repeating: value, count: grid.count)
    }

    // MARK: Absence

    /// A row that is 1 where no other row has a value.
    func inverted(_ rows: [Row], labels: Labels, _ grid: Grid) -> Row {
        var result = Row(labels: labels, values: [Double](repeating: 1, count: grid.count))
        for row in rows {
            for i in 0..<grid.count where !Absent.isAbsent(row.values[i]) {
                result.values[i] = Absent.value
            }
        }
        return result
    }

    private func absent(_ argument: Expression, _ grid: Grid) throws -> [Row] {
        [inverted(try rows(argument, grid), labels: absentLabels(argument), grid)]
    }

    /// The labels that a selector's `=` conditions name, each once.
    func absentLabels(_ argument: Expression) -> Labels {
        guard case .selector(let selector) = argument.unwrapped else { return [:] }
        var labels = Labels()
        var seen: Set<String> = []
        for matcher in selector.matchers where matcher.name != Labels.metricName {
            if matcher.operation == .equal, seen.insert(matcher.name).inserted {
                labels[matcher.name] = matcher.value
            } else {
                labels[matcher.name] = ""
            }
        }
        return labels
    }

    // MARK: One row to another

    private func scalar(_ rows: [Row], _ grid: Grid) -> [Double] {
        (0..<grid.count).map { i in
            var found: Double?
            for row in rows where !Absent.isAbsent(row.values[i]) {
                guard found == nil else { return .nan }
                found = row.values[i]
            }
            return found ?? .nan
        }
    }

    private func timestamp(_ argument: Expression, _ grid: Grid) throws -> [Row] {
        if case .selector(let selector) = argument.unwrapped, !selector.isSmoothed {
            if selector.at != nil, grid.count > 1 {
                let rows = try timestampRows(selector, Grid.at(grid.start))
                return try withoutNames(
                    rows.map { row in
                        Row(
                            labels: row.labels,
                            values: [Double](repeating: row.values[0], count: grid.count))
                    })
            }
            return try withoutNames(try timestampRows(selector, grid))
        }
        var rows = try rows(argument, grid)
        for r in rows.indices {
            for i in 0..<grid.count where !Absent.isAbsent(rows[r].values[i]) {
                rows[r].values[i] = Double(grid.time(i)) / 1000
            }
        }
        return try withoutNames(rows)
    }

    private func bounded(
        _ name: String, _ arguments: [Expression], _ grid: Grid
    ) throws -> [Row] {
        var rows = try rows(arguments[0], grid)
        let first =
            arguments.count > 1
            ? try scalars(arguments[1], grid) : [Double](repeating: 1, count: grid.count)
        let second = arguments.count > 2 ? try scalars(arguments[2], grid) : first
        for r in rows.indices {
            for i in 0..<grid.count where !Absent.isAbsent(rows[r].values[i]) {
                rows[r].values[i] = Self.bounded(
                    name, rows[r].values[i], first[i], second[i])
            }
        }
        return try withoutNames(rows)
    }

    private static func bounded(
        _ name: String, _ value: Double, _ first: Double, _ second: Double
    ) -> Double {
        switch name {
        case "clamp":
            if first > second { return Absent.value }
            return MathFunction.max(first, MathFunction.min(second, value))
        case "clamp_min": return MathFunction.max(first, value)
        case "clamp_max": return MathFunction.min(first, value)
        default:
            // Halves go up, and dividing by the inverse keeps decimal steps exact.
            let inverse = 1 / first
            return (value * inverse + 0.5).rounded(.down) / inverse
        }
    }

    private func calendar(
        _ field: CalendarField, _ arguments: [Expression], _ grid: Grid
    ) throws -> [Row] {
        guard let argument = arguments.first else {
            return [
                Row(labels: [:], values: (0..<grid.count).map { field.of(grid.time($0) / 1000) })
            ]
        }
        var rows = try rows(argument, grid)
        for r in rows.indices {
            Self.apply(&rows[r].values) { value in
                guard value.isFinite, abs(value) < 1e15 else { return .nan }
                return field.of(Int64(value))
            }
        }
        return try withoutNames(rows)
    }

    private func sort(
        _ name: String, _ arguments: [Expression], _ range: Range<Int>, _ grid: Grid
    ) throws -> [Row] {
        let rows = try rows(arguments[0], grid)
        guard self.grid.count == 1, grid.count == 1 else {
            annotations.warn(
                "sort is ineffective for range queries since results are always ordered by labels",
                range)
            return rows
        }
        let present = rows.filter { !Absent.isAbsent($0.values[0]) }
        switch name {
        case "sort", "sort_desc":
            let isDescending = name == "sort_desc"
            return present.sorted { a, b in
                let (a, b) = (a.values[0], b.values[0])
                if a.isNaN || b.isNaN { return !a.isNaN }
                return isDescending ? a > b : a < b
            }
        default:
            let keys = arguments.dropFirst().map(text)
            let sorted = present.sorted { NaturalOrder.precedes($0.labels, $1.labels, by: keys) }
            return name == "sort_by_label" ? sorted : sorted.reversed()
        }
    }
}
