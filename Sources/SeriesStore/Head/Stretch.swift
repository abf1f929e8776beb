// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The samples of one timeline since the last seal: packs of the older ticks, a matrix of the
/// newest.
struct Stretch: Sendable {
    private(set) var times: [Milliseconds] = []
    private(set) var packs: [Pack] = []
    private(set) var recent = TickMatrix()
    /// The series of each column, as slots of the table.
    private(set) var columns: [UInt32] = []
    private(set) var samples = 0
    /// Ticks of which the journal has not everything, as (first, count), ascending.
    private(set) var incomplete: [(first: Int, count: Int)] = []
    /// Packs at the end that were not merged.
    private var short = 0

    /// Short packs that are merged into one.
    private static let mergedPacks = 8

    init() {}

    /// An empty stretch whose ticks are packed by as many as is quickest, to be sealed soon.
    static var toSeal: Stretch { Stretch(reusing: TickMatrix(rows: TickMatrix.maxRows)) }

    /// An empty stretch that uses the memory of a matrix again.
    init(reusing matrix: TickMatrix) { recent = matrix }

    /// The column of a series that has none in this stretch.
    mutating func addColumn(_ slot: UInt32) -> UInt32 {
        columns.append(slot)
        return UInt32(columns.count - 1)
    }

    /// Says which series a column is; columns before it that nobody told of are `none`.
    mutating func setColumn(_ column: Int, _ slot: UInt32) {
        while columns.count <= column { columns.append(SeriesTable.none) }
        if slot != SeriesTable.none { columns[column] = slot }
    }

    /// Adds a tick, which `body` fills; gives what `body` does, the number of samples.
    mutating func addTick(
        at time: Milliseconds, _ packer: inout Packer,
        _ body: (UnsafeMutableBufferPointer<Double>, UnsafeMutableBufferPointer<UInt64>) -> Int
    ) -> Int {
        if recent.count == recent.rows { packRecent(&packer) }
        recent.widen(to: max(1, columns.count))
        times.append(time)
        let added = recent.addRow(body)
        samples += added
        return added
    }

    /// Says that the journal has not everything of the newest tick.
    mutating func markIncomplete() {
        let tick = times.count - 1
        if let last = incomplete.last, last.first + last.count == tick {
            incomplete[incomplete.count - 1].count += 1
        } else {
            incomplete.append((tick, 1))
        }
    }

    /// Packs the newest ticks too.
    mutating func packRecent(_ packer: inout Packer) {
        guard recent.count > 0 else { return }
        packs.append(recent.pack(firstTick: times.count - recent.count, &packer))
        short += 1
    }

    /// Whether there are short packs to merge.
    var hasShortPacks: Bool { short >= Self.mergedPacks }

    /// The first short packs, when there are enough to merge them.
    var shortPacks: [Pack]? {
        guard hasShortPacks else { return nil }
        return Array(packs[(packs.count - short)...].prefix(Self.mergedPacks))
    }

    /// Puts one pack in the place of those that it was made of.
    mutating func replace(_ old: [Pack], with merged: Pack) {
        let start = packs.count - short
        guard short >= old.count, zip(packs[start...], old).allSatisfy({ $0 === $1 }) else {
            return
        }
        packs.replaceSubrange(start..<(start + old.count), with: [merged])
        short -= old.count
    }

    /// Takes the memory of the newest ticks, which were packed, for another stretch.
    mutating func takeMatrix() -> TickMatrix {
        var matrix = TickMatrix()
        swap(&matrix, &recent)
        matrix.clear()
        return matrix
    }

    /// Reads the newest tick.
    func withLastRow<R>(
        _ body: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<UInt64>) -> R
    ) -> R {
        recent.withRow(recent.count - 1, body)
    }

    /// What a reader takes along of one column.
    func snapshot(_ column: Int) -> HeadColumn {
        let (mask, values) = recent.column(column)
        return HeadColumn(
            times: times, packs: packs, column: column, recentStart: times.count - recent.count,
            recentMask: mask, recentValues: values)
    }
}

/// One column of a stretch, as it was when it was taken.
struct HeadColumn: Sendable {
    let times: [Milliseconds]
    let packs: [Pack]
    let column: Int
    let recentStart: Int
    let recentMask: UInt32
    let recentValues: [Double]

    /// Unpacks everything.
    func read(into out: inout ColumnSamples, _ codec: ValueCodec) {
        for pack in packs { pack.append(column, to: &out, codec) }
        readRecent(into: &out)
    }

    /// Unpacks as little as has the newest sample that is not after `end`, if there is one.
    func readNewest(
        through end: Milliseconds, into out: inout ColumnSamples, _ codec: ValueCodec
    ) {
        let ticks =
            times.last.map { $0 <= end } ?? true
            ? times.count : times.partitioningIndex { $0 > end }
        readRecent(into: &out)
        for pack in packs.reversed() {
            if let first = out.runs.first?.first, first < ticks { return }
            out.removeAll()
            if pack.firstTick < ticks { pack.append(column, to: &out, codec) }
        }
    }

    private func readRecent(into out: inout ColumnSamples) {
        for row in 0..<TickMatrix.maxRows where recentMask >> UInt32(row) & 1 == 1 {
            out.add(run: recentStart + row, 1)
        }
        out.values += recentValues
    }
}

/// All timelines' samples of one journal file, complete and on the way to the database.
///
/// Owned by the queue of what is to be sealed; queries share it until it is.
final class Section: Sendable {
    /// Which journal file it is in.
    let number: Int64
    /// By number of timeline.
    let stretches: [(timeline: UInt16, stretch: Stretch)]
    let table: SeriesTable
    /// Samples that are in memory alone, because the journal could not be written.
    let unjournaled: Int
    /// Whether its journal had damage in it.
    let isDamaged: Bool

    init(
        number: Int64, stretches: [(timeline: UInt16, stretch: Stretch)], table: SeriesTable,
        unjournaled: Int, isDamaged: Bool = false
    ) {
        self.number = number
        self.stretches = stretches
        self.table = table
        self.unjournaled = unjournaled
        self.isDamaged = isDamaged
    }

    var samples: Int { stretches.reduce(0) { $0 + $1.stretch.samples } }
    /// Bytes that the database grows by when this is sealed, at most: packs of 32 ticks take more
    /// than those of a whole section, and a new series has a row and a place in two indexes.
    var databaseBytes: Int64 {
        var bytes = 64 << 10
        for (_, stretch) in stretches {
            bytes += stretch.packs.reduce(0) { $0 + $1.byteCount } + stretch.times.count * 4
            for slot in stretch.columns where slot != SeriesTable.none {
                bytes += table.series[Int(slot)].id == 0 ? 400 : 16
            }
        }
        return Int64(bytes)
    }
    var first: Milliseconds? { stretches.compactMap(\.stretch.times.first).min() }
    var last: Milliseconds? { stretches.compactMap(\.stretch.times.last).max() }
}
