// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// The evaluations of a range aggregation and their windows, `(end - width, end]` in nanoseconds.
struct WindowGrid: Sendable {
    /// The first evaluation's time, in milliseconds.
    var start: Milliseconds
    var step: Milliseconds
    var count: Int
    /// Nanoseconds of a window.
    var width: Int64
    /// Nanoseconds by which a window ends before its evaluation.
    var offset: Int64

    /// The last nanosecond of an evaluation's window.
    func end(_ index: Int) -> Int64 {
        (start &+ Milliseconds(index) &* step) &* 1_000_000 &- offset
    }

    func window(_ index: Int) -> Window {
        Window(start: end(index) &- width, end: end(index))
    }

    func time(_ index: Int) -> Milliseconds { start &+ Milliseconds(index) &* step }

    /// The evaluations whose windows hold a time; nil for none.
    func evaluations(of time: Int64) -> ClosedRange<Int>? {
        let width = width
        let (since, overflow) = time.subtractingReportingOverflow(end(0))
        guard !overflow else { return nil }
        let nanoseconds = step * 1_000_000
        let low = Swift.max(0, Self.ceiling(since, nanoseconds))
        let (until, overflow2) = since.addingReportingOverflow(width)
        guard !overflow2 else { return nil }
        let high = Swift.min(count - 1, Self.ceiling(until, nanoseconds) - 1)
        return low <= high ? low...high : nil
    }

    private static func ceiling(_ value: Int64, _ divisor: Int64) -> Int {
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
        return Int(rest > 0 ? quotient + 1 : quotient)
    }
}

/// Takes in samples and yields the windows' values, series by series.
protocol WindowCollector: AnyObject {
    /// Parts kept so far, for the bound on memory.
    var parts: Int { get }
    func add(_ value: Double, at time: Int64, series: Int)
    /// A value or nil for each evaluation; the series is forgotten.
    func values(of series: Int) -> [Double?]
}

/// Keeps one state for each stretch of time in which no window begins or ends, so that a sample is
/// taken in once, however many windows hold it. A window is put together by the two-stack way of
/// aggregating queues, in constant time per stretch.
final class Windows<State: WindowState>: WindowCollector {
    private struct Pane {
        var low: Int32
        var high: Int32
        var state: State
    }

    private let grid: WindowGrid
    private var series: [[Pane]] = []
    private(set) var parts = 0

    init(_ grid: WindowGrid) { self.grid = grid }

    func add(_ value: Double, at time: Int64, series number: Int) {
        guard let evaluations = grid.evaluations(of: time) else { return }
        while series.count <= number { series.append([]) }
        let (low, high) = (Int32(evaluations.lowerBound), Int32(evaluations.upperBound))
        let place = place(of: low, high, in: series[number])
        if place < series[number].count, series[number][place].low == low,
            series[number][place].high == high
        {
            series[number][place].state.add(value, at: time)
            return
        }
        var state = State()
        state.add(value, at: time)
        series[number].insert(Pane(low: low, high: high, state: state), at: place)
        parts += 1
    }

    /// Where the pane is or belongs: nearly always the last.
    private func place(of low: Int32, _ high: Int32, in panes: [Pane]) -> Int {
        let key = low + high
        guard let last = panes.last, key <= last.low + last.high else { return panes.count }
        var from = 0
        var to = panes.count - 1
        if last.low + last.high == key { return to }
        while from < to {
            let middle = (from + to) / 2
            if panes[middle].low + panes[middle].high < key {
                from = middle + 1
            } else {
                to = middle
            }
        }
        return from
    }

    func values(of number: Int) -> [Double?] {
        guard number < series.count else { return [] }
        let panes = series[number]
        series[number] = []
        var result = [Double?](repeating: nil, count: grid.count)
        // States of the panes from each on up to `middle`, the first of the window last.
        var suffixes: [State] = []
        var back = State()
        var (head, middle, tail) = (0, 0, 0)
        for i in 0..<grid.count {
            while tail < panes.count, panes[tail].low <= i {
                back.merge(panes[tail].state)
                tail += 1
            }
            while head < tail, panes[head].high < i {
                if head == middle {
                    var state = State()
                    for k in stride(from: tail - 1, through: head, by: -1) {
                        var longer = panes[k].state
                        longer.merge(state)
                        state = longer
                        suffixes.append(state)
                    }
                    middle = tail
                    back = State()
                }
                suffixes.removeLast()
                head += 1
            }
            guard head < tail else { continue }
            var state = suffixes.last ?? State()
            state.merge(back)
            result[i] = state.result(grid.window(i))
        }
        return result
    }
}

/// `quantile_over_time` keeps every value.
final class QuantileWindows: WindowCollector {
    private let grid: WindowGrid
    private let quantile: Double
    private var series: [[(time: Int64, value: Double)]] = []
    private(set) var parts = 0

    init(_ grid: WindowGrid, quantile: Double) {
        self.grid = grid
        self.quantile = quantile
    }

    func add(_ value: Double, at time: Int64, series number: Int) {
        guard grid.evaluations(of: time) != nil else { return }
        while series.count <= number { series.append([]) }
        series[number].append((time, value))
        parts += 1
    }

    func values(of number: Int) -> [Double?] {
        guard number < series.count else { return [] }
        let samples = series[number].sorted { $0.time < $1.time }
        series[number] = []
        var (head, tail) = (0, 0)
        return (0..<grid.count).map { i in
            let window = grid.window(i)
            while tail < samples.count, samples[tail].time <= window.end { tail += 1 }
            while head < tail, samples[head].time <= window.start { head += 1 }
            guard head < tail else { return nil }
            return Quantile.of(quantile, samples[head..<tail].map(\.value))
        }
    }
}
