// SPDX-License-Identifier: Apache-2.0

import Model

/// One sample.
struct TimedValue {
    var time: Milliseconds
    var value: Double
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
    /// For each sample, how many up to it were less than the one before; empty unless asked for.
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

    /// Whether it is certain that no sample of the window is less than the one before.
    var isMonotonic: Bool { countsResets && high > low && resets[high - 1] == resets[low] }

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
            if countsResets { resets.removeFirst(low) }
            high = max(0, high - low)
            low = 0
        }
        high = max(high, low)
        if times.isEmpty, !buffer.values.contains(where: Absent.isAbsent) {
            swap(&times, &buffer.timestamps)
            swap(&values, &buffer.values)
        } else if buffer.values.contains(where: Absent.isAbsent) {
            for i in buffer.timestamps.indices where !Absent.isAbsent(buffer.values[i]) {
                times.append(buffer.timestamps[i])
                values.append(buffer.values[i])
            }
        } else {
            times.append(contentsOf: buffer.timestamps)
            values.append(contentsOf: buffer.values)
        }
        if countsResets { countResets() }
    }

    /// Brings `resets` up to the samples.
    private mutating func countResets() {
        let known = resets.count
        var count = resets.last ?? 0
        resets.reserveCapacity(values.count)
        values.withUnsafeBufferPointer { values in
            for i in known..<values.count {
                if i > 0, values[i] < values[i - 1] { count += 1 }
                resets.append(count)
            }
        }
    }

    /// Calls `body` with the samples of the window, and whether they are known to be monotonic.
    @inline(__always)
    func withSamples<T>(
        _ body: (UnsafeBufferPointer<Milliseconds>, UnsafeBufferPointer<Double>, Bool) -> T
    ) -> T {
        times.withUnsafeBufferPointer { times in
            values.withUnsafeBufferPointer { values in
                body(
                    UnsafeBufferPointer(rebasing: times[low..<high]),
                    UnsafeBufferPointer(rebasing: values[low..<high]), isMonotonic)
            }
        }
    }
}
