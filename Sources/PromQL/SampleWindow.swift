// SPDX-License-Identifier: Apache-2.0

import Model

/// One sample.
struct TimedValue {
    var time: Milliseconds
    var value: Double
}

/// Where the windows of a function's steps are.
struct WindowSteps {
    let count: Int
    private let width: Milliseconds
    private let firstEnd: Milliseconds
    private let step: Milliseconds

    /// The windows of `windowed` at the steps of `grid`, none wider than it says.
    init(_ windowed: WindowedSeries, _ grid: Grid) {
        count = grid.count
        width = windowed.window
        firstEnd = windowed.end(grid.start)
        step = windowed.pinned == nil ? grid.step : 0
    }

    @inline(__always)
    func end(_ i: Int) -> Milliseconds { firstEnd &+ Milliseconds(i) &* step }

    /// The edge, which is not part of the window.
    @inline(__always)
    func start(_ i: Int) -> Milliseconds { end(i) &- width }
}

/// A window that moves forward over the samples of one series; it holds the samples of the window
/// and the rest of the run that was decoded last. Stale markers are left out.
struct SampleWindow {
    private(set) var times: [Milliseconds]
    private(set) var values: [Double]
    /// The samples in the window.
    private(set) var low = 0
    private(set) var high = 0
    private var cursor: (any SampleCursor)?
    private var buffer = SampleBuffer()
    /// The places of samples that are less than the one before, ascending; empty unless asked for.
    private var resets: [Int] = []
    private let countsResets: Bool

    /// The memory of a window, used again for one series after the other: so much of it is touched
    /// that it pays to have it in the cache.
    struct Memory {
        fileprivate var times: [Milliseconds] = []
        fileprivate var values: [Double] = []
        fileprivate var buffer = SampleBuffer()
        fileprivate var resets: [Int] = []
    }

    /// Works in `memory` from now on, if it has read nothing yet.
    mutating func take(_ memory: inout Memory) {
        guard cursor != nil, times.isEmpty else { return }
        swap(&times, &memory.times)
        swap(&values, &memory.values)
        swap(&buffer, &memory.buffer)
        swap(&resets, &memory.resets)
        times.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        resets.removeAll(keepingCapacity: true)
    }

    /// Gives the memory back; the window is over.
    mutating func giveBack(_ memory: inout Memory) {
        swap(&times, &memory.times)
        swap(&values, &memory.values)
        swap(&buffer, &memory.buffer)
        swap(&resets, &memory.resets)
    }

    /// A window over what `cursor` yields. With `countsResets` a window knows without looking at
    /// its samples whether a counter was reset in it.
    init(cursor: any SampleCursor, countsResets: Bool = false) {
        self.cursor = cursor
        self.countsResets = countsResets
        times = []
        values = []
    }

    init(times: [Milliseconds], values: [Double]) {
        self.times = times
        self.values = values
        countsResets = false
    }

    var count: Int { high - low }

    var samples: [TimedValue] {
        (low..<high).map { TimedValue(time: times[$0], value: values[$0]) }
    }

    /// Moves to the samples later than `after` and not later than `end`. Both may only grow from
    /// call to call.
    mutating func move(
        after: Milliseconds, through end: Milliseconds, _ budget: QueryBudget
    ) throws {
        while cursor != nil, times.last.map({ $0 <= end }) ?? true {
            try load(after: after, budget)
        }
        times.withUnsafeBufferPointer { times in
            while high < times.count, times[high] <= end { high += 1 }
            while low < high, times[low] <= after { low += 1 }
        }
    }

    /// Moves over all steps, from where it is: calls `body` with the number of each step and its
    /// window, if there is a sample in it. The window's `now`, `first` and `second` are not set.
    @inline(__always)
    mutating func sweep(
        _ steps: WindowSteps, _ budget: QueryBudget, _ body: (Int, Window) -> Void
    ) throws {
        var next = 0
        while next < steps.count {
            while cursor != nil, times.last.map({ $0 <= steps.end(next) }) ?? true {
                try load(after: steps.start(next), budget)
            }
            // All steps whose windows are in memory at once, with what changes kept at hand.
            let (isComplete, newest) = (cursor == nil, times.last ?? .min)
            var (low, high) = (low, high)
            // Mostly a window moves on by as many samples as the one before.
            var (lowStride, highStride) = (0, 0)
            times.withUnsafeBufferPointer { times in
                values.withUnsafeBufferPointer { values in
                    resets.withUnsafeBufferPointer { resets in
                        var reset = 0
                        while next < steps.count {
                            let (start, end) = (steps.start(next), steps.end(next))
                            guard isComplete || end < newest else { break }
                            high = Self.advance(high, &highStride, over: times, to: end)
                            low = Self.advance(low, &lowStride, over: times, to: start)
                            while reset < resets.count, resets[reset] <= low { reset &+= 1 }
                            if low < high {
                                body(
                                    next,
                                    Window(
                                        times: UnsafeBufferPointer(rebasing: times[low..<high]),
                                        values: UnsafeBufferPointer(rebasing: values[low..<high]),
                                        start: start, end: end,
                                        isMonotonic: countsResets
                                            && (reset == resets.count || resets[reset] >= high)))
                            }
                            next &+= 1
                        }
                    }
                }
            }
            (self.low, self.high) = (low, high)
        }
    }

