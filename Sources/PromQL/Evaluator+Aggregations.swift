// SPDX-License-Identifier: Apache-2.0

import Model

/// Aggregations: the groups are found once per series, then values are taken in row by row.
extension Evaluator {
    func evaluate(_ aggregate: Expression.Aggregate, _ grid: Grid) throws -> [Row] {
        let rows = try rows(aggregate.operand, grid)
        if aggregate.name == "count_values" { return try countValues(aggregate, rows, grid) }
        let parameter = try aggregate.parameter.map { try scalars($0, grid) } ?? []
        let groups = Groups(aggregate, rows)
        switch aggregate.name {
        case "topk", "bottomk", "limitk":
            return try selected(aggregate, rows, groups, parameter, grid)
        case "limit_ratio": return try limitRatio(aggregate, rows, parameter, grid)
        case "quantile": return quantiles(aggregate, rows, groups, parameter, grid)
        case "avg": return averages(rows, groups, grid)
        case "stddev", "stdvar":
            return deviations(rows, groups, grid, isRoot: aggregate.name == "stddev")
        case "sum": return sums(rows, groups, grid)
        default: return folded(aggregate.name, rows, groups, grid)
        }
    }

    private func sums(_ rows: [Row], _ groups: Groups, _ grid: Grid) -> [Row] {
        var results = groups.rows(grid)
        var lost = [[Double]](
            repeating: [Double](repeating: 0, count: grid.count), count: results.count)
        for (row, group) in zip(rows, groups.ofRow) {
            row.values.withUnsafeBufferPointer { values in
                results[group].values.withUnsafeMutableBufferPointer { sums in
                    lost[group].withUnsafeMutableBufferPointer { lost in
                        for i in values.indices where !Absent.isAbsent(values[i]) {
                            if Absent.isAbsent(sums[i]) {
                                sums[i] = values[i]
                            } else {
                                var sum = CompensatedSum(sums[i], lost[i])
                                sum.add(values[i])
                                (sums[i], lost[i]) = (sum.sum, sum.compensation)
                            }
                        }
                    }
                }
            }
        }
        for r in results.indices {
            for i in 0..<grid.count where !Absent.isAbsent(results[r].values[i]) {
                results[r].values[i] += lost[r][i]
            }
        }
        return results
    }

    /// `min`, `max`, `count` and `group`.
    private func folded(
        _ name: String, _ rows: [Row], _ groups: Groups, _ grid: Grid
    ) -> [Row] {
        var results = groups.rows(grid)
        func fold(_ first: (Double) -> Double, _ next: (Double, Double) -> Double) {
            for (row, group) in zip(rows, groups.ofRow) {
                row.values.withUnsafeBufferPointer { values in
                    results[group].values.withUnsafeMutableBufferPointer { folded in
                        for i in values.indices where !Absent.isAbsent(values[i]) {
                            folded[i] =
                                Absent.isAbsent(folded[i])
                                ? first(values[i]) : next(folded[i], values[i])
                        }
                    }
                }
            }
        }
        switch name {
        case "min": fold({ $0 }, { $0 > $1 || $0.isNaN ? $1 : $0 })
        case "max": fold({ $0 }, { $0 < $1 || $0.isNaN ? $1 : $0 })
        case "count": fold({ _ in 1 }, { count, _ in count + 1 })
        default: fold({ _ in 1 }, { group, _ in group })
        }
        return results
    }

    private func averages(_ rows: [Row], _ groups: Groups, _ grid: Grid) -> [Row] {
        var results = groups.rows(grid)
        var means = [[CompensatedMean?]](
            repeating: [CompensatedMean?](repeating: nil, count: grid.count),
            count: results.count)
        for (row, group) in zip(rows, groups.ofRow) {
            for (i, value) in row.values.enumerated() where !Absent.isAbsent(value) {
                if means[group][i]?.add(value) == nil {
                    means[group][i] = CompensatedMean(value)
                }
            }
        }
        for r in results.indices {
            for i in 0..<grid.count {
                if let mean = means[r][i] { results[r].values[i] = mean.value }
            }
        }
        return results
    }

