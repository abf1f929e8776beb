// SPDX-License-Identifier: Apache-2.0

import Codecs

/// The values of one metric's series in one bucket:
///
///     version   1 byte
///     series    for each: id as a step from the one before, timeline, number of runs,
///               (first tick, ticks) for each run, bytes of values, the values (ValueCodec);
///               all numbers varints
///     checksum  4 bytes, CRC-32C of all before, little-endian
///
/// A run is a stretch of ticks in which the series was present.
enum Segment {
    static let version: UInt8 = 2

    /// One series of a segment.
    struct Entry {
        var id: Int64
        /// Which of the bucket's lists of timestamps it has.
        var timeline = 0
        /// Stretches of ticks, as (first, count), ascending.
        var runs: [(first: Int, count: Int)]
        /// Where its packed values are.
        var values: Range<Int>

        var count: Int { runs.reduce(0) { $0 + $1.count } }
    }

    /// Writes segments, with the codec's working memory.
    struct Writer {
        private(set) var bytes: [UInt8] = [Segment.version]
        private var codec = ValueCodec()
        private var packed: [UInt8] = []
        private var previous: Int64 = 0
        /// The smallest and the largest id.
        private(set) var ids: ClosedRange<Int64> = 0...0
        private(set) var samples = 0

        var isEmpty: Bool { bytes.count == 1 }

        /// Begins another segment.
        mutating func reset() {
            bytes.removeAll(keepingCapacity: true)
            bytes.append(Segment.version)
            previous = 0
            samples = 0
        }

        /// Adds a series that was present in `runs` of a timeline.
        mutating func append(
            id: Int64, timeline: Int, runs: [(first: Int, count: Int)], values: [Double]
        ) {
            ids = isEmpty ? id...id : min(id, ids.lowerBound)...max(id, ids.upperBound)
            samples += values.count
            Varint.appendSigned(id &- previous, to: &bytes)
            previous = id
            Varint.append(UInt64(timeline), to: &bytes)
            Varint.append(UInt64(runs.count), to: &bytes)
            for run in runs {
                Varint.append(UInt64(run.first), to: &bytes)
                Varint.append(UInt64(run.count), to: &bytes)
            }
            packed.removeAll(keepingCapacity: true)
            values.withUnsafeBufferPointer { codec.encode($0, into: &packed) }
            Varint.append(UInt64(packed.count), to: &bytes)
            bytes += packed
        }

        /// Adds the checksum; the segment is complete.
        mutating func finish() -> [UInt8] {
            Segment.finish(&bytes)
            return bytes
        }
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
            var previous: Int64 = 0
            while at < body.count {
                guard let entry = entry(body, &at, after: previous) else { return nil }
                previous = entry.id
                entries.append(entry)
            }
            return entries
        }
    }

    private static func entry(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, after previous: Int64
    ) -> Entry? {
        guard let step = Varint.readSigned(bytes, at: &at),
            let timeline = Varint.read(bytes, at: &at), timeline < 1 << 32,
            let runCount = Varint.read(bytes, at: &at),
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
            id: previous &+ step, timeline: Int(timeline), runs: runs,
            values: at..<(at + Int(length)))
    }
}
