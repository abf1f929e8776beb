// SPDX-License-Identifier: Apache-2.0

import Model

/// The samples of one series in one window, brought down to the resolution of a tier.
///
/// Each point is a sample that was taken, at its own time: the last of its part of the window. A
/// counter has the first of each part too, so that the increase within a window of whole parts is
/// seen, and the samples before and after each reset; so the increase between any two points is that
/// of all samples between them. Other series have the smallest and the largest value and the sum of
/// each part as well.
struct TierSeries {
    /// When each point is, and when the series was found to have ended.
    private(set) var times: [Milliseconds] = []
    /// Samples that each point stands for; 0 where the series ended.
    private(set) var counts: [Int64] = []
    /// Points that follow one another, as (first, count), in `times`.
    private(set) var runs: [(first: Int, count: Int)] = []
    private(set) var last: [Double] = []
    private(set) var smallest: [Double] = []
    private(set) var largest: [Double] = []
    private(set) var sum: [Double] = []
    /// Parts of the window that have samples.
    private(set) var parts = 0

    private let resolution: Milliseconds
    private let isCounter: Bool
    private var part = Part()
    private var lastPart: Milliseconds = .min
    private var previous: Double?

    private struct Part {
        var time: Milliseconds = 0
        var last = 0.0
        var smallest = 0.0
        var largest = 0.0
        var sum = 0.0
        var count: Int64 = 0
    }

    init(resolution: Milliseconds, isCounter: Bool) {
        self.resolution = resolution
        self.isCounter = isCounter
    }

    /// Takes the next run of samples; a stale marker says that the series ended.
    mutating func add(_ samples: borrowing SampleBuffer) {
        for i in samples.timestamps.indices {
            let (time, value) = (samples.timestamps[i], samples.values[i])
            if StaleMarker.isStale(value) { end(at: time) } else { add(value, at: time) }
        }
    }

    /// Completes the last part.
    mutating func finish() { emit() }

    private mutating func add(_ value: Double, at time: Milliseconds) {
        let number = Tier.part(of: time, resolution)
        let isFirst = number != lastPart
        if isFirst {
            emit()
            lastPart = number
            parts += 1
        }
        let isEdge = isCounter && (isFirst || previous.map { value < $0 } ?? true)
        if isEdge { emit() }
        if part.count == 0 {
            part = Part(smallest: value, largest: value)
        } else {
            // As min_over_time and max_over_time do: a NaN gives way to any number.
            if value < part.smallest || part.smallest.isNaN { part.smallest = value }
            if value > part.largest || part.largest.isNaN { part.largest = value }
        }
        part.time = time
        part.last = value
        part.sum += value
        part.count += 1
        previous = value
        if isEdge { emit() }
    }

    private mutating func end(at time: Milliseconds) {
        emit()
        previous = nil
        guard !times.isEmpty else { return }
        times.append(time)
        counts.append(0)
    }

    /// Makes a point of the part, if it has samples.
    private mutating func emit() {
        guard part.count > 0 else { return }
        if let run = runs.last, run.first + run.count == times.count {
            runs[runs.count - 1].count += 1
        } else {
            runs.append((times.count, 1))
        }
        times.append(part.time)
        counts.append(part.count)
        last.append(part.last)
        if !isCounter {
            smallest.append(part.smallest)
            largest.append(part.largest)
            sum.append(part.sum)
        }
        part.count = 0
    }

    /// What is stored, by column.
    var columns: [(column: TierColumn, values: [Double])] {
        isCounter
            ? [(.last, last)]
            : [(.last, last), (.smallest, smallest), (.largest, largest), (.sum, sum)]
    }
}

/// What of each part of a window is kept; the number is that in `SegmentKey`.
enum TierColumn: Int64, Sendable {
    case last = 0
    case smallest = 1
    case largest = 2
    case sum = 3
}
