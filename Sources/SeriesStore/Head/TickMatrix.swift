// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The newest ticks of a timeline, one row each: a value for each column and a bit for each that
/// says whether it has one.
struct TickMatrix: Sendable {
    /// Rows after which they are packed.
    static let rows = 32

    /// Columns in use.
    private(set) var width = 0
    private var capacity = 0
    private(set) var count = 0
    private var values: [Double] = []
    private var presence: [UInt64] = []

    private var words: Int { capacity / 64 }

    /// Makes room for `width` columns.
    mutating func widen(to wanted: Int) {
        guard wanted > width else { return }
        if wanted > capacity {
            let larger = (max(wanted + wanted / 16, 64) + 63) / 64 * 64
            var newValues = [Double](repeating: 0, count: larger * Self.rows)
            var newPresence = [UInt64](repeating: 0, count: larger / 64 * Self.rows)
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

    /// Appends the column's runs, counted from the timeline's start, and its values.
    func append(_ column: Int, to out: inout ColumnSamples, _ codec: inout ValueCodec) {
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
    private var codec = ValueCodec()
    private var scratch: [UInt8] = []

    mutating func pack(
        _ values: UnsafeBufferPointer<Double>, _ presence: UnsafeBufferPointer<UInt64>, rows: Int,
        width: Int, capacity: Int, firstTick: Int
    ) -> Pack {
        var offsets: [UInt32] = []
        offsets.reserveCapacity(width + 1)
        scratch.removeAll(keepingCapacity: true)
        let words = capacity / 64
        withUnsafeTemporaryAllocation(of: Double.self, capacity: TickMatrix.rows) { column in
            for c in 0..<width {
                offsets.append(UInt32(scratch.count))
                var count = 0
                for row in 0..<rows
                where presence[row &* words &+ c &>> 6] &>> UInt64(c & 63) & 1 == 1 {
                    column[count] = values[row &* capacity &+ c]
                    count &+= 1
                }
                guard count > 0 else { continue }
                if count == rows {
                    scratch.append(0)
                } else {
                    appendRuns(presence, c, rows: rows, words: words)
                }
                codec.encode(
                    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(column)[..<count]),
                    into: &scratch)
            }
        }
        offsets.append(UInt32(scratch.count))
        return Pack(firstTick: firstTick, ticks: rows, offsets: offsets, bytes: Array(scratch[...]))
    }

    private mutating func appendRuns(
        _ presence: UnsafeBufferPointer<UInt64>, _ column: Int, rows: Int, words: Int
    ) {
        var runs = ColumnSamples()
        for row in 0..<rows
        where presence[row &* words &+ column &>> 6] &>> UInt64(column & 63) & 1 == 1 {
            runs.add(run: row, 1)
        }
        Varint.append(UInt64(runs.runs.count), to: &scratch)
        for run in runs.runs {
            Varint.append(UInt64(run.first), to: &scratch)
            Varint.append(UInt64(run.count), to: &scratch)
        }
    }
}