    private func deviations(
        _ rows: [Row], _ groups: Groups, _ grid: Grid, isRoot: Bool
    ) -> [Row] {
        struct Moments {
            var count = 0.0
            var mean = 0.0
            var square = 0.0
        }
        var results = groups.rows(grid)
        var moments = [[Moments]](
            repeating: [Moments](repeating: Moments(), count: grid.count), count: results.count)
        for (row, group) in zip(rows, groups.ofRow) {
            for (i, value) in row.values.enumerated() where !Absent.isAbsent(value) {
                var one = moments[group][i]
                one.count += 1
                if one.count == 1 {
                    one.mean = value
                    one.square = value.isFinite ? 0 : .nan
                } else {
                    let difference = value - one.mean
                    one.mean += difference / one.count
                    one.square += difference * (value - one.mean)
                }
                moments[group][i] = one
            }
        }
        for r in results.indices {
            for i in 0..<grid.count where moments[r][i].count > 0 {
                let variance = moments[r][i].square / moments[r][i].count
                results[r].values[i] = isRoot ? variance.squareRoot() : variance
            }
        }
        return results
    }

    private func quantiles(
        _ aggregate: Expression.Aggregate, _ rows: [Row], _ groups: Groups,
        _ parameter: [Double], _ grid: Grid
    ) -> [Row] {
        if let range = aggregate.parameter?.range, !rows.isEmpty {
            let numbers = parameter.filter { !$0.isNaN }
            if numbers.count < parameter.count { annotations.quantileOutOfRange(.nan, range) }
            if let most = numbers.max(), most > 1 { annotations.quantileOutOfRange(most, range) }
            if let least = numbers.min(), least < 0 { annotations.quantileOutOfRange(least, range) }
        }
        var results = groups.rows(grid)
        var values: [Double] = []
        for (group, members) in groups.members.enumerated() {
            for i in 0..<grid.count {
                values.removeAll(keepingCapacity: true)
                for member in members where !Absent.isAbsent(rows[member].values[i]) {
                    values.append(rows[member].values[i])
                }
                if !values.isEmpty {
                    results[group].values[i] = Quantile.of(parameter[i], values)
                }
            }
        }
        return results
    }

    private func countValues(
        _ aggregate: Expression.Aggregate, _ rows: [Row], _ grid: Grid
    ) throws -> [Row] {
        let label = aggregate.parameter.map(text) ?? ""
        guard Self.isLabelName(label) else {
            throw QueryError(.execution, "invalid label name \(Quoting.quote(label))")
        }
        var results: [Row] = []
        var places: [Labels: Int] = [:]
        for row in rows {
            var last = (value: Absent.value, place: 0)
            for (i, value) in row.values.enumerated() where !Absent.isAbsent(value) {
                if value.bitPattern != last.value.bitPattern {
                    var grouping = aggregate
                    if !aggregate.isWithout { grouping.grouping.append(label) }
                    var labels = row.labels
                    labels[label] = Quoting.decimal(value)
                    labels = LabelSelection(grouping).labels(labels)
                    if places[labels] == nil {
                        places[labels] = results.count
                        results.append(Row(labels: labels, count: grid.count))
                        try count(rows: results.count, grid)
                    }
                    last = (value, places[labels] ?? 0)
                }
                let before = results[last.place].values[i]
                results[last.place].values[i] = Absent.isAbsent(before) ? 1 : before + 1
            }
        }
        return results
    }

    // MARK: Choosing series

