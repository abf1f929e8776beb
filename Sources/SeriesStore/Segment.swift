// SPDX-License-Identifier: Apache-2.0

import Codecs

/// The values of one metric's series in one bucket:
///
///     version   1 byte
///     series    for each: id, number of runs, (first tick, ticks) for each run,
///               bytes of values, the values (ValueCodec)     all numbers varints
///     checksum  4 bytes, CRC-32C of all before, little-endian
///
/// A run is a stretch of ticks in which the series was present.
enum Segment {
    static let version: UInt8 = 1

    /// One series of a segment.
    struct Entry {
        var id: Int64
        /// Stretches of ticks, as (first, count), ascending.
        var runs: [(first: Int, count: Int)]
        /// Where its packed values are.
        var values: Range<Int>

        var count: Int { runs.reduce(0) { $0 + $1.count } }
    }

    static func append(
        id: Int64, ticks: [UInt16], values: [Double], to bytes: inout [UInt8]
    ) {
        Varint.append(UInt64(bitPattern: id), to: &bytes)
        var runs: [(first: Int, count: Int)] = []
        for tick in ticks {
            if let last = runs.last, last.first + last.count == Int(tick) {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((Int(tick), 1))
            }
        }
        Varint.append(UInt64(runs.count), to: &bytes)
        for run in runs {
            Varint.append(UInt64(run.first), to: &bytes)
            Varint.append(UInt64(run.count), to: &bytes)
        }
        var packed: [UInt8] = []
        ValueCodec.encode(values, into: &packed)
        Varint.append(UInt64(packed.count), to: &bytes)
        bytes += packed
    }

    static func finish(_ bytes: inout [UInt8]) {
        let checksum = bytes.withUnsafeBytes { CRC32C.checksum($0) }
        for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: checksum >> shift)) }
    }

    /// The directory of a segment; nil when it is damaged.
    static func entries(_ bytes: [UInt8]) -> [Entry]? {
        bytes.withUnsafeBytes { all -> [Entry]? in
            guard all.count >= 5, all[0] == version else { return nil }
            let body = UnsafeRawBufferPointer(rebasing: all[..<(all.count - 4)])
            let stored = UInt32(
                littleEndian: all.loadUnaligned(fromByteOffset: body.count, as: UInt32.self))
            guard CRC32C.checksum(body) == stored else { return nil }
            var entries: [Entry] = []
            var at = 1
            while at < body.count {
                guard let entry = entry(body, &at) else { return nil }
                entries.append(entry)
            }
            return entries
        }
    }

    private static func entry(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Entry? {
        guard let id = Varint.read(bytes, at: &at), let runCount = Varint.read(bytes, at: &at),
            runCount <= UInt64(bytes.count)
        else { return nil }
        var runs: [(first: Int, count: Int)] = []
        for _ in 0..<runCount {
            guard let first = Varint.read(bytes, at: &at), let count = Varint.read(bytes, at: &at),
                first < 1 << 16, count < 1 << 16
            else { return nil }
            runs.append((Int(first), Int(count)))
        }
        guard let length = Varint.read(bytes, at: &at), length <= UInt64(bytes.count - at) else {
            return nil
        }
        defer { at += Int(length) }
        return Entry(
            id: Int64(bitPattern: id), runs: runs, values: at..<(at + Int(length)))
    }
}
