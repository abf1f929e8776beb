// SPDX-License-Identifier: Apache-2.0

import Model

/// Evaluates one series step by step, holding one decoded run and the samples of one window.
struct Evaluation {
    let window: Milliseconds
    /// nil for an instant selector.
    let function: RangeFunction?
    private(set) var samples = 0

    private var buffer = SampleBuffer()
    private var next = 0
    /// The samples of the window, oldest first; those before `first` have left it.
    private var times: [Milliseconds] = []
    private var values: [Double] = []
    private var first = 0

    init(window: Milliseconds, function: RangeFunction?) {
        self.window = window
        self.function = function
    }

    mutating func run(
        _ cursor: any SampleCursor, start: Milliseconds, end: Milliseconds, step: Milliseconds
    ) throws -> [Point] {
        var points: [Point] = []
        var time = start
        while time <= end {
            try advance(cursor, to: time)
            if let value = value(at: time) { points.append(Point(timestamp: time, value: value)) }
            let (following, overflow) = time.addingReportingOverflow(step)
            guard !overflow else { break }
            time = following
        }
        return points
    }

    /// Takes in samples up to `time` and lets go of those before the window.
    private mutating func advance(_ cursor: any SampleCursor, to time: Milliseconds) throws {
        while true {
            if next == buffer.timestamps.count {
                next = 0
                guard try cursor.next(into: &buffer) else {
                    buffer.removeAll()
                    break
                }
                samples += buffer.timestamps.count
            }
            guard next < buffer.timestamps.count, buffer.timestamps[next] <= time else { break }
            times.append(buffer.timestamps[next])
            values.append(buffer.values[next])
            next += 1
        }
        while first < times.count, times[first] <= time - window { first += 1 }
        if first > 1024, first > times.count / 2 {
            times.removeFirst(first)
            values.removeFirst(first)
            first = 0
        }
    }

    private func value(at time: Milliseconds) -> Double? {
        guard first < times.count else { return nil }
        guard let function else {
            guard let last = values.last, !StaleMarker.isStale(last) else { return nil }
            return last
        }
        let kept = (first..<times.count).filter { !StaleMarker.isStale(values[$0]) }
        guard let last = kept.last else { return nil }
        let numbers = kept.map { values[$0] }
        switch function {
        case .rate, .increase: return extrapolated(kept, at: time, perSecond: function == .rate)
        case .minOverTime:
            return numbers.dropFirst().reduce(numbers[0]) { $1 < $0 || $0.isNaN ? $1 : $0 }
        case .maxOverTime:
            return numbers.dropFirst().reduce(numbers[0]) { $1 > $0 || $0.isNaN ? $1 : $0 }
        case .avgOverTime: return numbers.reduce(0, +) / Double(numbers.count)
        case .sumOverTime: return numbers.reduce(0, +)
        case .countOverTime: return Double(numbers.count)
        case .lastOverTime: return values[last]
        }
    }

    /// The increase of a counter over the window, resets counted, drawn out to the window's edges
    /// as Prometheus does it (`promql/functions.go`, `extrapolatedRate`): to an edge that is within
    /// 110 % of the samples' mean distance, else by half that distance; never below zero.
    private func extrapolated(_ kept: [Int], at time: Milliseconds, perSecond: Bool) -> Double? {
        guard kept.count > 1, let start = kept.first, let end = kept.last else { return nil }
        var increase = values[end] - values[start]
        for (before, after) in zip(kept, kept.dropFirst()) where values[after] < values[before] {
            increase += values[before]
        }
        let sampled = Double(times[end] - times[start]) / 1000
        guard sampled > 0 else { return nil }
        let mean = sampled / Double(kept.count - 1)
        var toStart = Double(times[start] - (time - window)) / 1000
        var toEnd = Double(time - times[end]) / 1000
        if toStart >= mean * 1.1 { toStart = mean / 2 }
        if increase > 0, values[start] >= 0 {
            toStart = min(toStart, sampled * (values[start] / increase))
        }
        if toEnd >= mean * 1.1 { toEnd = mean / 2 }
        let factor = (sampled + toStart + toEnd) / sampled
        return increase * factor / (perSecond ? Double(window) / 1000 : 1)
    }
}
