// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The newest ticks of a timeline, one row each: a value for each column and a bit for each that
/// says whether it has one.
struct TickMatrix: Sendable {
    /// Rows after which they are packed, at most.
    static let maxRows = 32

    /// Rows after which they are packed.
    let rows: Int
    /// Columns in use.
    private(set) var width = 0
    private var capacity = 0
    private(set) var count = 0
    private var values: [Double] = []
    private var presence: [UInt64] = []

    private var words: Int { capacity / 64 }

    /// Few rows take little memory; what they are packed to is merged later.
    init(rows: Int = 16) { self.rows = min(rows, Self.maxRows) }

    /// Makes room for `width` columns.
    mutating func widen(to wanted: Int) {
        guard wanted > width else { return }
        if wanted > capacity {
            let larger = (max(wanted + wanted / 16, 64) + 63) / 64 * 64
            var newValues = [Double](repeating: 0, count: larger * rows)
            var newPresence = [UInt64](repeating: 0, count: larger / 64 * rows)
            for row in 0..<count {
                for column in 0..<capacity {
                    newValues[row * larger + column] = values[row * capacity + column]
                }
                for word in 0..<words {
                    newPresence[row * (larger / 64) + word] = presence[row * words + word]
                }
            }
            (values, presence, capacity) = (newValues, newPresence, larger)
        }
        width = wanted
    }

    /// Forgets all columns; memory that most of them did not use is given back.
    mutating func clear() {
        if width < capacity / 2 { self = TickMatrix(rows: rows) }
        (width, count) = (0, 0)
    }

    /// Adds a row, which `body` fills: values, and bits of presence that are all 0.
    mutating func addRow<R>(
        _ body: (UnsafeMutableBufferPointer<Double>, UnsafeMutableBufferPointer<UInt64>) -> R
    ) -> R {
        let (row, capacity, words) = (count, capacity, words)
        count += 1
        return values.withUnsafeMutableBufferPointer { values in
            presence.withUnsafeMutableBufferPointer { presence in
                let bits = UnsafeMutableBufferPointer(
                    rebasing: presence[(row * words)..<((row + 1) * words)])
                bits.update(repeating: 0)
                return body(
                    UnsafeMutableBufferPointer(
                        rebasing: values[(row * capacity)..<((row + 1) * capacity)]), bits)
            }
        }
    }

    /// Reads a row.
    func withRow<R>(
        _ row: Int, _ body: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<UInt64>) -> R
    ) -> R {
        values.withUnsafeBufferPointer { values in
            presence.withUnsafeBufferPointer { presence in
                body(
                    UnsafeBufferPointer(
                        rebasing: values[(row * capacity)..<((row + 1) * capacity)]),
                    UnsafeBufferPointer(rebasing: presence[(row * words)..<((row + 1) * words)]))
            }
        }
    }

    /// A column: a bit for each row that has a value, row 0 lowest, and those values.
    func column(_ column: Int) -> (mask: UInt32, values: [Double]) {
        guard column < width else { return (0, []) }
        var mask: UInt32 = 0
        var found: [Double] = []
        for row in 0..<count
        where presence[row * words + column >> 6] >> UInt64(column & 63) & 1 == 1 {
            mask |= 1 << UInt32(row)
            found.append(values[row * capacity + column])
        }
        return (mask, found)
    }

    /// The value of a column in the last row.
    func latest(_ column: Int) -> Double? {
        guard count > 0, column < width else { return nil }
        let row = count - 1
        guard presence[row * words + column >> 6] >> UInt64(column & 63) & 1 == 1 else {
            return nil
        }
        return values[row * capacity + column]
    }

    /// A copy of the last row.
    var lastRow: TickRow {
        guard count > 0 else { return TickRow(values: [], presence: []) }
        return withRow(count - 1) { values, presence in
            TickRow(
                values: Array(values[..<width]), presence: Array(presence[..<((width + 63) / 64)]))
        }
    }

    /// Packs all rows, which are empty then.
    mutating func pack(firstTick: Int, _ packer: inout Packer) -> Pack {
        defer { count = 0 }
        return values.withUnsafeBufferPointer { values in
            presence.withUnsafeBufferPointer { presence in
                packer.pack(
                    values, presence, rows: count, width: width, capacity: capacity,
                    firstTick: firstTick)
            }
        }
    }
}

/// One tick: a value for each column, and a bit for each that says whether it has one.
struct TickRow: Sendable {
    let values: [Double]
    let presence: [UInt64]

    /// The value of a column.
    subscript(column: Int) -> Double? {
        guard column < values.count,
            presence[column >> 6] >> UInt64(column & 63) & 1 == 1
        else { return nil }
        return values[column]
    }
}

/// Some ticks of a timeline, packed by column. Immutable, so that readers share it.
///
/// A column without a value has no bytes; others the number of runs as a varint (0 for one that
/// spans all ticks), first and length of each run, and the values (`ValueCodec`).
final class Pack: Sendable {
    let firstTick: Int
    let ticks: Int
    /// Where each column begins in `bytes`, and the end of the last.
    private let offsets: [UInt32]
    private let bytes: [UInt8]

