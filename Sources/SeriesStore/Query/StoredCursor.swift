// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The samples of one series: packed runs of segments, then what the head had.
///
/// Runs that overlap in time (the clock was set back, or older samples were imported) are merged;
/// of two samples at one time the one that was stored first wins.
///
/// Owned by the query that made it, and used by its thread alone.
final class StoredCursor: SampleCursor {
    private var runs: [StoredRun]
    private var isSorted = false
    private var next = 0
    private let range: TimeRange
    private var codec = ValueCodec()
    private var samples = ColumnSamples()

    /// A cursor over runs; of equal times the run that was stored first wins.
    init(_ runs: [StoredRun], range: TimeRange) {
        self.runs = runs
        self.range = range
    }

    func next(into buffer: inout SampleBuffer) -> Bool {
        buffer.removeAll()
        if !isSorted {
            // Buckets come oldest first; sorting is for what was stored out of order.
            if zip(runs, runs.dropFirst()).contains(where: { $0.first > $1.first }) {
                let order = runs.indices.sorted { (runs[$0].first, $0) < (runs[$1].first, $1) }
                runs = order.map { runs[$0] }
            }
            isSorted = true
        }
        while next < runs.count, buffer.timestamps.isEmpty {
            var end = next + 1
            var last = runs[next].last
            while end < runs.count, runs[end].first <= last {
                last = max(last, runs[end].last)
                end += 1
            }
            if end == next + 1 {
                decode(runs[next], into: &buffer)
            } else {
                merge(runs[next..<end], into: &buffer)
            }
            clip(&buffer)
            next = end
        }
        return !buffer.timestamps.isEmpty
    }

    private func decode(_ run: StoredRun, into buffer: inout SampleBuffer) {
        let start = buffer.timestamps.count
        decodeWhole(run, into: &buffer)
        guard let clip = run.clip, start < buffer.timestamps.count else { return }
        let times = buffer.timestamps[start...]
        let first = start + times.partitioningIndex { $0 >= clip.start }
        let end = start + times.partitioningIndex { $0 > clip.end }
        buffer.timestamps.removeSubrange(end...)
        buffer.values.removeSubrange(end...)
        buffer.timestamps.removeSubrange(start..<first)
        buffer.values.removeSubrange(start..<first)
    }

    private func decodeWhole(_ run: StoredRun, into buffer: inout SampleBuffer) {
        samples.removeAll()
        switch run.content {
        case .head(let column): column.read(into: &samples, &codec)
        case .plain(let values):
            samples.runs = [(0, values.count)]
            samples.values = values
        case .packed(let page, let place):
            let entry = page.entries[place]
            if entry.runs.count == 1, run.counts == nil {
                return decode(page, entry, run, into: &buffer)
            }
            guard unpack(page, entry, into: &samples.values) else { return }
            samples.runs = entry.runs
        }
        if let counts = run.counts { samples.divide(by: counts) }
        let times = run.timeline
        var next = 0
        for stretch in samples.runs {
            let end = stretch.first + stretch.count
            buffer.timestamps += times[stretch.first..<end]
            buffer.values += samples.values[next..<(next + stretch.count)]
            next += stretch.count
            // The first tick without the series ends the stretch.
            if end < times.count {
                buffer.timestamps.append(times[end])
                buffer.values.append(StaleMarker.value)
            }
        }
    }

    /// Unpacks a series that was present in one stretch of ticks, up to the end of the range.
    private func decode(
        _ page: SegmentPage, _ entry: Segment.Entry, _ run: StoredRun,
        into buffer: inout SampleBuffer
    ) {
        let times = run.timeline
        let (first, count) = entry.runs[0]
        let start = max(range.start, run.clip?.start ?? .min)
        let end = min(range.end, run.clip?.end ?? .max)
        let low = times[0] < start ? times.partitioningIndex { $0 >= start } : 0
        let high =
            times[times.count - 1] > end ? times.partitioningIndex { $0 > end } : times.count
        let from = max(low, first) - first
        let to = min(high, first + count) - first
        if from < to {
            let base = buffer.values.count
            buffer.values.append(contentsOf: repeatElement(0, count: to))
            let isWhole = page.bytes.withUnsafeBytes { bytes in
                buffer.values.withUnsafeMutableBufferPointer {
                    codec.decode(
                        UnsafeRawBufferPointer(rebasing: bytes[entry.values]),
                        into: UnsafeMutableBufferPointer(rebasing: $0[base...]), skipping: from)
                }
            }
            guard isWhole else {
                buffer.values.removeLast(to)
                return
            }
            if from > 0 { buffer.values.removeSubrange(base..<(base + from)) }
            buffer.timestamps += times[(first + from)..<(first + to)]
        }
        // The first tick without the series ends the stretch.
        let after = first + count
        if after < times.count, after >= low, after < high {
            buffer.timestamps.append(times[after])
            buffer.values.append(StaleMarker.value)
        }
    }

