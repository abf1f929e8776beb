// SPDX-License-Identifier: Apache-2.0

import Codecs
import Testing

@Suite("Rice codes by column")
struct ColumnRiceCodecTests {
    /// Ticks of columns that have nothing in common, some of them absent now and then.
    private static func ticks(
        _ random: inout SeededGenerator
    ) -> [(values: [Int64], columns: [UInt32])] {
        let width = UInt32.random(in: 1...70, using: &random)
        let kinds = (0..<width).map { _ in Int.random(in: 0..<6, using: &random) }
        return (0..<40).map { _ in
            let isPartial = Bool.random(using: &random)
            let columns = (0..<width).filter { _ in
                !isPartial || Int.random(in: 0..<4, using: &random) > 0
            }
            let values = columns.map { column -> Int64 in
                switch kinds[Int(column)] {
                case 0: 0
                case 1: Int64.random(in: -1...1, using: &random)
                case 2: Int64.random(in: 0...5000, using: &random)
                case 3: Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
                case 4: [.min, .max, 0, 1].randomElement(using: &random) ?? 0
                default: Int64(bitPattern: random.next())
                }
            }
            return (values, columns)
        }
    }

    private static func encode(
        _ values: [Int64], _ columns: [UInt32], _ scales: inout [Float]
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: ColumnRiceCodec.bound(values.count))
        let count = bytes.withUnsafeMutableBufferPointer { bytes in
            scales.withUnsafeMutableBufferPointer { scales in
                values.withUnsafeBufferPointer { values in
                    columns.withUnsafeBufferPointer { columns in
                        bytes.baseAddress.map {
                            ColumnRiceCodec.encode(values, of: columns, scales: scales, to: $0)
                        } ?? 0
                    }
                }
            }
        }
        return Array(bytes[..<count])
    }

    private static func decode(
        _ bytes: [UInt8], _ columns: [UInt32], _ scales: inout [Float]
    ) -> [Int64]? {
        var values = [Int64](repeating: 0, count: columns.count)
        let isWhole = bytes.withUnsafeBytes { bytes in
            scales.withUnsafeMutableBufferPointer { scales in
                values.withUnsafeMutableBufferPointer { values in
                    columns.withUnsafeBufferPointer { columns in
                        ColumnRiceCodec.decode(bytes, of: columns, scales: scales, into: values)
                    }
                }
            }
        }
        return isWhole ? values : nil
    }

    @Test("Every number comes back, tick after tick")
    func lossless() {
        for seed in 1...200 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed)
            var written = [Float](repeating: 0, count: 70)
            var read = written
            for (values, columns) in Self.ticks(&random) {
                let bytes = Self.encode(values, columns, &written)
                #expect(Self.decode(bytes, columns, &read) == values, "seed \(seed)")
                #expect(written == read)
            }
        }
    }

    @Test("Bytes that are cut off or changed give numbers or none, and no more")
    func damage() {
        for seed in 1...100 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed)
            var scales = [Float](repeating: 0, count: 70)
            for (values, columns) in Self.ticks(&random) {
                var copy = scales
                let bytes = Self.encode(values, columns, &scales)
                var changed = bytes.shuffled(using: &random)
                changed.removeLast(Int.random(in: 0...bytes.count, using: &random))
                _ = Self.decode(changed, columns, &copy)
                #expect(copy.allSatisfy { $0 >= 0 && $0.isFinite })
            }
        }
    }

    @Test("A column costs what it is worth beside one that has nothing to do with it")
    func size() {
        var scales: [Float] = [0, 0]
        var bytes = 0
        var random = SeededGenerator(7)
        for _ in 0..<1000 {
            // 1 bit and 20 bits of news.
            let values = [
                Int64.random(in: 0...1, using: &random),
                Int64.random(in: 0..<1 << 20, using: &random),
            ]
            bytes += Self.encode(values, [0, 1], &scales).count
        }
        #expect(bytes < 1000 * 4)
    }
}
