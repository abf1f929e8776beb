// SPDX-License-Identifier: Apache-2.0

import Codecs
import Testing

/// A small generator with a seed, so that a failure can be had again (Marsaglia's xorshift*).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }
}

@Suite("Value codec")
struct ValueCodecTests {
    private static let special: [Double] = [
        0, -0.0, 1, -1, .infinity, -.infinity, .nan, .signalingNaN,
        Double(bitPattern: 0x7ff0_0000_0000_0002), Double(bitPattern: 0xfff8_dead_beef_0001),
        .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude,
        .leastNormalMagnitude, 0x1p51, 0x1p52, 0x1p53, 0x1p53 + 2, 0x1p62, 0x1p63, -0x1p63, 0x1p64,
        0.1, 0.2, 0.3, 1e-9, 1e9, 1e-10, 123_456.789, -0.000_001, 1e15 + 0.3, 4096,
        2_251_799_813_685_247,
        -2_251_799_813_685_247, 2_251_799_813_685_248, 18_446_744_073_709_551_616,
    ]

    private func roundTrip(_ values: [Double]) -> (isSame: Bool, bytes: Int) {
        var codec = ValueCodec()
        var bytes: [UInt8] = []
        values.withUnsafeBufferPointer { codec.encode($0, into: &bytes) }
        let back = Self.decode(bytes, count: values.count)
        return (back?.map(\.bitPattern) == values.map(\.bitPattern), bytes.count)
    }

    private static func decode(_ bytes: [UInt8], count: Int) -> [Double]? {
        let codec = ValueCodec()
        var output = [Double](repeating: 0, count: count)
        let isWhole = bytes.withUnsafeBytes { bytes in
            output.withUnsafeMutableBufferPointer { codec.decode(bytes, into: $0) }
        }
        return isWhole ? output : nil
    }

    /// One series of a kind that hosts have, or that an adversary would choose.
    private static func series(_ kind: Int, _ count: Int, _ random: inout SeededGenerator)
        -> [Double]
    {
        var last = 0.0
        return (0..<count).map { i in
            switch kind {
            case 0: return Double(bitPattern: random.next())
            case 1: return special.randomElement(using: &random) ?? 0
            case 2: last += Double(Int.random(in: 0..<1000, using: &random)) / 1e6
            case 3: last = Double(Int.random(in: 0..<100_000, using: &random) * 4096)
            case 4: last = Double.random(in: 0..<1, using: &random)
            case 5: last += i % 50 == 0 ? Double(Int.random(in: 0..<9, using: &random)) : 0
            case 6: last = i < count / 2 ? 7 : Double(bitPattern: random.next())
            case 7: last = Double(Int64.random(in: -(1 << 50)...(1 << 50), using: &random))
            case 8: last = Double(Int.random(in: -5...5, using: &random)) / 10
            default: last = Double(i) * 15.625
            }
            return last
        }
    }

