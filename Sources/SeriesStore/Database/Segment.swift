// SPDX-License-Identifier: Apache-2.0

import Codecs

/// The values of one metric's series in one bucket:
///
///     version   1 byte
///     series    for each: a byte of flags; id as a step from the one before, unless flag 1 says
///               that it is 1; timeline, number of runs and (first tick, ticks) for each run, unless
///               flag 2 says that they are as before; bytes of values, the values (ValueCodec); all
///               numbers varints
///     checksum  4 bytes, CRC-32C of all before, little-endian
///
/// Version 2 has no flags and all numbers.
///
/// A run is a stretch of ticks in which the series was present.
enum Segment {
    static let version: UInt8 = 3
    private static let oldest: UInt8 = 2

    private enum Flag {
        static let nextID: UInt8 = 1
        static let sameRuns: UInt8 = 2
    }

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
        private var timeline = -1
        private var runs: [(first: Int, count: Int)] = []
        /// The smallest and the largest id.
        private(set) var ids: ClosedRange<Int64> = 0...0
        private(set) var samples = 0

        var isEmpty: Bool { bytes.count == 1 }

        /// Begins another segment.
        mutating func reset() {
            bytes.removeAll(keepingCapacity: true)
            bytes.append(Segment.version)
            previous = 0
            timeline = -1
            samples = 0
        }

        /// Adds a series that was present in `runs` of a timeline.
        mutating func append(
            id: Int64, timeline: Int, runs: [(first: Int, count: Int)], values: [Double]
        ) {
            ids = isEmpty ? id...id : min(id, ids.lowerBound)...max(id, ids.upperBound)
            samples += values.count
            let isNext = id == previous &+ 1
            let isSame = timeline == self.timeline && runs.elementsEqual(self.runs, by: ==)
            bytes.append((isNext ? Flag.nextID : 0) | (isSame ? Flag.sameRuns : 0))
            if !isNext { Varint.appendSigned(id &- previous, to: &bytes) }
            if !isSame {
                Varint.append(UInt64(timeline), to: &bytes)
                Varint.append(UInt64(runs.count), to: &bytes)
                for run in runs {
                    Varint.append(UInt64(run.first), to: &bytes)
                    Varint.append(UInt64(run.count), to: &bytes)
                }
            }
            (previous, self.timeline, self.runs) = (id, timeline, runs)
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
            guard all.count >= 5, (oldest...version).contains(all[0]) else { return nil }
            let body = UnsafeRawBufferPointer(rebasing: all[..<(all.count - 4)])
            let stored = UInt32(
                littleEndian: all.loadUnaligned(fromByteOffset: body.count, as: UInt32.self))
            guard CRC32C.checksum(body) == stored else { return nil }
            var entries: [Entry] = []
            var at = 1
            while at < body.count {
                guard let entry = entry(body, &at, after: entries.last) else { return nil }
                entries.append(entry)
            }
            return entries
        }
    }

    private static func entry(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, after previous: Entry?
    ) -> Entry? {
        var flags: UInt8 = 0
        if bytes[0] > oldest {
            flags = bytes[at]
            at += 1
        }
        var id = previous?.id ?? 0
        if flags & Flag.nextID != 0 {
            id &+= 1
        } else {
            guard let step = Varint.readSigned(bytes, at: &at) else { return nil }
            id &+= step
        }
        var entry: Entry
        if flags & Flag.sameRuns != 0 {
            guard let previous else { return nil }
            entry = previous
            entry.id = id
        } else {
            guard let timeline = Varint.read(bytes, at: &at), timeline < 1 << 32,
                let runs = runs(bytes, &at)
            else { return nil }
            entry = Entry(id: id, timeline: Int(timeline), runs: runs, values: 0..<0)
        }
        guard let length = Varint.read(bytes, at: &at), length <= UInt64(bytes.count - at) else {
            return nil
        }
        entry.values = at..<(at + Int(length))
        at += Int(length)
        return entry
    }

    private static func runs(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int
    ) -> [(first: Int, count: Int)]? {
        guard let count = Varint.read(bytes, at: &at), count <= UInt64(bytes.count) else {
            return nil
        }
        var runs: [(first: Int, count: Int)] = []
        for _ in 0..<count {
            guard let first = Varint.read(bytes, at: &at), let count = Varint.read(bytes, at: &at),
                first < 1 << 16, count < 1 << 16
            else { return nil }
            runs.append((Int(first), Int(count)))
        }
        return runs
    }
}
