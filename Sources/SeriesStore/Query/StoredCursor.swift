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
    /// Whether nothing but the newest sample is wanted, so that older ones may be left out.
    private let isNewestWanted: Bool
    private let codec = ValueCodec()
    private var samples = ColumnSamples()

    /// A cursor over runs; of equal times the run that was stored first wins.
    init(_ runs: [StoredRun], range: TimeRange, isNewestWanted: Bool = false) {
        self.runs = runs
        self.range = range
        self.isNewestWanted = isNewestWanted
    }

    func next(into buffer: inout SampleBuffer) -> Bool {
        buffer.removeAll()
        sortRuns()
        if isNewestWanted {
            readNewest(into: &buffer)
            return !buffer.timestamps.isEmpty
        }
        while next < runs.count, buffer.timestamps.isEmpty {
            let end = endOfGroup(next)
            if end > next + 1 {
                merge(runs[next..<end], into: &buffer)
                next = end
            } else if end < runs.count, endOfGroup(end) == end + 1,
                let one = PackedStretch(runs[next], range),
                let other = PackedStretch(runs[end], range)
            {
                decode(one, other, into: &buffer)
                next = end + 1
            } else {
                decode(runs[next], into: &buffer)
                next = end
            }
            clip(&buffer)
        }
        return !buffer.timestamps.isEmpty
    }

    /// Reads the last runs with a sample in the range, once.
    private func readNewest(into buffer: inout SampleBuffer) {
        var groups: [Range<Int>] = []
        while next < runs.count {
            groups.append(next..<endOfGroup(next))
            next = groups[groups.count - 1].upperBound
        }
        while let group = groups.popLast(), buffer.timestamps.isEmpty {
            let run = runs[group.lowerBound]
            if group.count > 1 {
                merge(runs[group], into: &buffer)
            } else if case .head(let column) = run.content, run.clip == nil {
                samples.removeAll()
                column.readNewest(through: range.end, into: &samples, codec)
                appendSamples(at: run.timeline, to: &buffer)
            } else {
                decode(run, into: &buffer)
            }
            clip(&buffer)
        }
    }

    private func sortRuns() {
        guard !isSorted else { return }
        isSorted = true
        // Buckets come oldest first; sorting is for what was stored out of order.
        if zip(runs, runs.dropFirst()).contains(where: { $0.first > $1.first }) {
            let order = runs.indices.sorted { (runs[$0].first, $0) < (runs[$1].first, $1) }
            runs = order.map { runs[$0] }
        }
    }

    /// The end of the runs from `start` on of which each overlaps with those before it.
    private func endOfGroup(_ start: Int) -> Int {
        var end = start + 1
        var last = runs[start].last
        while end < runs.count, runs[end].first <= last {
            last = max(last, runs[end].last)
            end += 1
        }
        return end
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
        case .head(let column): column.read(into: &samples, codec)
        case .plain(let values):
            samples.runs = [(0, values.count)]
            samples.values = values
        case .packed(let page, let place):
            if let stretch = PackedStretch(run, range) { return decode(stretch, into: &buffer) }
            let entry = page.entries[place]
            guard unpack(page, entry, into: &samples.values) else { return }
            samples.runs = entry.runs
        }
        if let counts = run.counts { samples.divide(by: counts) }
        appendSamples(at: run.timeline, to: &buffer)
    }

    private func appendSamples(at times: [Milliseconds], to buffer: inout SampleBuffer) {
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

    private func decode(_ stretch: PackedStretch, into buffer: inout SampleBuffer) {
        let start = buffer.values.count
        buffer.values.append(contentsOf: repeatElement(0, count: stretch.decoded))
        let isWhole = stretch.withPacked { packed in
            buffer.values.withUnsafeMutableBufferPointer {
                codec.decode(
                    packed, into: UnsafeMutableBufferPointer(rebasing: $0[start...]),
                    skipping: stretch.skipped)
            }
        }
        stretch.finish(&buffer, from: start, isWhole: isWhole)
    }

    /// Unpacks two stretches at once, the later one by way of working memory.
    private func decode(
        _ one: PackedStretch, _ other: PackedStretch, into buffer: inout SampleBuffer
    ) {
        let start = buffer.values.count
        buffer.values.append(contentsOf: repeatElement(0, count: one.decoded))
        samples.removeAll()
        samples.values.append(contentsOf: repeatElement(0, count: other.decoded))
        let isWhole = one.withPacked { packed in
            other.withPacked { otherPacked in
                buffer.values.withUnsafeMutableBufferPointer { values in
                    samples.values.withUnsafeMutableBufferPointer {
                        codec.decode(
                            packed, into: UnsafeMutableBufferPointer(rebasing: values[start...]),
                            skipping: one.skipped, and: otherPacked, into: $0)
                    }
                }
            }
        }
        one.finish(&buffer, from: start, isWhole: isWhole.0)
        let middle = buffer.values.count
        buffer.values += samples.values
        other.finish(&buffer, from: middle, isWhole: isWhole.1)
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

/// What is wanted of a series that was present in one stretch of a segment's ticks.
private struct PackedStretch {
    private let run: StoredRun
    private let packed: StoredRun.Packed
    /// Values to unpack, of which the first are not wanted.
    let decoded: Int
    let skipped: Int
    /// The tick without the series that ends the stretch, when it is wanted.
    private let end: Int?

    /// Nil when a run is not such a series.
    init?(_ run: StoredRun, _ range: TimeRange) {
        guard let packed = run.stretch, run.counts == nil else { return nil }
        self.run = run
        self.packed = packed
        let start = max(range.start, run.clip?.start ?? .min)
        let end = min(range.end, run.clip?.end ?? .max)
        let (low, high) = run.timeline.withUnsafeBufferPointer { times in
            (
                times[0] < start ? times.partitioningIndex { $0 >= start } : 0,
                times[times.count - 1] > end ? times.partitioningIndex { $0 > end } : times.count
            )
        }
        let after = packed.first + packed.count
        let (from, to) = (max(low, packed.first) - packed.first, min(high, after) - packed.first)
        (skipped, decoded) = from < to ? (from, to) : (0, 0)
        self.end = after < run.timeline.count && after >= low && after < high ? after : nil
    }

    @inline(__always)
    func withPacked<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        packed.page.bytes.withUnsafeBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[packed.values]))
        }
    }

    /// Makes samples of the values that were unpacked to the end of `buffer`.
    func finish(_ buffer: inout SampleBuffer, from start: Int, isWhole: Bool) {
        guard isWhole else { return buffer.values.removeSubrange(start...) }
        if skipped > 0 { buffer.values.removeSubrange(start..<(start + skipped)) }
        let ticks = (packed.first + skipped)..<(packed.first + decoded)
        run.timeline.withUnsafeBufferPointer {
            buffer.timestamps.append(contentsOf: UnsafeBufferPointer(rebasing: $0[ticks]))
        }
        guard let end else { return }
        buffer.timestamps.append(run.timeline[end])
        buffer.values.append(StaleMarker.value)
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

/// Samples of one series: in a segment, or in memory. Immutable; shared by reference, for to copy what
/// it holds is to count references that all threads of a query share.
final class StoredRun: Sendable {
    /// A series of a segment.
    struct Packed: Sendable {
        let page: SegmentPage
        /// Its first stretch of ticks.
        let first: Int
        let count: Int
        /// Where its packed values are.
        let values: Range<Int>
    }

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
    /// The values of a series of a segment that was present in one stretch of ticks.
    let stretch: Packed?
    /// No sample is before.
    let first: Milliseconds
    /// No sample is after.
    let last: Milliseconds
    /// Samples outside are not taken.
    let clip: TimeRange?
    /// By how many each tick's value is to be divided, when it is a sum of which the mean is wanted.
    let counts: [Int64]?
    /// What was stored first has the smaller number; what is in memory is after all segments.
    let order: Int

    /// A column in memory, of those the one with this number.
    convenience init(_ column: HeadColumn, order: Int) {
        self.init(column.times, .head(column), order: .max / 2 + order)
    }

    /// Samples that somebody sent; there is at least one.
    convenience init(_ series: BackfillSeries, order: Int) {
        self.init(series.timestamps, .plain(series.values), order: .max / 4 + order)
    }

    private init(_ timeline: [Milliseconds], _ content: Content, order: Int) {
        self.timeline = timeline
        self.content = content
        self.order = order
        first = timeline.first ?? .max
        last = timeline.last ?? .min
        stretch = nil
        clip = nil
        counts = nil
    }

    /// An entry of a segment without what is outside `range`, its values divided by `counts`; nil when
    /// it does not fit its timeline, or nothing is left.
    init?(
        _ page: SegmentPage, _ place: Int, _ timeline: [Milliseconds], order: Int,
        clippedTo range: TimeRange, by counts: [Int64]? = nil
    ) {
        let runs = page.entries[place].runs
        guard let start = runs.first else { return nil }
        var before = 0
        for run in runs {
            guard run.first >= before, run.count > 0, run.first + run.count <= timeline.count else {
                return nil
            }
            before = run.first + run.count
        }
        let first = timeline[start.first]
        // The tick after the last sample says that it was the last.
        let last = timeline[min(before, timeline.count - 1)]
        let isInside = first >= range.start && last <= range.end
        clip = isInside ? nil : range
        self.first = isInside ? first : max(first, range.start)
        self.last = isInside ? last : min(last, range.end)
        guard self.first <= self.last else { return nil }
        self.timeline = timeline
        self.counts = counts
        self.order = order
        content = .packed(page, place)
        stretch =
            runs.count > 1
            ? nil
            : Packed(
                page: page, first: start.first, count: start.count,
                values: page.entries[place].values)
    }
}