    @Test("Every bit pattern comes back", arguments: 0..<10)
    func lossless(kind: Int) {
        for seed in 1...60 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed &+ UInt64(kind) << 32)
            let count = [1, 2, 3, 8, 9, 64, 120, 121, 480, 960].randomElement(using: &random) ?? 1
            let values = Self.series(kind, count, &random)
            #expect(roundTrip(values).isSame, "kind \(kind), seed \(seed), \(count) values")
        }
    }

    @Test("Two unpacked at once are as each alone, whole or damaged")
    func pairs() {
        var random = SeededGenerator(11)
        for round in 0..<600 {
            let packed = (0..<2).map { _ in
                var codec = ValueCodec()
                var bytes: [UInt8] = []
                let values = Self.series(
                    Int.random(in: 0..<10, using: &random),
                    Int.random(in: 0..<200, using: &random), &random)
                values.withUnsafeBufferPointer { codec.encode($0, into: &bytes) }
                if round % 3 == 0, !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << (round % 8)
                }
                return (bytes: bytes, count: values.count)
            }
            var outputs = packed.map { [Double](repeating: 0, count: $0.count) }
            let skipped = packed[0].count / 3
            let areWhole = packed[0].bytes.withUnsafeBytes { first in
                packed[1].bytes.withUnsafeBytes { second in
                    outputs.withUnsafeMutableBufferPointer { outputs in
                        outputs[0].withUnsafeMutableBufferPointer { output in
                            outputs[1].withUnsafeMutableBufferPointer {
                                ValueCodec().decode(
                                    first, into: output, skipping: skipped, and: second, into: $0)
                            }
                        }
                    }
                }
            }
            let alone = packed.map { Self.decode($0.bytes, count: $0.count) }
            #expect(areWhole.0 == (alone[0] != nil) && areWhole.1 == (alone[1] != nil))
            if let one = alone[0] {
                #expect(
                    outputs[0][skipped...].map(\.bitPattern) == one[skipped...].map(\.bitPattern))
            }
            if let other = alone[1] {
                #expect(outputs[1].map(\.bitPattern) == other.map(\.bitPattern))
            }
        }
    }

    @Test("Special values come back alone, in pairs and all together")
    func specials() {
        #expect(roundTrip(Self.special).isSame)
        for a in Self.special {
            #expect(roundTrip([a]).isSame)
            for b in Self.special { #expect(roundTrip([a, b, a, a, b]).isSame, "\(a), \(b)") }
        }
    }

    @Test("What kernels count is small: constants, idle counters, pages")
    func sizes() {
        #expect(roundTrip([Double](repeating: 123_456_789, count: 480)).bytes <= 6)
        #expect(roundTrip((0..<480).map { Double($0) * 10 }).bytes < 32)
        let pages = (0..<480).map { Double(($0 * 7919) % 5 * 4096) }
        #expect(roundTrip(pages).bytes < 480 / 2)
    }

    @Test("Bytes that were changed or cut off never crash, and give so many values or none")
    func mutated() {
        var random = SeededGenerator(7)
        for round in 0..<400 {
            let values = Self.series(round % 10, 1 + round % 150, &random)
            var codec = ValueCodec()
            var bytes: [UInt8] = []
            values.withUnsafeBufferPointer { codec.encode($0, into: &bytes) }
            for _ in 0..<20 {
                var changed = bytes
                for _ in 0...Int.random(in: 0..<3, using: &random) {
                    changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                changed.removeLast(Int.random(in: 0...changed.count, using: &random) / 4)
                if let back = Self.decode(changed, count: values.count) {
                    #expect(back.count == values.count)
                }
            }
        }
    }

    @Test("Random bytes never crash")
    func garbage() {
        var random = SeededGenerator(11)
        for round in 0..<5000 {
            let bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = Self.decode(bytes, count: round % 300)
        }
    }

    @Test("Every prefix of a packed series is refused or decodes to so many values")
    func prefixes() {
        var random = SeededGenerator(3)
        let values = Self.series(2, 120, &random)
        var codec = ValueCodec()
        var bytes: [UInt8] = []
        values.withUnsafeBufferPointer { codec.encode($0, into: &bytes) }
        for length in 0..<bytes.count {
            let back = Self.decode(Array(bytes[..<length]), count: values.count)
            // Padding bits of the last byte may be all that is missing.
            #expect(back == nil || length == bytes.count - 1, "\(length) of \(bytes.count)")
        }
    }
}

@Suite("Checksums and varints")
struct ChecksumTests {
    @Test(
        "CRC-32C of RFC 3720, appendix B.4",
        arguments: [
            ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
            ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
            ((0..<32).map { UInt8($0) }, 0x46dd_794e),
            ((0..<32).map { UInt8(31 - $0) }, 0x113f_db5c),
            (Array("123456789".utf8), 0xe306_9283),
        ] as [([UInt8], UInt32)])
    func vectors(bytes: [UInt8], checksum: UInt32) {
        #expect(bytes.withUnsafeBytes { CRC32C.checksum($0) } == checksum)
    }

    @Test("Varints of every width come back; cut off ones do not")
    func varints() {
        for shift in 0..<64 {
            for value in [UInt64(1) << UInt64(shift), UInt64.max >> UInt64(shift)] {
                var bytes: [UInt8] = []
                Varint.append(value, to: &bytes)
                bytes.withUnsafeBytes { all in
                    var at = 0
                    #expect(Varint.read(all, at: &at) == value)
                    #expect(at == all.count)
                    at = 0
                    #expect(
                        Varint.read(UnsafeRawBufferPointer(rebasing: all.dropLast()), at: &at)
                            == nil)
                }
                #expect(
                    ZigZag.decode(ZigZag.encode(Int64(bitPattern: value)))
                        == Int64(bitPattern: value))
            }
        }
        [UInt8](repeating: 0xff, count: 12).withUnsafeBytes { all in
            var at = 0
            #expect(Varint.read(all, at: &at) == nil)
        }
    }
}
