// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import Synchronization

extension StoreCore {
    /// Reads a section that is in the database; false when it is not there.
    func readSealed(_ reading: FeedReading, into slice: inout SampleSlice) throws -> Bool {
        let damaged = try reader.withLock { reader -> Int? in
            let sealed = try SealedSection.find(reading.place.section, in: reader.database)
            guard let sealed else { return nil }
            var segments = FeedSegments(sealed, reading)
            return try segments.read(from: reader.database, into: &slice)
        }
        guard let damaged else { return false }
        if damaged > 0 {
            slice.isAfterGap = true
            state.withLock { $0.statistics.damagedReads += damaged }
        }
        return true
    }
}

/// Reads the segments of a section in order of their rows.
struct FeedSegments {
    private let section: SealedSection
    private let reading: FeedReading
    private var codec = ValueCodec()
    private var samples = ColumnSamples()

    init(_ section: SealedSection, _ reading: FeedReading) {
        self.section = section
        self.reading = reading
    }

    /// Fills a slice from the next segment that can be read; gives how many could not be.
    mutating func read(
        from database: Database, into slice: inout SampleSlice
    ) throws(StoreError) -> Int {
        let all = SegmentKey(bucket: section.bucket, metric: 0).raw
        let last = SegmentKey(bucket: section.bucket + 1, metric: 0).raw - 1
        var (row, done) = (all, 0)
        if case .entries(let at, let already)? = reading.place.piece, at >= all, at <= last {
            (row, done) = (at, already)
        }
        slice.section = reading.place.section
        // On the disk series are numbered as their rows are.
        slice.epoch = slice.section << 1 | 1
        slice.next = reading.place
        var damaged = 0
        let select = try database.prepare(
            "SELECT id, data FROM segment WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1")
        while true {
            select.bind(1, row)
            select.bind(2, last)
            guard try select.step() else {
                select.reset()
                finish(&slice)
                return damaged
            }
            let (found, bytes) = (select.integer(0), select.blob(1))
            select.reset()
            if found != row { done = 0 }
            guard let entries = Segment.entries(bytes) else {
                damaged += 1
                row = found + 1
                continue
            }
            done = try read(entries, from: done, bytes, database, into: &slice)
            slice.next.piece =
                done < entries.count
                ? .entries(row: found, done: done) : .entries(row: found + 1, done: 0)
            return damaged
        }
    }

    /// The section has no more.
    private func finish(_ slice: inout SampleSlice) {
        for (number, times) in section.timelines {
            let number = UInt16(truncatingIfNeeded: number)
            // One that was read from memory has been opened then.
            if reading.place.ticks[number] ?? 0 == 0 { slice.opened[number] = times.first }
        }
        slice.next = SamplePosition(section: slice.section + 1)
    }

    private mutating func read(
        _ entries: [Segment.Entry], from first: Int, _ bytes: [UInt8], _ database: Database,
        into slice: inout SampleSlice
    ) throws(StoreError) -> Int {
        var at = first
        while at < entries.count, slice.timestamps.count < reading.limit {
            let entry = entries[at]
            at += 1
            guard let times = section.timelines[entry.timeline], unpack(entry, bytes, times) else {
                slice.isAfterGap = true
                continue
            }
            let timeline = UInt16(truncatingIfNeeded: entry.timeline)
            let done = min(reading.place.ticks[timeline] ?? 0, times.count)
            let before = slice.runs.count
            slice.append(
                series: Int(entry.id), timeline: timeline, samples, ticks: done..<times.count,
                times: times[done...])
            if slice.runs.count > before, !reading.known.contains(Int(entry.id), epoch: slice.epoch)
            {
                slice.names[Int(entry.id)] = try Registry.names(ofSeries: entry.id, in: database)
            }
        }
        return at
    }

    private mutating func unpack(
        _ entry: Segment.Entry, _ bytes: [UInt8], _ times: [Milliseconds]
    ) -> Bool {
        samples.removeAll()
        var before = 0
        for run in entry.runs {
            guard run.first >= before, run.count > 0, run.first + run.count <= times.count else {
                return false
            }
            before = run.first + run.count
        }
        samples.runs = entry.runs
        samples.values.append(contentsOf: repeatElement(0, count: entry.count))
        return bytes.withUnsafeBytes { bytes in
            samples.values.withUnsafeMutableBufferPointer {
                codec.decode(UnsafeRawBufferPointer(rebasing: bytes[entry.values]), into: $0)
            }
        }
    }
}

