// SPDX-License-Identifier: Apache-2.0

import Model

/// What a thread that evaluates windows of one series after the other uses again.
private struct WindowScratch {
    var memory = SampleWindow.Memory()
    var extrapolations = Extrapolations()
}

/// Functions of windows of samples.
extension Evaluator {
    func overWindows(
        _ function: RangeFunction, _ arguments: [Expression], _ range: Range<Int>, _ grid: Grid
    ) throws -> [Row] {
        guard let place = arguments.firstIndex(where: { $0.type == .matrix }) else {
            throw QueryError(.execution, "expected a range vector")
        }
        var parameters: [[Double]] = []
        for (i, argument) in arguments.enumerated() where i != place {
            parameters.append(try scalars(argument, grid))
        }
        try check(function, parameters)
        let windowed = try windows(arguments[place], grid, function: function.rawValue)
        try count(rows: windowed.series.count, grid)
        // A window costs twice what a sample looked up does.
        let rows = try SeriesLoop.map(
            windowed.series.count, values: 2 * grid.count, threads: options.threads,
            scratch: WindowScratch.init
        ) { i, scratch -> Row? in
            let one = windowed.series[i]
            var row = Row(labels: one.labels, dropsName: one.dropsName, count: grid.count)
            // Of its own, so that moving it copies nothing.
            var samples = one.samples
            samples.take(&scratch.memory)
            defer { samples.giveBack(&scratch.memory) }
            let found = try fill(
                &row.values, function, windowed, &samples, parameters, grid,
                &scratch.extrapolations)
            return found ? row : nil
        }.compactMap { $0 }
        remark(function, on: rows, windowed.range, parameters, arguments)
        if function == .absentOverTime {
            return [inverted(rows, labels: absentLabels(arguments[place]), grid)]
        }
        return function.keepsName ? rows : try withoutNames(rows, refusingAlike: true)
    }

    /// Says what may be wrong with a function of these series.
    private func remark(
        _ function: RangeFunction, on rows: [Row], _ range: Range<Int>, _ parameters: [[Double]],
        _ arguments: [Expression]
    ) {
        if function == .quantileOverTime, !rows.isEmpty {
            for value in parameters[0] where value.isNaN || value < 0 || value > 1 {
                annotations.quantileOutOfRange(value, arguments[0].range)
            }
        }
        guard function == .rate || function == .increase else { return }
        for row in rows { remarkIfNotCounter(row.labels[Labels.metricName], range) }
    }

    private func check(_ function: RangeFunction, _ parameters: [[Double]]) throws(QueryError) {
        guard function == .doubleExponentialSmoothing else { return }
        for (i, name) in ["smoothing", "trend"].enumerated() {
            for value in parameters[i] where !(value > 0 && value < 1) {
                throw QueryError(
                    .execution,
                    "invalid \(name) factor. Expected: 0 < \(name.prefix(1))f < 1, got: \(value)")
            }
        }
    }

    private func remarkIfNotCounter(_ name: String, _ range: Range<Int>) {
        let endings = ["_total", "_sum", "_count", "_bucket"]
        if !name.isEmpty, !endings.contains(where: name.hasSuffix) {
            annotations.notACounter(name, range)
        }
    }

    // MARK: The steps of one series

    /// Evaluates the function for each step; false when it has no value at any.
    private func fill(
        _ values: inout [Double], _ function: RangeFunction, _ windowed: WindowedSeries,
        _ samples: inout SampleWindow, _ parameters: [[Double]], _ grid: Grid,
        _ extrapolations: inout Extrapolations
    ) throws -> Bool {
        try budget.checkInterruption(work: grid.count)
        if windowed.extension != .none {
            return try fillExtended(&values, function, windowed, &samples, grid)
        }
        let steps = WindowSteps(windowed, grid)
        if let kind = Extrapolation.Kind(function) {
            return try values.withUnsafeMutableBufferPointer { values in
                var found = false
                try samples.sweep(steps, budget) { i, window in
                    let value = extrapolations.value(kind, at: i, window)
                    if !Absent.isAbsent(value) {
                        values[i] = value
                        found = true
                    }
                }
                return found
            }
        }
        let first = parameters.first ?? []
        let second = parameters.count > 1 ? parameters[1] : []
        return try values.withUnsafeMutableBufferPointer { values in
            var found = false
            try samples.sweep(steps, budget) { i, window in
                var window = window
                window.now = grid.time(i)
                if !first.isEmpty { window.first = first[i] }
                if !second.isEmpty { window.second = second[i] }
                let value = window.value(function)
                if !Absent.isAbsent(value) {
                    values[i] = value
                    found = true
                }
            }
            return found
        }
    }

    private func fillExtended(
        _ values: inout [Double], _ function: RangeFunction, _ windowed: WindowedSeries,
        _ samples: inout SampleWindow, _ grid: Grid
    ) throws -> Bool {
        let (width, before, after) = (windowed.window, windowed.before, windowed.after)
        var found = false
        for i in 0..<grid.count {
            let end = windowed.end(grid.time(i))
            try samples.move(after: end - width - before, through: end + after, budget)
            guard samples.count > 0 else { continue }
            let value = Extended.value(
                function, samples.samples, after: end - width, through: end,
                isSmoothed: windowed.extension == .smoothed)
            if !Absent.isAbsent(value) {
                values[i] = value
                found = true
            }
        }
        return found
    }
}
