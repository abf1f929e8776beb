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
    private var runs: [StoredRun] = []
    private var isSorted = false
    private var next = 0
    private let range: TimeRange
    private var codec = ValueCodec()
    private var samples = ColumnSamples()

    init(range: TimeRange) { self.range = range }

    var isEmpty: Bool { runs.isEmpty }

    /// Adds a run; of equal times the run added first wins.
    func add(_ run: StoredRun) { if run.last >= range.start { runs.append(run) } }

    func next(into buffer: inout SampleBuffer) throws -> Bool {
        buffer.removeAll()
        if !isSorted {
            // Buckets come oldest first; sorting is for what was stored out of order.
            let order = runs.indices.sorted { (runs[$0].first, $0) < (runs[$1].first, $1) }
            runs = order.map { runs[$0] }
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
        samples.removeAll()
        switch run.content {
        case .head(let column): column.read(into: &samples, &codec)
        case .packed(let bytes, let place, let runs):
            samples.runs = runs
            let count = runs.reduce(0) { $0 + $1.count }
            samples.values.append(contentsOf: repeatElement(0, count: count))
            let isWhole = bytes.withUnsafeBytes { bytes in
                samples.values.withUnsafeMutableBufferPointer {
                    codec.decode(UnsafeRawBufferPointer(rebasing: bytes[place]), into: $0)
                }
            }
            guard isWhole else { return }
        }
        let times = run.timeline
        if samples.runs.count == 1, samples.runs[0] == (0, times.count) {
            buffer.timestamps += times
            buffer.values += samples.values
            return
        }
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

extension Array {
    /// The first index at which `isSecond` holds; it holds for everything after.
    func partitioningIndex(where isSecond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Samples of one series: in a segment, or in memory.
struct StoredRun: Sendable {
    enum Content: Sendable {
        /// A place in a segment, whose bytes are shared by all series that are read from it, and
        /// the stretches of ticks that have values.
        case packed([UInt8], Range<Int>, [(first: Int, count: Int)])
        case head(HeadColumn)
    }

    /// The ticks that the series could have had a sample at.
    let timeline: [Milliseconds]
    let content: Content
    /// No sample is before.
    let first: Milliseconds
    /// No sample is after.
    let last: Milliseconds
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

    private init(
        _ timeline: [Milliseconds], _ content: Content, first: Milliseconds, last: Milliseconds,
        order: Int
    ) {
        self.timeline = timeline
        self.content = content
        self.first = first
        self.last = last
        self.order = order
    }

    /// What the segments of `buckets` have of the series `ids` of one metric: each segment is read
    /// once. Damaged ones are passed over and counted by the result.
    static func read(
        _ ids: Set<Int64>, metric: Int64, in buckets: [Bucket], from database: Database,
        deliver: (Int64, StoredRun) -> Void
    ) throws(StoreError) -> Int {
        guard let first = ids.min(), let last = ids.max() else { return 0 }
        let select = try database.prepare(
            """
            SELECT data FROM segment WHERE id BETWEEN ? AND ? AND last >= ? AND first <= ?
            """)
        var damaged = 0
        for bucket in buckets {
            let parts = SegmentKey(bucket: bucket.id, metric: metric).parts
            select.bind(1, parts.lowerBound)
            select.bind(2, parts.upperBound)
            select.bind(3, first)
            select.bind(4, last)
            defer { select.reset() }
            while try select.step() {
                let bytes = select.blob(0)
                guard let entries = Segment.entries(bytes) else {
                    damaged += 1
                    continue
                }
                for entry in entries where ids.contains(entry.id) {
                    if let run = packed(entry, bytes, bucket) { deliver(entry.id, run) }
                }
            }
        }
        return damaged
    }

    private static func packed(
        _ entry: Segment.Entry, _ bytes: [UInt8], _ bucket: Bucket
    ) -> StoredRun? {
        guard let timeline = bucket.timelines[entry.timeline], let start = entry.runs.first,
            let end = entry.runs.last, end.count > 0
        else { return nil }
        var before = 0
        for run in entry.runs {
            guard run.first >= before, run.count > 0, run.first + run.count <= timeline.count else {
                return nil
            }
            before = run.first + run.count
        }
        return StoredRun(
            timeline, .packed(bytes, entry.values, entry.runs), first: timeline[start.first],
            last: timeline[min(before, timeline.count - 1)], order: Int(bucket.id))
    }
}