extension Registry {
    /// What a series is called; nil when it has no row any more.
    static func names(
        ofSeries id: Int64, in database: Database
    ) throws(StoreError) -> SampleSlice.Names? {
        let select = try database.prepare(
            """
            SELECT s.name, s.labels, t.labels, m.name, m.type, m.unit, m.help FROM series s
            JOIN target t ON t.id = s.target JOIN metric m ON m.id = s.metric WHERE s.id = ?
            """)
        select.bind(1, id)
        defer { select.reset() }
        guard try select.step() else { return nil }
        var labels = select.withBlob(2) { LabelsCoding.decode($0) }
            .merging(select.withBlob(1) { LabelsCoding.decode($0) })
        labels[Labels.metricName] = select.text(0)
        return SampleSlice.Names(
            labels: labels,
            descriptor: MetricDescriptor(
                select.text(3), MetricType(rawValue: select.text(4)) ?? .unknown,
                unit: select.text(5), help: select.text(6)))
    }
}

/// A section in the database: its bucket, with the lists of timestamps.
struct SealedSection {
    let number: Int64
    let bucket: Int64
    var timelines: [Int: [Milliseconds]] = [:]

    /// The section of a number; nil when there is none.
    static func find(
        _ number: Int64, in database: Database
    ) throws(StoreError) -> SealedSection? {
        let select = try database.prepare(
            """
            SELECT b.id, t.id, t.times FROM bucket b
            JOIN timeline t ON t.id BETWEEN b.id << 24 AND b.id << 24 | 16777215
            WHERE b.section = ? AND b.tier = 0
            """)
        select.bind(1, number)
        defer { select.reset() }
        var section: SealedSection?
        while try select.step() {
            var found = section ?? SealedSection(number: number, bucket: select.integer(0))
            let timeline = Int(select.integer(1) & (1 << Bucket.timelineBits - 1))
            found.timelines[timeline] = select.withBlob(2) { Timeline.decode($0) }
            section = found
        }
        return section
    }

    /// The first number after one.
    static func next(after number: Int64, in database: Database) throws(StoreError) -> Int64? {
        let found = try database.integer(
            "SELECT coalesce(min(section), -1) FROM bucket WHERE tier = 0 AND section > \(number)")
        return found > 0 ? found : nil
    }

    /// The first number with a tick at or after `time`.
    static func first(
        endingAt time: Milliseconds, in database: Database
    ) throws(StoreError) -> Int64? {
        let found = try database.integer(
            "SELECT coalesce(min(section), -1) FROM bucket "
                + "WHERE tier = 0 AND section > 0 AND last >= \(time)")
        return found > 0 ? found : nil
    }

    /// How much is in each section of the database from one on.
    static func sizes(
        from number: Int64, in database: Database
    ) throws(StoreError) -> [SectionSize] {
        let select = try database.prepare(
            """
            SELECT b.section, b.id, coalesce(sum(s.samples), 0), coalesce(sum(length(s.data)), 0)
            FROM bucket b LEFT JOIN segment s
            ON s.id BETWEEN b.id << 34 AND ((b.id + 1) << 34) - 1
            WHERE b.tier = 0 AND b.section > 0 AND b.section >= ? GROUP BY b.id ORDER BY b.section
            """)
        select.bind(1, number)
        defer { select.reset() }
        var sizes: [SectionSize] = []
        while try select.step() {
            sizes.append(
                SectionSize(
                    section: select.integer(0), samples: select.integer(2),
                    bytes: select.integer(3), times: [:]))
        }
        for i in sizes.indices {
            guard let section = try find(sizes[i].section, in: database) else { continue }
            for (timeline, times) in section.timelines {
                sizes[i].times[UInt16(truncatingIfNeeded: timeline)] = times
            }
        }
        return sizes
    }
}