    init(firstTick: Int, ticks: Int, offsets: [UInt32], bytes: [UInt8]) {
        self.firstTick = firstTick
        self.ticks = ticks
        self.offsets = offsets
        self.bytes = bytes
    }

    var byteCount: Int { bytes.count + offsets.count * 4 }

    /// Columns that may have values.
    var width: Int { offsets.count - 1 }

    /// Appends the column's runs, counted from the timeline's start, and its values.
    func append(_ column: Int, to out: inout ColumnSamples, _ codec: ValueCodec) {
        guard column + 1 < offsets.count else { return }
        let place = Int(offsets[column])..<Int(offsets[column + 1])
        guard !place.isEmpty else { return }
        bytes.withUnsafeBytes { all in
            let piece = UnsafeRawBufferPointer(rebasing: all[place])
            var at = 0
            guard let runs = Varint.read(piece, at: &at) else { return }
            var count = 0
            if runs == 0 {
                out.add(run: firstTick, ticks)
                count = ticks
            }
            for _ in 0..<runs {
                guard let first = Varint.read(piece, at: &at),
                    let length = Varint.read(piece, at: &at)
                else { return }
                out.add(run: firstTick + Int(first), Int(length))
                count += Int(length)
            }
            let start = out.values.count
            out.values.append(contentsOf: repeatElement(0, count: count))
            out.values.withUnsafeMutableBufferPointer { values in
                _ = codec.decode(
                    UnsafeRawBufferPointer(rebasing: piece[at...]),
                    into: UnsafeMutableBufferPointer(rebasing: values[start...]))
            }
        }
    }
}

/// The samples of one series on a timeline: stretches of ticks, and a value for each tick.
struct ColumnSamples: Sendable {
    var runs: [(first: Int, count: Int)] = []
    var values: [Double] = []

    /// Adds a run, joined with the one before when they touch.
    mutating func add(run first: Int, _ count: Int) {
        if let last = runs.last, last.first + last.count == first {
            runs[runs.count - 1].count += count
        } else {
            runs.append((first, count))
        }
    }

    mutating func removeAll() {
        runs.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}

/// Makes packs, with its working memory.
struct Packer: Sendable {
    var codec = ValueCodec()
    private var scratch: [UInt8] = []

    mutating func pack(
        _ values: UnsafeBufferPointer<Double>, _ presence: UnsafeBufferPointer<UInt64>, rows: Int,
        width: Int, capacity: Int, firstTick: Int
    ) -> Pack {
        let words = capacity / 64
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: TickMatrix.maxRows) {
            column in
            build(width: width, firstTick: firstTick, ticks: rows) { c, packer in
                var count = 0
                for row in 0..<rows
                where presence[row &* words &+ c &>> 6] &>> UInt64(c & 63) & 1 == 1 {
                    column[count] = values[row &* capacity &+ c]
                    count &+= 1
                }
                guard count > 0 else { return }
                if count == rows {
                    packer.scratch.append(0)
                } else {
                    packer.appendRuns(presence, c, rows: rows, words: words)
                }
                packer.codec.encode(
                    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(column)[..<count]),
                    into: &packer.scratch)
            }
        }
    }

    /// A pack whose columns `body` writes, one after the other.
    mutating func build(
        width: Int, firstTick: Int, ticks: Int, _ body: (Int, inout Packer) -> Void
    ) -> Pack {
        var offsets: [UInt32] = []
        offsets.reserveCapacity(width + 1)
        scratch.removeAll(keepingCapacity: true)
        for column in 0..<width {
            offsets.append(UInt32(scratch.count))
            body(column, &self)
        }
        offsets.append(UInt32(scratch.count))
        return Pack(
            firstTick: firstTick, ticks: ticks, offsets: offsets, bytes: Array(scratch[...]))
    }

    /// Writes a column whose runs are counted from the timeline's start.
    mutating func append(_ samples: ColumnSamples, firstTick: Int, ticks: Int) {
        guard let first = samples.runs.first else { return }
        if samples.runs.count == 1, first == (firstTick, ticks) {
            scratch.append(0)
        } else {
            appendRuns(samples.runs, from: firstTick)
        }
        samples.values.withUnsafeBufferPointer { codec.encode($0, into: &scratch) }
    }

    private mutating func appendRuns(_ runs: [(first: Int, count: Int)], from start: Int) {
        Varint.append(UInt64(runs.count), to: &scratch)
        for run in runs {
            Varint.append(UInt64(run.first - start), to: &scratch)
            Varint.append(UInt64(run.count), to: &scratch)
        }
    }

    private mutating func appendRuns(
        _ presence: UnsafeBufferPointer<UInt64>, _ column: Int, rows: Int, words: Int
    ) {
        var runs = ColumnSamples()
        for row in 0..<rows
        where presence[row &* words &+ column &>> 6] &>> UInt64(column & 63) & 1 == 1 {
            runs.add(run: row, 1)
        }
        appendRuns(runs.runs, from: 0)
    }
}