    private func selected(
        _ aggregate: Expression.Aggregate, _ rows: [Row], _ groups: Groups,
        _ parameter: [Double], _ grid: Grid
    ) throws -> [Row] {
        guard let most = parameter.filter({ !$0.isNaN }).max() ?? parameter.first, !(most < 1),
            !rows.isEmpty
        else { return [] }
        guard !parameter.contains(where: \.isNaN) else {
            throw QueryError(.execution, "Parameter value is NaN")
        }
        if let least = parameter.min(), least <= -9.223372036854776e18 {
            throw QueryError(
                .execution, "Scalar value \(Quoting.general(least)) underflows int64")
        }
        guard most < 9.223372036854776e18 else {
            throw QueryError(.execution, "Scalar value \(Quoting.general(most)) overflows int64")
        }
        var results = rows.map {
            Row(labels: $0.labels, dropsName: $0.dropsName, count: grid.count)
        }
        var order: [Int] = []
        for members in groups.members {
            for i in 0..<grid.count {
                let k = Int(min(parameter[i], Double(rows.count)))
                let present = members.filter { !Absent.isAbsent(rows[$0].values[i]) }
                let chosen = Self.choose(aggregate.name, k, present) { rows[$0].values[i] }
                for member in chosen { results[member].values[i] = rows[member].values[i] }
                if grid.count == 1 { order += chosen }
            }
            try budget.checkInterruption(work: grid.count * members.count)
        }
        // An instant query answers in order of the values.
        if grid.count == 1 { return order.map { results[$0] } }
        return results.filter { $0.values.contains { !Absent.isAbsent($0) } }
    }

    /// The `k` members of largest or smallest value, NaN last; or just the first `k`.
    private static func choose(
        _ name: String, _ k: Int, _ members: [Int], _ value: (Int) -> Double
    ) -> [Int] {
        guard k > 0 else { return [] }
        if name == "limitk" { return Array(members.prefix(k)) }
        let isTop = name == "topk"
        func precedes(_ a: Double, _ b: Double) -> Bool {
            if a.isNaN || b.isNaN { return !a.isNaN && b.isNaN }
            return isTop ? a > b : a < b
        }
        // For a small k one pass with a short list beats sorting all.
        var best: [(member: Int, value: Double)] = []
        if k > 64 {
            best = members.map { ($0, value($0)) }
            best.sort { precedes($0.value, $1.value) || (equal($0, $1) && $0.member < $1.member) }
            return best.prefix(k).map(\.member)
        }
        for member in members {
            let candidate = value(member)
            if best.count == k, let last = best.last, !precedes(candidate, last.value) { continue }
            var place = best.count
            while place > 0, precedes(candidate, best[place - 1].value) { place -= 1 }
            best.insert((member, candidate), at: place)
            if best.count > k { best.removeLast() }
        }
        return best.map(\.member)
    }

    private static func equal(
        _ a: (member: Int, value: Double), _ b: (member: Int, value: Double)
    ) -> Bool { a.value == b.value || (a.value.isNaN && b.value.isNaN) }

    /// A part of the series, the same at each call: those whose hash is below the ratio, or above
    /// it for a negative one.
    private func limitRatio(
        _ aggregate: Expression.Aggregate, _ rows: [Row], _ parameter: [Double], _ grid: Grid
    ) throws -> [Row] {
        guard !parameter.contains(where: \.isNaN) else {
            throw QueryError(.execution, "Ratio value is NaN")
        }
        if let range = aggregate.parameter?.range {
            if let most = parameter.max(), most > 1 {
                annotations.warn(
                    "ratio value should be between -1 and 1, got \(Quoting.general(most)), "
                        + "capping to 1", range)
            }
            if let least = parameter.min(), least < -1 {
                annotations.warn(
                    "ratio value should be between -1 and 1, got \(Quoting.general(least)), "
                        + "capping to -1", range)
            }
        }
        var result: [Row] = []
        for row in rows {
            let place = Double(row.labels.stableHash) / Double(UInt64.max)
            var row = row
            for i in 0..<grid.count {
                let ratio = min(1, max(-1, parameter[i]))
                if !(ratio >= 0 ? place < ratio : place >= 1 + ratio) {
                    row.values[i] = Absent.value
                }
            }
            if row.values.contains(where: { !Absent.isAbsent($0) }) { result.append(row) }
        }
        return result
    }
}