    private func unpack(
        _ page: SegmentPage, _ entry: Segment.Entry, into values: inout [Double]
    ) -> Bool {
        values.append(contentsOf: repeatElement(0, count: entry.count))
        let isWhole = page.bytes.withUnsafeBytes { bytes in
            values.withUnsafeMutableBufferPointer {
                codec.decode(UnsafeRawBufferPointer(rebasing: bytes[entry.values]), into: $0)
            }
        }
        if !isWhole { values.removeAll(keepingCapacity: true) }
        return isWhole
    }

    private func merge(_ several: ArraySlice<StoredRun>, into buffer: inout SampleBuffer) {
        var all: [(time: Milliseconds, order: Int, value: Double)] = []
        var one = SampleBuffer()
        for run in several {
            one.removeAll()
            decode(run, into: &one)
            for (time, value) in zip(one.timestamps, one.values) {
                // A marker gives way to any sample at its time.
                all.append((time, StaleMarker.isStale(value) ? .max : run.order, value))
            }
        }
        all.sort { ($0.time, $0.order) < ($1.time, $1.order) }
        for sample in all where sample.time != buffer.timestamps.last {
            buffer.timestamps.append(sample.time)
            buffer.values.append(sample.value)
        }
    }

    /// Takes away what is outside the range.
    private func clip(_ buffer: inout SampleBuffer) {
        guard let first = buffer.timestamps.first, let last = buffer.timestamps.last else { return }
        if last > range.end {
            let keep = buffer.timestamps.partitioningIndex { $0 > range.end }
            buffer.timestamps.removeSubrange(keep...)
            buffer.values.removeSubrange(keep...)
        }
        if first < range.start {
            let drop = buffer.timestamps.partitioningIndex { $0 >= range.start }
            buffer.timestamps.removeFirst(drop)
            buffer.values.removeFirst(drop)
        }
    }
}

extension ColumnSamples {
    /// Divides each value by the number of samples it is the sum of.
    fileprivate mutating func divide(by counts: [Int64]) {
        var at = 0
        for run in runs {
            for tick in run.first..<(run.first + run.count) {
                if tick < counts.count, counts[tick] > 1 { values[at] /= Double(counts[tick]) }
                at += 1
            }
        }
    }
}

extension RandomAccessCollection where Index == Int {
    /// How many elements there are before the first at which `isSecond` holds; it holds for everything after.
    func partitioningIndex(where isSecond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isSecond(self[startIndex + middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Samples of one series: in a segment, or in memory.
struct StoredRun: Sendable {
    enum Content: Sendable {
        /// An entry of a segment.
        case packed(SegmentPage, Int)
        case head(HeadColumn)
        /// A value for each tick.
        case plain([Double])
    }

    /// The ticks that the series could have had a sample at.
    let timeline: [Milliseconds]
    let content: Content
    /// No sample is before.
    private(set) var first: Milliseconds
    /// No sample is after.
    private(set) var last: Milliseconds
    /// Samples outside are not taken.
    private(set) var clip: TimeRange?
    /// By how many each tick's value is to be divided, when it is a sum of which the mean is wanted.
    private(set) var counts: [Int64]?
    /// What was stored first has the smaller number; what is in memory is after all segments.
    let order: Int

    /// A column in memory, of those the one with this number.
    init(_ column: HeadColumn, order: Int) {
        timeline = column.times
        content = .head(column)
        first = column.times.first ?? .max
        last = column.times.last ?? .min
        self.order = .max / 2 + order
    }

    /// Samples that somebody sent; there is at least one.
    init(_ series: BackfillSeries, order: Int) {
        timeline = series.timestamps
        content = .plain(series.values)
        first = timeline.first ?? .max
        last = timeline.last ?? .min
        self.order = .max / 4 + order
    }

    /// An entry of a segment; nil when it does not fit its timeline.
    init?(_ page: SegmentPage, _ place: Int, _ timeline: [Milliseconds], order: Int) {
        let runs = page.entries[place].runs
        guard let start = runs.first else { return nil }
        var before = 0
        for run in runs {
            guard run.first >= before, run.count > 0, run.first + run.count <= timeline.count else {
                return nil
            }
            before = run.first + run.count
        }
        self.timeline = timeline
        content = .packed(page, place)
        first = timeline[start.first]
        // The tick after the last sample says that it was the last.
        last = timeline[min(before, timeline.count - 1)]
        self.order = order
    }

    /// This run without what is outside `range`, its values divided by `counts`; nil when nothing is
    /// left.
    func clipped(to range: TimeRange, by counts: [Int64]?) -> StoredRun? {
        var run = self
        run.counts = counts
        guard first < range.start || last > range.end else { return run }
        run.clip = range
        run.first = max(first, range.start)
        run.last = min(last, range.end)
        return run.first <= run.last ? run : nil
    }
}