    /// The place from `place` on of the first sample that is later than `time`. `stride` is by how much
    /// it was moved the last time.
    @inline(__always)
    private static func advance(
        _ place: Int, _ stride: inout Int, over times: UnsafeBufferPointer<Milliseconds>,
        to time: Milliseconds
    ) -> Int {
        let guess = place &+ stride
        if stride > 0, guess < times.count, times[guess] > time, times[guess &- 1] <= time {
            return guess
        }
        var next = place
        while next < times.count, times[next] <= time { next &+= 1 }
        stride = next &- place
        return next
    }

    private mutating func load(after: Milliseconds, _ budget: QueryBudget) throws {
        guard let cursor, try cursor.next(into: &buffer) else {
            self.cursor = nil
            return
        }
        try budget.count(samples: buffer.timestamps.count)
        while low < times.count, times[low] <= after { low += 1 }
        if low == times.count {
            times.removeAll(keepingCapacity: true)
            values.removeAll(keepingCapacity: true)
            resets.removeAll(keepingCapacity: true)
            (low, high) = (0, 0)
        } else if low > 1024, low > times.count / 2 {
            times.removeFirst(low)
            values.removeFirst(low)
            resets = resets.filter { $0 > low }.map { $0 - low }
            high = max(0, high - low)
            low = 0
        }
        high = max(high, low)
        let (hasMarkers, hasResets) = inspect()
        let known = values.count
        append(hasMarkers: hasMarkers)
        if countsResets, hasResets { findResets(from: known) }
    }

    /// Whether there are markers in the buffer, and values that may be less than the one before: four at
    /// a time, for most often there is neither.
    private func inspect() -> (hasMarkers: Bool, hasResets: Bool) {
        let before = values.last ?? -.infinity
        return buffer.values.withUnsafeBufferPointer { values in
            guard let start = UnsafeRawPointer(values.baseAddress) else { return (false, false) }
            let marker = SIMD4(repeating: Int64(bitPattern: Absent.value.bitPattern))
            var markers = SIMDMask<SIMD4<Int64>>(repeating: false)
            var falls = markers
            var i = 1
            while i &+ 4 <= values.count {
                let here = start.loadUnaligned(fromByteOffset: i &* 8, as: SIMD4<Double>.self)
                let last = start.loadUnaligned(fromByteOffset: i &* 8 &- 8, as: SIMD4<Double>.self)
                falls .|= here .< last
                let bits = start.loadUnaligned(fromByteOffset: i &* 8, as: SIMD4<Int64>.self)
                markers .|= bits .== marker
                i &+= 4
            }
            var hasMarkers = any(markers) || Absent.isAbsent(values[0])
            var hasResets = any(falls) || values[0] < before
            while i < values.count {
                hasMarkers = hasMarkers || Absent.isAbsent(values[i])
                hasResets = hasResets || values[i] < values[i &- 1]
                i &+= 1
            }
            // A marker hides whether the value after it is less than the one before it.
            return (hasMarkers, hasResets || hasMarkers)
        }
    }

    private mutating func append(hasMarkers: Bool) {
        if hasMarkers {
            for i in buffer.timestamps.indices where !Absent.isAbsent(buffer.values[i]) {
                times.append(buffer.timestamps[i])
                values.append(buffer.values[i])
            }
        } else if times.isEmpty {
            swap(&times, &buffer.timestamps)
            swap(&values, &buffer.values)
        } else {
            times.append(contentsOf: buffer.timestamps)
            values.append(contentsOf: buffer.values)
        }
    }

    /// Adds the places of resets from `start` on.
    private mutating func findResets(from start: Int) {
        values.withUnsafeBufferPointer { values in
            for i in max(1, start)..<max(1, start, values.count) where values[i] < values[i &- 1] {
                resets.append(i)
            }
        }
    }
}
