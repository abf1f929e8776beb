// SPDX-License-Identifier: Apache-2.0

import Model

/// Windows that reach beyond their edges: `anchored` takes the last sample before the window as
/// its first, `smoothed` draws values at both edges between the samples around them.
enum Extended {
    /// The value at `time` on the line between two samples.
    static func between(
        _ a: TimedValue, _ b: TimedValue, _ time: Milliseconds, isCounter: Bool
    ) -> Double {
        let from = isCounter && b.value < a.value ? 0 : a.value
        return from + (b.value - from) * Double(time - a.time) / Double(b.time - a.time)
    }

    /// Where the window begins and ends in `samples`, and the values at its edges; nil when there
    /// is nothing in it.
    private static func bounds(
        _ samples: [TimedValue], _ start: Milliseconds, _ end: Milliseconds, isSmoothed: Bool,
        isCounter: Bool
    ) -> (first: Int, last: Int, left: Double, right: Double)? {
        guard !samples.isEmpty else { return nil }
        var last = samples.count - 1
        let first = Swift.max(
            0, (samples[..<last].firstIndex { $0.time > start } ?? last) - 1)
        if isSmoothed { last = samples[..<last].firstIndex { $0.time >= end } ?? last }
        guard samples[last].time > start else { return nil }
        if isSmoothed, samples[first].time > end { return nil }
        var left = samples[first].value
        if isSmoothed, samples[first].time < start, first + 1 < samples.count {
            left = between(samples[first], samples[first + 1], start, isCounter: isCounter)
        }
        var right = samples[last].value
        if isSmoothed, last > 0, samples[last].time > end {
            right = between(samples[last - 1], samples[last], end, isCounter: isCounter)
        }
        return (first, last, left, right)
    }

    /// The value of a function that may have such a window, or `Absent`.
    static func value(
        _ function: RangeFunction, _ samples: [TimedValue], after start: Milliseconds,
        through end: Milliseconds, isSmoothed: Bool
    ) -> Double {
        guard function == .changes || function == .resets else {
            return change(function, samples, after: start, through: end, isSmoothed: isSmoothed)
        }
        guard let anchored = anchored(samples, after: start) else { return Absent.value }
        let times = anchored.map(\.time)
        let values = anchored.map(\.value)
        return times.withUnsafeBufferPointer { times in
            values.withUnsafeBufferPointer { values in
                let window = Window(
                    times: times, values: values, start: start, end: end, now: end)
                return function == .changes ? window.changes() : window.resets()
            }
        }
    }

    /// `rate`, `increase` or `delta` between the edges, without extrapolation.
    private static func change(
        _ function: RangeFunction, _ samples: [TimedValue], after start: Milliseconds,
        through end: Milliseconds, isSmoothed: Bool
    ) -> Double {
        let isCounter = function != .delta
        guard
            let (from, to, left, right) = bounds(
                samples, start, end, isSmoothed: isSmoothed, isCounter: isCounter)
        else { return Absent.value }
        var (first, last) = (from, to)
        var result = right - left
        if isCounter {
            if samples[first].time <= start { first += 1 }
            if samples[last].time >= end { last -= 1 }
            var previous = left
            if first <= last {
                for sample in samples[first...last] {
                    if sample.value < previous { result += previous }
                    previous = sample.value
                }
            }
            if right < previous { result += previous }
        }
        return function == .rate ? result / (Double(end - start) / 1000) : result
    }

    /// The samples from the last one at or before the start on; nil when none is after it.
    private static func anchored(_ samples: [TimedValue], after start: Milliseconds)
        -> [TimedValue]?
    {
        guard let first = samples.firstIndex(where: { $0.time > start }) else { return nil }
        return Array(samples[Swift.max(0, first - 1)...])
    }

    /// The samples of the window with one at each edge.
    static func edges(
        _ samples: [TimedValue], after start: Milliseconds, through end: Milliseconds,
        isSmoothed: Bool
    ) -> [TimedValue] {
        guard
            let (first, last, left, right) = bounds(
                samples, start, end, isSmoothed: isSmoothed, isCounter: false)
        else { return [] }
        let inner = samples[first...last].filter { $0.time > start && $0.time < end }
        return [TimedValue(time: start, value: left)] + inner
            + [TimedValue(time: end, value: right)]
    }
}
