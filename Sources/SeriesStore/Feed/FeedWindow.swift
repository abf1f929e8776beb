// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Some ticks of some columns of a section in memory, copied so that they can be unpacked without
/// holding up appends.
struct FeedWindow {
    private let timeline: UInt16
    /// The ticks, and the columns.
    private let ticks: Range<Int>
    private let columns: Range<Int>
    /// Whether these are the last columns.
    private let isLast: Bool
    private let times: [Milliseconds]
    private let packs: [Pack]
    /// Rows that are not packed yet: the first one's tick, a bit and a value for each column.
    private var firstRow = 0
    private var rows = 0
    private var presence: [Bool] = []
    private var values: [Double] = []
    /// The slot of each column; `none` for one that nobody told of.
    private let slots: ArraySlice<UInt32>
    private var names: [Int: SampleSlice.Names] = [:]

    /// What comes next of a section; nil when there is nothing.
    static func next(
        _ stretches: some Sequence<(UInt16, Stretch)>, _ table: SeriesTable, _ reading: FeedReading
    ) -> FeedWindow? {
        // The rest of a tick that was delivered in part comes first.
        if case .columns(let begun, _, _)? = reading.place.piece,
            let (number, stretch) = stretches.first(where: { $0.0 == begun }),
            let window = next(number, stretch, table, reading)
        {
            return window
        }
        for (number, stretch) in stretches {
            if let window = next(number, stretch, table, reading) { return window }
        }
        return nil
    }

    /// What comes next of a timeline; nil when there is nothing.
    private static func next(
        _ number: UInt16, _ stretch: Stretch, _ table: SeriesTable, _ reading: FeedReading
    ) -> FeedWindow? {
        let done = reading.place.ticks[number] ?? 0
        guard done < stretch.times.count, !stretch.columns.isEmpty else { return nil }
        var end = Self.end(of: stretch, from: done, limit: reading.limit)
        var column = 0
        if case .columns(number, let wanted, let already)? = reading.place.piece,
            wanted > done, wanted <= stretch.times.count
        {
            (end, column) = (wanted, min(already, stretch.columns.count))
        }
        let count = max(1, reading.limit / (end - done))
        let columns = column..<min(stretch.columns.count, column + count)
        return FeedWindow(number, stretch, done..<end, columns, table, reading)
    }

    /// Up to which tick to read: all that are not packed, or the rest of a pack.
    private static func end(of stretch: Stretch, from done: Int, limit: Int) -> Int {
        let count = stretch.times.count
        if done >= count - stretch.recent.count {
            return done + max(1, min(count - done, limit / max(1, stretch.columns.count)))
        }
        let pack = stretch.packs.first { $0.firstTick + $0.ticks > done }
        return pack.map { $0.firstTick + $0.ticks } ?? count
    }

    private init(
        _ number: UInt16, _ stretch: Stretch, _ ticks: Range<Int>, _ columns: Range<Int>,
        _ table: SeriesTable, _ reading: FeedReading
    ) {
        timeline = number
        self.ticks = ticks
        self.columns = columns
        isLast = columns.upperBound == stretch.columns.count
        times = Array(stretch.times[ticks])
        slots = stretch.columns[columns]
        // One tick more, to see which series have ended.
        let first = max(0, ticks.lowerBound - 1)
        packs = stretch.packs.filter {
            $0.firstTick < ticks.upperBound && $0.firstTick + $0.ticks > first
        }
        copyRows(of: stretch, from: first)
        let epoch = Self.epoch(reading.place.section)
        for (column, slot) in zip(columns, slots) where slot != SeriesTable.none {
            let series = Self.series(number, column)
            guard !reading.known.contains(series, epoch: epoch) else { continue }
            names[series] = table.names(of: slot)
        }
    }

    /// Copies what is not packed, from a tick on.
    private mutating func copyRows(of stretch: Stretch, from first: Int) {
        let start = stretch.times.count - stretch.recent.count
        firstRow = max(start, first)
        guard firstRow < ticks.upperBound else { return }
        rows = ticks.upperBound - firstRow
        presence.reserveCapacity(rows * columns.count)
        values.reserveCapacity(rows * columns.count)
        for row in firstRow..<ticks.upperBound {
            stretch.recent.withRow(row - start) { cells, bits in
                for column in columns {
                    // A column that was added later than this row may be beyond it.
                    let isThere =
                        column < cells.count && bits[column &>> 6] &>> UInt64(column & 63) & 1 == 1
                    presence.append(isThere)
                    values.append(isThere ? cells[column] : 0)
                }
            }
        }
    }

    /// In memory series are numbered by timeline and column.
    private static func series(_ timeline: UInt16, _ column: Int) -> Int {
        Int(timeline) << 40 | column
    }

    private static func epoch(_ section: Int64) -> Int64 { section << 1 }

    /// Unpacks it all.
    func read(_ reading: FeedReading, into slice: inout SampleSlice) {
        slice.section = reading.place.section
        slice.epoch = Self.epoch(slice.section)
        slice.names = names
        let codec = ValueCodec()
        var samples = ColumnSamples()
        for (index, column) in columns.enumerated() where slots[column] != SeriesTable.none {
            samples.removeAll()
            for pack in packs { pack.append(column, to: &samples, codec) }
            for row in 0..<rows where presence[row &* columns.count &+ index] {
                samples.add(run: firstRow &+ row, 1)
                samples.values.append(values[row &* columns.count &+ index])
            }
            slice.append(
                series: Self.series(timeline, column), timeline: timeline, samples, ticks: ticks,
                times: times[...])
        }
        slice.next = reading.place
        slice.next.piece = nil
        guard isLast else {
            slice.next.piece = .columns(
                timeline: timeline, end: ticks.upperBound, done: columns.upperBound)
            return
        }
        slice.next.ticks[timeline] = ticks.upperBound
        if ticks.lowerBound == 0, let first = times.first { slice.opened[timeline] = first }
    }
}

extension SampleSlice {
    /// Adds what a series has in `ticks`, whose times are `times`, and a marker where it ends.
    mutating func append(
        series: Int, timeline: UInt16, _ samples: ColumnSamples, ticks: Range<Int>,
        times: ArraySlice<Milliseconds>
    ) {
        let start = timestamps.count
        let base = times.startIndex - ticks.lowerBound
        var at = 0
        for run in samples.runs {
            let end = run.first + run.count
            let part = run.first..<end
            let wanted = part.clamped(to: ticks)
            if !wanted.isEmpty {
                timestamps += times[(base + wanted.lowerBound)..<(base + wanted.upperBound)]
                let from = at + wanted.lowerBound - run.first
                values += samples.values[from..<(from + wanted.count)]
            }
            if ticks.contains(end) {
                timestamps.append(times[base + end])
                values.append(StaleMarker.value)
            }
            at += run.count
        }
        guard timestamps.count > start else { return }
        runs.append(Run(series: series, timeline: timeline, samples: start..<timestamps.count))
    }
}

extension SeriesTable {
    /// What a series is called.
    func names(of slot: UInt32) -> SampleSlice.Names? {
        let metric = series[Int(slot)].metric
        guard metric != Self.none else { return nil }
        return SampleSlice.Names(
            labels: labels(of: slot), descriptor: metrics[Int(metric)].descriptor)
    }
}
