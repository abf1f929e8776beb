// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The rows of `tick`: for each sample the difference of its series' id to the one before (zigzag
/// varint) and the value's bits.
enum Journal {
    static func encode(_ samples: [(id: Int64, value: Double)]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(samples.count * 10)
        var previous: Int64 = 0
        for sample in samples {
            let step = sample.id &- previous
            Varint.append(UInt64(bitPattern: step << 1 ^ step >> 63), to: &bytes)
            previous = sample.id
            withUnsafeBytes(of: sample.value.bitPattern.littleEndian) { bytes += $0 }
        }
        return bytes
    }

    /// Calls `body` with each sample, up to where the bytes are damaged.
    static func decode(_ bytes: UnsafeRawBufferPointer, _ body: (Int64, Double) -> Void) {
        var at = 0
        var id: Int64 = 0
        while let step = Varint.read(bytes, at: &at), at + 8 <= bytes.count {
            id &+= Int64(bitPattern: step >> 1) ^ -Int64(bitPattern: step & 1)
            let bits = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            at += 8
            body(id, Double(bitPattern: bits))
        }
    }

    /// Puts what was not sealed back into an empty head; gives the last time that is stored.
    static func replay(from database: Database, into head: inout Head) throws(StoreError)
        -> Milliseconds
    {
        var slots: [Int64: Int?] = [:]
        var ticks: [(time: Milliseconds, samples: [(Int64, Double)])] = []
        let statement = try database.prepare(
            "SELECT time, data FROM tick ORDER BY time DESC LIMIT \(SeriesStore.maxPendingTicks)")
        while try statement.step() {
            var samples: [(Int64, Double)] = []
            statement.withBlob(1) { decode($0) { samples.append(($0, $1)) } }
            ticks.append((statement.integer(0), samples))
        }
        statement.reset()
        for tick in ticks.reversed() {
            let number = UInt16(head.times.count)
            head.times.append(tick.time)
            for (id, value) in tick.samples {
                let slot: Int?
                if let known = slots[id] {
                    slot = known
                } else {
                    slot = try Registry.load(id, from: database, into: &head)
                    slots[id] = slot
                }
                guard let slot else { continue }
                head.series[slot]?.ticks.append(number)
                head.series[slot]?.values.append(value)
            }
        }
        // Whatever was measured is over until it is registered again.
        for ref in head.targets.keys { head.targets[ref]?.isRetired = true }
        return head.times.last ?? .min
    }
}
