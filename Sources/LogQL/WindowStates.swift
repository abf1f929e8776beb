// SPDX-License-Identifier: Apache-2.0

import Glibc
import PromQL

/// What is kept of the samples of a stretch of time, so that the stretches of a window can be put
/// together.
protocol WindowState {
    init()
    mutating func add(_ value: Double, at time: Int64)
    /// Takes in what is later.
    mutating func merge(_ later: Self)
    /// The window's value, of `seconds` up to `end` (nanoseconds); nil for none.
    func result(_ window: Window) -> Double?
}

/// One evaluation's window.
struct Window {
    /// The first nanosecond that is outside, before it.
    var start: Int64
    /// The last nanosecond.
    var end: Int64
    var seconds: Double { Double(end - start) / 1e9 }
}

/// `count_over_time`, `bytes_over_time`, `sum_over_time`.
struct SumState: WindowState {
    private var sum = CompensatedSum()
    mutating func add(_ value: Double, at time: Int64) { sum.add(value) }
    mutating func merge(_ later: Self) {
        sum.add(later.sum.sum)
        sum.add(later.sum.compensation)
    }
    func result(_ window: Window) -> Double? { sum.value }
}

/// `rate`, `bytes_rate`.
struct RateState: WindowState {
    private var sum = SumState()
    mutating func add(_ value: Double, at time: Int64) { sum.add(value, at: time) }
    mutating func merge(_ later: Self) { sum.merge(later.sum) }
    func result(_ window: Window) -> Double? { sum.result(window).map { $0 / window.seconds } }
}

/// `min_over_time`.
struct MinState: WindowState {
    private var value = Double.nan
    mutating func add(_ other: Double, at time: Int64) {
        if value.isNaN || other < value { value = other }
    }
    mutating func merge(_ later: Self) { add(later.value, at: 0) }
    func result(_ window: Window) -> Double? { value }
}

/// `max_over_time`.
struct MaxState: WindowState {
    private var value = Double.nan
    mutating func add(_ other: Double, at time: Int64) {
        if value.isNaN || other > value { value = other }
    }
    mutating func merge(_ later: Self) { add(later.value, at: 0) }
    func result(_ window: Window) -> Double? { value }
}

/// Mean and spread by Chan's way of putting parts together.
struct Moments {
    private(set) var count = 0.0
    private(set) var mean = 0.0
    private var squares = 0.0

    mutating func add(_ value: Double) {
        count += 1
        let delta = value - mean
        mean += delta / count
        squares += delta * (value - mean)
    }

    mutating func merge(_ other: Moments) {
        guard other.count > 0 else { return }
        guard count > 0 else {
            self = other
            return
        }
        let total = count + other.count
        let delta = other.mean - mean
        squares += other.squares + delta * delta * count * other.count / total
        mean += delta * other.count / total
        count = total
    }

    var variance: Double { squares / count }
}

/// `avg_over_time`.
struct MeanState: WindowState {
    private var moments = Moments()
    mutating func add(_ value: Double, at time: Int64) { moments.add(value) }
    mutating func merge(_ later: Self) { moments.merge(later.moments) }
    func result(_ window: Window) -> Double? { moments.mean }
}

/// `stdvar_over_time`.
struct VarianceState: WindowState {
    private var moments = Moments()
    mutating func add(_ value: Double, at time: Int64) { moments.add(value) }
    mutating func merge(_ later: Self) { moments.merge(later.moments) }
    func result(_ window: Window) -> Double? { moments.variance }
}

/// `stddev_over_time`.
struct DeviationState: WindowState {
    private var moments = Moments()
    mutating func add(_ value: Double, at time: Int64) { moments.add(value) }
    mutating func merge(_ later: Self) { moments.merge(later.moments) }
    func result(_ window: Window) -> Double? { sqrt(moments.variance) }
}

/// `first_over_time`. Lines of several logs may come out of order by a little.
struct FirstState: WindowState {
    private var time = Int64.max
    private var value = 0.0
    mutating func add(_ other: Double, at when: Int64) {
        if when < time { (time, value) = (when, other) }
    }
    mutating func merge(_ later: Self) { if later.time < time { self = later } }
    func result(_ window: Window) -> Double? { value }
}

/// `last_over_time`.
struct LastState: WindowState {
    private var time = Int64.min
    private var value = 0.0
    mutating func add(_ other: Double, at when: Int64) {
        if when >= time { (time, value) = (when, other) }
    }
    mutating func merge(_ later: Self) { if later.time >= time { self = later } }
    func result(_ window: Window) -> Double? { value }
}

/// `rate_counter`: PromQL's `rate`, resets counted in and drawn out to the window's edges.
struct CounterState: WindowState {
    private var count = 0
    private var first = (time: Int64(0), value: 0.0)
    private var last = (time: Int64(0), value: 0.0)
    private var resets = 0.0

    mutating func add(_ value: Double, at time: Int64) {
        if count == 0 {
            first = (time, value)
        } else if value < last.value {
            resets += last.value
        }
        last = (time, value)
        count += 1
    }

    mutating func merge(_ later: Self) {
        guard later.count > 0 else { return }
        guard count > 0 else {
            self = later
            return
        }
        if later.first.value < last.value { resets += last.value }
        resets += later.resets
        last = later.last
        count += later.count
    }

    func result(_ window: Window) -> Double? {
        guard count > 1, last.time > first.time else { return nil }
        let increase = last.value - first.value + resets
        let sampled = Double(last.time - first.time) / 1e9
        let spacing = sampled / Double(count - 1)
        var toStart = Double(first.time - window.start) / 1e9
        var toEnd = Double(window.end - last.time) / 1e9
        // A counter cannot have been below zero.
        if increase > 0, first.value >= 0 {
            toStart = min(toStart, sampled * first.value / increase)
        }
        if toStart >= spacing * 1.1 { toStart = spacing / 2 }
        if toEnd >= spacing * 1.1 { toEnd = spacing / 2 }
        return increase * ((sampled + toStart + toEnd) / sampled) / window.seconds
    }
}
